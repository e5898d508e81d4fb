import type { Check } from '../check.ts';
import { balloonChecks } from './balloon.ts';
import { balloonHintChecks } from './balloon-hints.ts';
import { blockConfigChecks } from './block-config.ts';
import { blockRequestChecks } from './block-requests.ts';
import { blockZonedChecks } from './block-zoned.ts';
import { consoleChecks } from './console.ts';
import { entropyChecks } from './entropy.ts';
import { networkConfigChecks } from './network-config.ts';
import { networkFilterChecks } from './network-filter.ts';
import { networkLegacyChecks } from './network-legacy.ts';
import { networkReceiveChecks } from './network-receive.ts';
import { networkSteeringChecks } from './network-steering.ts';
import { networkTransmitChecks } from './network-transmit.ts';
import { p9Checks } from './p9.ts';
import { scsiChecks } from './scsi.ts';
import { scsiEventChecks } from './scsi-events.ts';

/** What is about one device type each. */
export const typeChecks: readonly Check[] = [
  ...networkConfigChecks,
  ...networkTransmitChecks,
  ...networkReceiveChecks,
  ...networkFilterChecks,
  ...networkSteeringChecks,
  ...networkLegacyChecks,
  ...blockConfigChecks,
  ...blockRequestChecks,
  ...blockZonedChecks,
  ...consoleChecks,
  ...entropyChecks,
  ...balloonChecks,
  ...balloonHintChecks,
  ...scsiChecks,
  ...scsiEventChecks,
  ...p9Checks,
];
