import { balloonMutants } from './balloon.ts';
import { blockMutants } from './block.ts';
import type { DeviceMutant } from './mutant.ts';
import { networkMutants } from './network.ts';
import { networkControlMutants } from './network-control.ts';
import { consoleMutants, entropyMutants, p9Mutants } from './others.ts';
import { scsiMutants } from './scsi.ts';

/** Devices that are wrong in what is their type's. */
export const typeMutants: readonly DeviceMutant[] = [
  ...networkMutants,
  ...networkControlMutants,
  ...blockMutants,
  ...consoleMutants,
  ...entropyMutants,
  ...balloonMutants,
  ...scsiMutants,
  ...p9Mutants,
];
