import type { Case } from './frame.ts';

/** Every benchmark, in the order it is run and printed. */
export const CASES: readonly Case[] = [];
