import type { Check } from '../check.ts';
import { chainChecks } from './chains.ts';
import { eventChecks } from './events.ts';
import { hostileRingChecks } from './hostile-rings.ts';
import { indirectChecks } from './indirect.ts';
import { inOrderChecks, packedChecks } from './packed.ts';
import { statusChecks } from './status.ts';

/** Every check, in the order in which they are made. */
export const checks: readonly Check[] = [
  ...statusChecks,
  ...chainChecks,
  ...indirectChecks,
  ...eventChecks,
  ...packedChecks,
  ...inOrderChecks,
  ...hostileRingChecks,
];
