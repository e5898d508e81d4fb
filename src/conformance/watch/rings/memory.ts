import type { GuestMemory, Ram } from '../../../core/index.ts';

/** A driver's memory, read a number at a time, without a throw and without making anything: -1 is what is not there. */
export class WatchedMemory {
  readonly #memory: GuestMemory;
  #last: Ram | null = null;
  little = true;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
    memory.watch(() => {
      this.#last = null;
    });
  }

  #range(address: number, length: number): Ram | null {
    const last = this.#last;
    if (last !== null && address >= last.start && address + length <= last.end) return last;
    const found = this.#memory.find(address, length);
    return found === undefined ? null : (this.#last = found);
  }

  reaches(address: number, length: number): boolean {
    return length === 0 || this.#range(address, length) !== null || this.#pieces(address, length);
  }

  /** Across ranges that touch. */
  #pieces(address: number, length: number): boolean {
    let at = address;
    for (const { start, end } of this.#memory.ranges) if (at >= start && at < end) at = end;
    return at >= address + length;
  }

  u8(address: number): number {
    const range = this.#range(address, 1);
    return range === null ? -1 : range.bytes[address - range.start]!;
  }

  u16(address: number, little = this.little): number {
    const range = this.#range(address, 2);
    return range === null ? -1 : range.view.getUint16(address - range.start, little);
  }

  u32(address: number, little = this.little): number {
    const range = this.#range(address, 4);
    return range === null ? -1 : range.view.getUint32(address - range.start, little);
  }
}
