import type { Check } from '../check.ts';
import { adminCommandChecks } from './admin-commands.ts';
import { adminLegacyChecks } from './admin-legacy.ts';
import { adminNotifyChecks } from './admin-notify.ts';
import { adminPartsChecks } from './admin-parts.ts';
import { adminQueueChecks } from './admin-queue.ts';
import { chainChecks } from './chains.ts';
import { commonConfigChecks } from './common-config.ts';
import { configWindowChecks } from './config-window.ts';
import { configurationChecks } from './configuration.ts';
import { configurationSpaceChecks } from './configuration-space.ts';
import { eventChecks } from './events.ts';
import { featureChecks } from './features.ts';
import { hostileRingChecks } from './hostile-rings.ts';
import { indirectChecks } from './indirect.ts';
import { interruptPinChecks } from './interrupt-pin.ts';
import { legacyBlockChecks } from './legacy-block.ts';
import { notifyChecks } from './notify.ts';
import { inOrderChecks, packedChecks } from './packed.ts';
import { queueResetChecks } from './queue-reset.ts';
import { regionChecks } from './regions.ts';
import { statusChecks } from './status.ts';
import { suspendChecks } from './suspend.ts';
import { typeChecks } from './types.ts';
import { vectorChecks } from './vectors.ts';

/** Every check, in the order in which they are made. */
export const checks: readonly Check[] = [
  ...configurationSpaceChecks,
  ...regionChecks,
  ...statusChecks,
  ...featureChecks,
  ...commonConfigChecks,
  ...configurationChecks,
  ...queueResetChecks,
  ...notifyChecks,
  ...interruptPinChecks,
  ...vectorChecks,
  ...configWindowChecks,
  ...legacyBlockChecks,
  ...suspendChecks,
  ...chainChecks,
  ...indirectChecks,
  ...eventChecks,
  ...packedChecks,
  ...inOrderChecks,
  ...hostileRingChecks,
  ...adminCommandChecks,
  ...adminQueueChecks,
  ...adminLegacyChecks,
  ...adminNotifyChecks,
  ...adminPartsChecks,
  ...typeChecks,
];
