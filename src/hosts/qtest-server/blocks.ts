import { alignedPiece, type Ram } from '../../core/index.ts';
import type { CpuAccesses } from './pc.ts';

/** Bytes that one command moves at most. */
export const MOST_BLOCK_BYTES = 16 << 20;

/** The RAM that an address is in. */
const ramAt = ({ ram }: CpuAccesses, address: number): Ram | undefined =>
  ram.ranges.find(({ start, end }) => address >= start && address < end);

/**
 * Goes through a block in order: RAM as far as it reaches, everything else in the longest aligned accesses, of four bytes at
 * most. `at` is the place in the block.
 */
function walk(
  bus: CpuAccesses,
  address: number,
  length: number,
  inRam: (ram: Ram, start: number, at: number, count: number) => void,
  elsewhere: (address: number, at: number, width: 1 | 2 | 4) => void,
): void {
  for (let at = 0; at < length; ) {
    const ram = ramAt(bus, address + at);
    if (ram === undefined) {
      const width = alignedPiece(address + at, length - at);
      elsewhere(address + at, at, width);
      at += width;
    } else {
      const start = address + at - ram.start;
      const count = Math.min(length - at, ram.bytes.length - start);
      inRam(ram, start, at, count);
      at += count;
    }
  }
}

/** Reads as a CPU does. @param length of at most {@link MOST_BLOCK_BYTES}. */
export function readBlock(bus: CpuAccesses, address: number, length: number): Uint8Array {
  const block = new Uint8Array(length);
  walk(
    bus,
    address,
    length,
    ({ bytes }, start, at, count) => block.set(bytes.subarray(start, start + count), at),
    (from, at, width) => {
      const value = bus.memoryRead(from, width);
      for (let i = 0; i < width; i++) block[at + i] = value >>> (8 * i);
    },
  );
  return block;
}

export function writeBlock(bus: CpuAccesses, address: number, block: Uint8Array): void {
  walk(
    bus,
    address,
    block.length,
    ({ bytes }, start, at, count) => bytes.set(block.subarray(at, at + count), start),
    (to, at, width) => {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + block[at + i]!;
      bus.memoryWrite(to, width, value);
    },
  );
}
