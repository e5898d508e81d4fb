import {
  type BusTarget,
  bytes as bytesField,
  expectSame,
  FOUR_GIB,
  group,
  lengthOf,
  list,
  maskOf,
  record,
  type State,
  type Stateful,
  u8,
  VirtiolabError,
} from '../../core/index.ts';
import { capabilityId, type PciFunction } from '../../pci/index.ts';
import { sharedMemoryCapability, structureType } from '../layout/index.ts';
import type { Stand } from './bar-plan.ts';

/** Memory that device and driver share: neither registers nor a stream (SHM-01). `id` is 0..255. */
export interface SharedMemoryRegion {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/** Regions that a function cannot have: an id twice or out of range, or no bytes. */
export class SharedMemoryError extends VirtiolabError {
  readonly id: number;

  constructor(id: number, reason: string) {
    super(`shared memory region ${id}: ${reason}`);
    this.id = id;
  }
}

/** Bytes behind a BAR. An access that leaves them reads all ones there, and writes nothing. */
function memoryTarget(bytes: Uint8Array): BusTarget {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    read: (offset, width) => {
      if (offset + width > bytes.length) return maskOf(width);
      return width === 4
        ? view.getUint32(offset, true)
        : width === 2
          ? view.getUint16(offset, true)
          : bytes[offset]!;
    },
    write: (offset, width, value) => {
      if (offset + width > bytes.length) return;
      if (width === 4) view.setUint32(offset, value, true);
      else if (width === 2) view.setUint16(offset, value, true);
      else bytes[offset] = value;
    },
  };
}

export const sharedMemoryState = record('shared-memory', 1, {
  regions: list(group({ id: u8, bytes: bytesField() })),
});

class SharedMemory implements Stateful {
  readonly record = sharedMemoryState;
  readonly #regions: readonly SharedMemoryRegion[];

  constructor(regions: readonly SharedMemoryRegion[]) {
    this.#regions = regions;
  }

  save() {
    const regions = this.#regions.map(({ id, bytes }) => ({ id, bytes: bytes.slice() }));
    return sharedMemoryState.save({ regions });
  }

  check(state: State, path = 'shared memory') {
    const saved = sharedMemoryState.parse(state, path);
    expectSame(`${path}.regions.length`, saved.regions.length, this.#regions.length);
    for (const [index, { id, bytes }] of this.#regions.entries()) {
      const at = `${path}.regions[${index}]`;
      expectSame(`${at}.id`, saved.regions[index]!.id, id);
      expectSame(`${at}.bytes.length`, saved.regions[index]!.bytes.length, bytes.length);
    }
    return saved;
  }

  load(state: State): void {
    const { regions } = this.check(state);
    for (const [index, { bytes }] of this.#regions.entries()) bytes.set(regions[index]!.bytes);
  }
}

/** @throws SharedMemoryError */
export function checkSharedMemory(shared: readonly SharedMemoryRegion[]): void {
  for (const { id, bytes } of shared) {
    if (!Number.isInteger(id) || id < 0 || id > 0xff)
      throw new SharedMemoryError(id, 'wants an id of 0..255');
    if (shared.filter((each) => each.id === id).length > 1)
      throw new SharedMemoryError(id, 'the id is taken');
    if (bytes.length === 0) throw new SharedMemoryError(id, 'has no bytes');
  }
}

/**
 * Adds a capability for each shared memory region (PCI-SHM-01, PCI-SHM-02), whose bytes are the function's state.
 * @param stands where each stands. @returns what answers there.
 */
export function addSharedMemory(
  pci: PciFunction,
  stands: readonly Stand[],
  shared: readonly SharedMemoryRegion[],
): BusTarget[] {
  if (stands.length === 0) return [];
  for (const [i, { bar, offset, length }] of stands.entries())
    pci.capabilities.add(capabilityId.vendorSpecific, sharedMemoryCapability, {
      capabilityLength: lengthOf(sharedMemoryCapability),
      structureType: structureType.sharedMemory,
      bar,
      id: shared[i]!.id,
      offset: offset % FOUR_GIB,
      length: length % FOUR_GIB,
      offsetHigh: Math.floor(offset / FOUR_GIB),
      lengthHigh: Math.floor(length / FOUR_GIB),
    });
  pci.parts.set('shared memory', new SharedMemory(shared));
  return shared.map(({ bytes }) => memoryTarget(bytes));
}
