import type { GuestMemory } from '../../../src/core/index.ts';
import type { Parts } from './ring.ts';

/** One element of a list; `flags` are 1 next, 2 write, 4 indirect, 0x80 available, 0x8000 used. */
export interface Element {
  readonly address: number;
  readonly length: number;
  readonly flags?: number;
}

/** A used or available descriptor as it stands in memory. */
export interface RawPacked extends Element {
  readonly id: number;
  readonly flags: number;
}

/** A packed ring written byte by byte, right or wrong as the test wants it. */
export class RawPackedRing {
  readonly size: number;
  readonly parts: Parts;
  readonly #ram: GuestMemory;
  /** Slot that the driver fills next, and its wrap counter. */
  next = 0;
  wrap = true;

  constructor(ram: GuestMemory, size: number, parts: Parts) {
    this.size = size;
    this.parts = parts;
    this.#ram = ram;
  }

  /** Writes a descriptor as it is, of the ring or of a table elsewhere. */
  describe(slot: number, raw: RawPacked, table: number = this.parts.descriptor): void {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigUint64(0, BigInt(raw.address), true);
    view.setUint32(8, raw.length, true);
    view.setUint16(12, raw.id, true);
    view.setUint16(14, raw.flags, true);
    this.#ram.write(table + 16 * slot, new Uint8Array(view.buffer));
  }

  at(slot: number): RawPacked {
    const view = new DataView(this.#ram.read(this.parts.descriptor + 16 * slot, 16).buffer);
    const [id, flags] = [view.getUint16(12, true), view.getUint16(14, true)];
    return { address: Number(view.getBigUint64(0, true)), length: view.getUint32(8, true), id, flags };
  }

  /** The two flags of an available descriptor in the next slot. */
  get available(): number {
    return this.wrap ? 0x80 : 0x8000;
  }

  /** Goes on by one slot. @returns the slot before. */
  step(): number {
    const slot = this.next;
    this.next = (slot + 1) % this.size;
    if (this.next === 0) this.wrap = !this.wrap;
    return slot;
  }

  /** Makes a list available: linked by NEXT, `id` in its last descriptor only, the first one's flags written last. */
  offer(id: number, ...elements: readonly Element[]): void {
    const writes = elements.map(({ flags = 0, ...element }, i) => {
      const last = i === elements.length - 1;
      const whole = { ...element, id: last ? id : 0xdead, flags: flags | this.available | (last ? 0 : 1) };
      return [this.step(), whole] as const;
    });
    for (const [slot, whole] of writes.reverse()) this.describe(slot, whole);
  }

  /** What the device wrote into slot `slot`: [id, length], or null where no used descriptor of that wrap stands. */
  used(slot: number, wrap = true): [id: number, length: number] | null {
    const { id, length, flags } = this.at(slot);
    return (flags & 0x8080) === (wrap ? 0x8080 : 0) ? [id, length] : null;
  }

  #event(part: number): [position: number, flags: number] {
    const view = new DataView(this.#ram.read(part, 4).buffer);
    return [view.getUint16(0, true), view.getUint16(2, true)];
  }

  get deviceEvent(): [position: number, flags: number] {
    return this.#event(this.parts.device);
  }

  /** `position` has the wrap counter in bit 15. */
  setDriverEvent(flags: number, position = 0): void {
    const bytes = [position & 0xff, position >> 8, flags & 0xff, flags >> 8];
    this.#ram.write(this.parts.driver, Uint8Array.from(bytes));
  }
}
