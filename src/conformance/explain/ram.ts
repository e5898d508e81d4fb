import type { GuestMemory } from '../../core/index.ts';

/** The driver's memory as it is read here: what lies outside is undefined. */
export class RamReader {
  readonly littleEndian: boolean;
  readonly #memory: GuestMemory;

  constructor(memory: GuestMemory, littleEndian: boolean) {
    this.#memory = memory;
    this.littleEndian = littleEndian;
  }

  holds(address: number, length: number): boolean {
    return this.#memory.find(address, Math.max(1, length)) !== undefined;
  }

  /** At most `most` of `length` bytes; undefined where they are not all RAM. */
  bytes(address: number, length: number, most = length): Uint8Array | undefined {
    const range = this.#memory.find(address, length);
    if (range === undefined) return undefined;
    const at = address - range.start;
    return range.bytes.subarray(at, at + Math.min(length, most));
  }

  /** 16 bits, in the driver's byte order. */
  word(address: number): number | undefined {
    const range = this.#memory.find(address, 2);
    return range?.view.getUint16(address - range.start, this.littleEndian);
  }

  long(address: number): number | undefined {
    const range = this.#memory.find(address, 4);
    return range?.view.getUint32(address - range.start, this.littleEndian);
  }
}
