import { BATCH, buildChains, DESCRIPTOR_TABLE, DESCRIPTORS_PER_CHAIN, WorkloadError } from './workload.ts';

/**
 * The queue workload on a packed ring. The ring has as many descriptors as a batch takes, no power of two, so that each
 * chain keeps its slots: as with the split ring the driver has then little to write again, the ids and flags of all
 * descriptors and the first one's length, which the device wrote over.
 */
export const PACKED_SIZE = BATCH * DESCRIPTORS_PER_CHAIN;

/** Guest-physical addresses of the two event structures. */
export const DRIVER_EVENT = 0x1_2000;
export const DEVICE_EVENT = 0x1_2004;

const DISABLE = 1;
const [NEXT, WRITE] = [1, 2];
const [AVAILABLE, USED] = [1 << 7, 1 << 15];

/** Turns the split ring's chains into those of a packed ring; nothing is available yet. */
export function buildPackedChains(guest: DataView): void {
  buildChains(guest);
  for (let slot = 0; slot < PACKED_SIZE; slot++) guest.setUint32(DESCRIPTOR_TABLE + 16 * slot + 12, 0, true);
  guest.setUint32(DRIVER_EVENT, DISABLE << 16, true);
  guest.setUint32(DEVICE_EVENT, 0, true);
}

const HEADER_BYTES = 16;

/** The driver's half of a batch. `guest32` is guest memory from address 0; `first` tells the rounds apart. */
export function exposePackedBatch(guest32: Int32Array, first: boolean): void {
  const bits = (first ? AVAILABLE : USED) << 16;
  const table = DESCRIPTOR_TABLE >> 2;
  for (let chain = BATCH - 1; chain >= 0; chain--) {
    const at = table + 4 * DESCRIPTORS_PER_CHAIN * chain;
    guest32[at + 11] = chain | (WRITE << 16) | bits;
    guest32[at + 7] = chain | (NEXT << 16) | bits;
    guest32[at + 2] = HEADER_BYTES;
    guest32[at + 3] = chain | (NEXT << 16) | bits;
  }
}

/** What the driver finds afterwards. @throws WorkloadError unless the used descriptor of chain `last` is in slot `slot`. */
export function checkUsed(guest: DataView, first: boolean, slot: number, last: number): void {
  const id = guest.getUint16(DESCRIPTOR_TABLE + 16 * slot + 12, true);
  const flags = guest.getUint16(DESCRIPTOR_TABLE + 16 * slot + 14, true) & (AVAILABLE | USED);
  if (flags !== (first ? AVAILABLE | USED : 0) || id !== last)
    throw new WorkloadError(`packed queue: slot ${slot} bears id ${id} and flags 0x${flags.toString(16)}`);
}
