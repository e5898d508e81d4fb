import { type Bus, FOUR_GIB, lengthOf, type Register, type Width } from '../../core/index.ts';
import { capabilityId } from '../../pci/layout/index.ts';
import {
  sharedMemoryCapability,
  structureCapability,
  structureType,
  vendorDataCapability,
} from '../../virtio/layout/index.ts';
import type { FoundFunction } from '../pci.ts';

/** Guest-physical address and length in bytes of a structure. */
export interface Structure {
  readonly address: number;
  readonly length: number;
  /** Where its capability stands. */
  readonly capability: number;
}

/** Offsets of a function's virtio capabilities of one type, in list order; unknown types are passed over (PCI-CAP-07). */
function* capabilitiesOf(bus: Bus, fn: FoundFunction, type: number): Generator<number> {
  const at = structureCapability.structureType.offset;
  for (const { id, offset } of fn.capabilities)
    if (id === capabilityId.vendorSpecific && bus.configRead(fn.address, offset + at, 1) === type)
      yield offset;
}

const reader = (bus: Bus, fn: FoundFunction, capability: number) => (register: Register) =>
  bus.configRead(fn.address, capability + register.offset, register.width as Width);

/** Where something stands in a BAR, or null where that BAR cannot be used (PCI-CAP-10). */
function place(fn: FoundFunction, bar: number, offset: number, length: number) {
  const found = fn.bars.find(({ index }) => index === bar);
  return found === undefined || found.kind === 'io' || found.address === 0 || offset + length > found.size
    ? null
    : { address: found.address + offset, length };
}

/** The first usable structure of a type (PCI-CAP-08). */
export function findStructure(bus: Bus, fn: FoundFunction, type: number): Structure | null {
  for (const capability of capabilitiesOf(bus, fn, type)) {
    const read = reader(bus, fn, capability);
    const { bar, offset, length } = structureCapability;
    const found = place(fn, read(bar), read(offset), read(length));
    if (found !== null) return { ...found, capability };
  }
  return null;
}

/** A function's shared memory regions by id; the first of an id counts (PCI-SHM-02). */
export function sharedMemoryOf(bus: Bus, fn: FoundFunction): Map<number, Structure> {
  const regions = new Map<number, Structure>();
  for (const capability of capabilitiesOf(bus, fn, structureType.sharedMemory)) {
    const read = reader(bus, fn, capability);
    const { bar, offset, offsetHigh, length, lengthHigh, id } = sharedMemoryCapability;
    const wide = (high: Register, low: Register) => read(high) * FOUR_GIB + read(low);
    const found = place(fn, read(bar), wide(offsetHigh, offset), wide(lengthHigh, length));
    if (found !== null && !regions.has(read(id))) regions.set(read(id), { ...found, capability });
  }
  return regions;
}

/** What one vendor tells of a function, padding included: for reports, not for use (PCI-VND-06, PCI-VND-07). */
export function vendorDataOf(bus: Bus, fn: FoundFunction, vendorId: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  const header = lengthOf(vendorDataCapability);
  for (const capability of capabilitiesOf(bus, fn, structureType.vendor)) {
    const read = reader(bus, fn, capability);
    if (read(vendorDataCapability.vendorId) !== vendorId) continue;
    const length = Math.max(0, read(vendorDataCapability.capabilityLength) - header);
    const byte = (_: unknown, i: number) => bus.configRead(fn.address, capability + header + i, 1);
    found.push(Uint8Array.from({ length }, byte));
  }
  return found;
}
