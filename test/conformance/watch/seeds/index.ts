import type { Seed } from './seed.ts';
import { transportSeeds } from './transport.ts';

export const allSeeds: readonly Seed[] = [...transportSeeds];
