import { lengthOf, type Register, type Width } from '../../core/index.ts';
import { capabilityId } from '../../pci/index.ts';
import {
  notifyCapability,
  sharedMemoryCapability,
  structureCapability,
  structureType,
  type VirtioFunction,
  vendorDataCapability,
} from '../../virtio/index.ts';

export type StructureName = keyof typeof structureType;

/** Where the first capability of a structure stands. */
export function capabilityAt({ pci }: VirtioFunction, name: StructureName): number {
  const { offset } = structureCapability.structureType;
  return pci.capabilities.offsets.find(
    (at) =>
      pci.config.get(at, 1) === capabilityId.vendorSpecific &&
      pci.config.get(at + offset, 1) === structureType[name],
  )!;
}

/** Gives a register of configuration space another value, whatever software may do. `base` in bytes. */
export function setConfig(
  { pci }: VirtioFunction,
  { offset, width }: Register,
  value: number,
  base = 0,
): void {
  pci.config.set(base + offset, width as Width, value);
}

const maps = {
  notify: notifyCapability,
  sharedMemory: sharedMemoryCapability,
  vendor: vendorDataCapability,
} as const;

/** Appends one more capability of a structure, of its first bytes in BAR4 where nothing else is said. @returns where it stands */
export function addStructure(
  { pci }: VirtioFunction,
  name: StructureName,
  values: Readonly<Record<string, number>> = {},
): number {
  const map = name in maps ? maps[name as keyof typeof maps] : structureCapability;
  const place = name === 'vendor' ? {} : { bar: 4, length: 0x1000 };
  const capabilityLength = lengthOf(map);
  return pci.capabilities.add(capabilityId.vendorSpecific, map as typeof structureCapability, {
    capabilityLength,
    structureType: structureType[name],
    ...place,
    ...values,
  });
}
