/**
 * The queue workload that every contender runs, so that only the device side differs. One batch: the driver re-exposes
 * BATCH chains that it built once (available ring entries and index), the device pops each, copies the 16-byte header
 * and the 512-byte buffer out of guest memory, writes the status byte and returns the chain, and publishes the used
 * index once. Interrupts are suppressed (VIRTQ_AVAIL_F_NO_INTERRUPT): delivering them is another measurement.
 *
 * bench/baselines/queue.c states the same numbers in C.
 */
export const QUEUE_SIZE = 256;
export const BATCH = 64;
export const DESCRIPTORS_PER_CHAIN = 3;
export const HEADER_BYTES = 16;
export const DATA_BYTES = 512;
export const STATUS_BYTES = 1;

/** Guest-physical addresses; the first megabyte suffices. */
export const DESCRIPTOR_TABLE = 0x1_0000;
export const AVAILABLE_RING = 0x1_1000;
export const USED_RING = 0x1_2000;
const HEADERS = 0x2_0000;
const DATA = 0x3_0000;
const STATUS = 0x4_0000;

const NO_INTERRUPT = 1;
const NEXT = 1;
const WRITE = 2;

/** Builds the BATCH chains and what they carry. `guest` starts at guest-physical address 0. */
export function buildChains(guest: DataView): void {
  const descriptor = (index: number, address: number, length: number, flags: number): void => {
    const at = DESCRIPTOR_TABLE + index * 16;
    guest.setUint32(at, address, true);
    guest.setUint32(at + 4, 0, true);
    guest.setUint32(at + 8, length, true);
    guest.setUint16(at + 12, flags, true);
    guest.setUint16(at + 14, (flags & NEXT) !== 0 ? index + 1 : 0, true);
  };
  for (let chain = 0; chain < BATCH; chain++) {
    const head = chain * DESCRIPTORS_PER_CHAIN;
    descriptor(head, HEADERS + chain * HEADER_BYTES, HEADER_BYTES, NEXT);
    descriptor(head + 1, DATA + chain * DATA_BYTES, DATA_BYTES, NEXT);
    descriptor(head + 2, STATUS + chain, STATUS_BYTES, WRITE);
    guest.setUint32(HEADERS + chain * HEADER_BYTES, chain, true);
    for (let at = 0; at < DATA_BYTES; at++) guest.setUint8(DATA + chain * DATA_BYTES + at, chain * 7 + at);
  }
  guest.setUint16(AVAILABLE_RING, NO_INTERRUPT, true);
  guest.setUint16(AVAILABLE_RING + 2, 0, true);
  guest.setUint32(USED_RING, 0, true);
}

/** The driver's half of a batch. `guest16` is guest memory from address 0; returns the new available index. */
export function exposeBatch(guest16: Uint16Array, availableIndex: number): number {
  const ring = (AVAILABLE_RING + 4) >> 1;
  for (let chain = 0; chain < BATCH; chain++) {
    guest16[ring + ((availableIndex + chain) & (QUEUE_SIZE - 1))] = chain * DESCRIPTORS_PER_CHAIN;
  }
  const next = (availableIndex + BATCH) & 0xffff;
  guest16[(AVAILABLE_RING + 2) >> 1] = next;
  return next;
}

/**
 * What the device adds up while it copies, per chain: first byte of the header + last byte of the data. A contender
 * that skips a copy, or whose copy a compiler removed, cannot come to the same sum.
 */
export function expectedChecksum(batches: number): number {
  let sum = 0;
  for (let chain = 0; chain < BATCH; chain++) sum += chain + ((chain * 7 + DATA_BYTES - 1) & 0xff);
  return sum * batches;
}

export class WorkloadError extends Error {
  override readonly name = 'WorkloadError';
}

/** Throws unless the device did all of the work it was timed for. */
export function verifyRun(who: string, batches: number, checksum: number, usedAdvance: number): void {
  const sum = expectedChecksum(batches);
  const used = (batches * BATCH) & 0xffff;
  if (checksum !== sum) throw new WorkloadError(`${who}: checksum ${checksum} instead of ${sum}`);
  if (usedAdvance !== used)
    throw new WorkloadError(`${who}: used index moved by ${usedAdvance}, not ${used}`);
}
