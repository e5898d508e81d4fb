import {
  availableRing,
  DESCRIPTOR_BYTES,
  descriptor,
  descriptorTableBytes,
  LEGACY_ALIGNMENT,
} from '../../../virtio/layout/index.ts';
import type { WatchedMemory } from './memory.ts';

/** Where a legacy ring seems to be that is not where its page says. */
export interface StrayRing {
  /** Bytes from the page on, and descriptors that it is laid out for. */
  readonly offset: number;
  readonly size: number;
}

const SIZES = Array.from({ length: 12 }, (_, i) => 2 ** (i + 1));

/**
 * Looks for the ring of a driver that kicks a queue which has nothing new: laid out for another size, or off its
 * page. @returns null where nothing looks like one.
 */
export function findStray(
  memory: WatchedMemory,
  base: number,
  size: number,
  little: boolean,
): StrayRing | null {
  const looks = (offset: number, of: number) => isRing(memory, base + offset, of, little);
  for (const of of SIZES) if (of !== size && looks(0, of)) return { offset: 0, size: of };
  for (let offset = 4; offset < LEGACY_ALIGNMENT; offset += 4)
    if (looks(offset, size)) return { offset, size };
  return null;
}

/**
 * The ring's numbers have the other byte order than they should: only then does what is there make sense. An index of
 * several 256s, and none between, is no index of a ring that was just begun.
 */
export function isSwapped(memory: WatchedMemory, base: number, size: number, little: boolean): boolean {
  const index = memory.u16(base + descriptorTableBytes(size) + availableRing.index.offset, little);
  return index >= 256 && index % 256 === 0 && isRing(memory, base, size, !little);
}

/** There is an available ring of a few entries, and its first one names a descriptor with a buffer. */
function isRing(memory: WatchedMemory, base: number, size: number, little: boolean): boolean {
  const available = base + descriptorTableBytes(size);
  const index = memory.u16(available + availableRing.index.offset, little);
  const flags = memory.u16(available + availableRing.flags.offset, little);
  if (index <= 0 || index > size || (flags !== 0 && flags !== 1)) return false;
  const head = memory.u16(available + availableRing.ring.offset, little);
  if (head < 0 || head >= size) return false;
  const at = base + DESCRIPTOR_BYTES * head;
  const high = memory.u32(at + (little ? descriptor.addressHigh : descriptor.addressLow).offset, little);
  const low = memory.u32(at + (little ? descriptor.addressLow : descriptor.addressHigh).offset, little);
  const length = memory.u32(at + descriptor.length.offset, little);
  const flagsOf = memory.u16(at + descriptor.flags.offset, little);
  return low + high > 0 && length > 0 && flagsOf < 8 && memory.reaches(high * 2 ** 32 + low, length);
}
