import { balloonKit } from './balloon.ts';
import { blockKit } from './block.ts';
import { consoleKit } from './console.ts';
import { entropyKit } from './entropy.ts';
import type { TypeKit } from './kit.ts';
import { lampKit } from './lamp.ts';
import { networkKit } from './network.ts';
import { p9Kit } from './p9.ts';
import { scsiKit } from './scsi.ts';

/** Every device type that the properties over all types know. A kit only ever gets stimuli of its own drawing. */
export const kits = [
  balloonKit,
  blockKit,
  consoleKit,
  entropyKit,
  lampKit,
  networkKit,
  p9Kit,
  scsiKit,
] as unknown as readonly TypeKit[];

/** Rows, and names, of the device types that have kits. */
export const typesWithKits = kits.map(({ type }) => type);
export const kitTypes = typesWithKits.map(({ name }) => name);

/** The kit of a device type, by the type's name. */
export function kitOf(name: string): TypeKit {
  const kit = kits.find(({ type }) => type.name === name);
  if (kit === undefined) throw new Error(`no kit for ${name}`);
  return kit;
}
