import { type DeviceBehaviour, type DeviceType, defineDeviceType } from '../../../src/virtio/index.ts';
import { balloonKit } from './balloon.ts';
import { blockKit } from './block.ts';
import { consoleKit } from './console.ts';
import { entropyKit } from './entropy.ts';
import type { TypeKit } from './kit.ts';
import { lampKit } from './lamp.ts';
import { networkKit } from './network.ts';
import { p9Kit } from './p9.ts';
import { rtcKit } from './rtc.ts';
import { scsiKit } from './scsi.ts';
import { vsockKit } from './vsock.ts';

/** Every device type that the properties over all types know. A kit only ever gets stimuli of its own drawing. */
export const kits = [
  balloonKit,
  blockKit,
  consoleKit,
  entropyKit,
  lampKit,
  networkKit,
  p9Kit,
  rtcKit,
  scsiKit,
  vsockKit,
] as unknown as readonly TypeKit[];

/**
 * Rows of the device types that have kits. A modern-only type is lent ids: behaviours know no windows, and what holds behind
 * legacy ones (equivalence, saving and loading) has to hold of theirs too.
 */
export const typesWithKits: readonly DeviceType[] = kits.map(({ type }, i) =>
  type.transitionalId === null
    ? defineDeviceType({ ...type, transitionalId: 0x1020 + i, mmrId: 0x1120 + i })
    : type,
);
export const kitTypes = typesWithKits.map(({ name }) => name);

/** A behaviour as one of a type that has all ids. */
export function withIds<B extends DeviceBehaviour>(behaviour: B): B {
  const type = typesWithKits.find(({ name }) => name === behaviour.type.name);
  return Object.defineProperty(behaviour, 'type', { value: type });
}

/** The kit of a device type, by the type's name. */
export function kitOf(name: string): TypeKit {
  const kit = kits.find(({ type }) => type.name === name);
  if (kit === undefined) throw new Error(`no kit for ${name}`);
  return kit;
}
