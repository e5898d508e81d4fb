import type { Check } from '../check.ts';
import { adminCommandChecks } from './admin-commands.ts';
import { adminLegacyChecks } from './admin-legacy.ts';
import { adminNotifyChecks } from './admin-notify.ts';
import { adminPartsChecks } from './admin-parts.ts';
import { adminQueueChecks } from './admin-queue.ts';
import { chainChecks } from './chains.ts';
import { configurationSpaceChecks } from './configuration-space.ts';
import { eventChecks } from './events.ts';
import { hostileRingChecks } from './hostile-rings.ts';
import { indirectChecks } from './indirect.ts';
import { inOrderChecks, packedChecks } from './packed.ts';
import { statusChecks } from './status.ts';

/** Every check, in the order in which they are made. */
export const checks: readonly Check[] = [
  ...configurationSpaceChecks,
  ...statusChecks,
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
];
