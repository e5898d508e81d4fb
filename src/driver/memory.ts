import type { GuestMemory } from '../core/index.ts';
import { ResourceError } from './errors.ts';

/** Driver memory that devices reach: a stretch of RAM from which aligned, zeroed pieces are taken. */
export class DmaMemory {
  readonly ram: GuestMemory;
  readonly start: number;
  readonly end: number;
  #next: number;

  /** [start, end) must be RAM of one range; `end` by default its end. */
  constructor(ram: GuestMemory, start: number, end?: number) {
    const range = ram.find(start, 1);
    if (range === undefined) throw new ResourceError(`driver memory at 0x${start.toString(16)} is not RAM`);
    this.ram = ram;
    this.start = start;
    this.end = end ?? range.end;
    this.#next = start;
  }

  /** @returns the guest-physical address of `length` zeroed bytes. @throws ResourceError */
  allocate(length: number, alignment = 16): number {
    const at = Math.ceil(this.#next / alignment) * alignment;
    if (at + length > this.end)
      throw new ResourceError(
        `${length} bytes of driver memory: ${this.end - at} are left at 0x${at.toString(16)}`,
      );
    this.#next = at + length;
    this.ram.fill(at, length, 0);
    return at;
  }

  /** Takes everything back. */
  clear(): void {
    this.#next = this.start;
  }
}
