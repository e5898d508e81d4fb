import { type DmaWindow, FOUR_GIB, GuestMemory } from '../../src/core/index.ts';

export const KIB = 1024;

/** RAM [0, 64 KiB) in two arrays that touch, and 4 KiB above 4 GiB; every byte is 0x55. */
export function ram(): GuestMemory {
  const memory = GuestMemory.allocate(
    { start: 0, length: 32 * KIB },
    { start: 32 * KIB, length: 32 * KIB },
    { start: FOUR_GIB, length: 4 * KIB },
  );
  for (const { start, end } of memory.ranges) memory.fill(start, end - start, 0x55);
  return memory;
}

export const windows: readonly DmaWindow[] = [
  { start: 0, length: 4 * KIB, write: true },
  { start: 4 * KIB, length: 4 * KIB, write: false },
  { start: 12 * KIB, length: 40 * KIB, write: true },
  { start: 60 * KIB, length: 100 * KIB, write: true },
];

export const source = Uint8Array.from({ length: 2 * KIB }, (_, i) => i % 251);
