import type { DmaMemory } from '../../../src/driver/index.ts';

/** Watches what a driver writes into its memory. @returns writes that were not within one piece that it had taken, in words. */
export function strayWrites(memory: DmaMemory): string[] {
  const strays: string[] = [];
  const pieces: (readonly [start: number, end: number])[] = [];
  const { allocate } = memory;
  memory.allocate = (length, alignment) => {
    const start = allocate.call(memory, length, alignment);
    pieces.push([start, start + length]);
    return start;
  };
  const { ram } = memory;
  const { write } = ram;
  ram.write = (at, bytes) => {
    if (!pieces.some(([start, end]) => at >= start && at + bytes.length <= end))
      strays.push(`${bytes.length} bytes at 0x${at.toString(16)}`);
    write.call(ram, at, bytes);
  };
  return strays;
}
