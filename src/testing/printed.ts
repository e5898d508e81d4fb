import { fc } from './fast-check.ts';

/** The same value, which fast-check prints in words. */
export const printed = <T extends object>(value: T, says: (value: T) => string): T =>
  Object.defineProperty(value, fc.toStringMethod, { value: () => says(value) });
