import { administrationSeeds } from './administration.ts';
import { zoneSeeds } from './block-zones.ts';
import { configurationSeeds } from './configuration.ts';
import { networkSeeds } from './network.ts';
import { ringSeeds } from './rings.ts';
import type { Seed } from './seed.ts';
import { transportSeeds } from './transport.ts';
import { blockSeeds, typeSeeds } from './types.ts';

export const allSeeds: readonly Seed[] = [
  ...transportSeeds,
  ...configurationSeeds,
  ...ringSeeds,
  ...blockSeeds,
  ...zoneSeeds,
  ...typeSeeds,
  ...networkSeeds,
  ...administrationSeeds,
];
