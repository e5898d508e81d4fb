import type { Check } from '../check.ts';
import { statusChecks } from './status.ts';

/** Every check, in the order in which they are made. */
export const checks: readonly Check[] = [...statusChecks];
