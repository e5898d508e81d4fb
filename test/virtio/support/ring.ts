import type { GuestMemory } from '../../../src/core/index.ts';

/** Guest-physical addresses of a split ring's three parts. */
export interface Parts {
  readonly descriptor: number;
  readonly driver: number;
  readonly device: number;
}

/** One descriptor; `flags` are 1 next, 2 write, 4 indirect. */
export interface Descriptor {
  readonly address: number;
  readonly length: number;
  readonly flags?: number;
  readonly next?: number;
}

/** A legacy ring of `size` descriptors at a page, laid out as the specification draws it. */
export function legacyParts(page: number, size: number): Parts {
  const base = page * 4096;
  const driver = base + 16 * size;
  return { descriptor: base, driver, device: Math.ceil((driver + 6 + 2 * size) / 4096) * 4096 };
}

/** A split ring written byte by byte, right or wrong as the test wants it. */
export class RawRing {
  readonly size: number;
  readonly parts: Parts;
  readonly #ram: GuestMemory;
  readonly #little: boolean;
  #index = 0;

  constructor(ram: GuestMemory, size: number, parts: Parts, little = true) {
    this.size = size;
    this.parts = parts;
    this.#ram = ram;
    this.#little = little;
  }

  #put(address: number, width: 2 | 4 | 8, value: number): void {
    const view = new DataView(new ArrayBuffer(width));
    if (width === 8) view.setBigUint64(0, BigInt(value), this.#little);
    else if (width === 4) view.setUint32(0, value, this.#little);
    else view.setUint16(0, value, this.#little);
    this.#ram.write(address, new Uint8Array(view.buffer));
  }

  #get(address: number, width: 2 | 4): number {
    const view = new DataView(this.#ram.read(address, width).buffer);
    return width === 4 ? view.getUint32(0, this.#little) : view.getUint16(0, this.#little);
  }

  /** Writes a descriptor, of the ring's own table or of one elsewhere. */
  describe(index: number, { address, length, flags = 0, next = 0 }: Descriptor, table?: number): void {
    const at = (table ?? this.parts.descriptor) + 16 * index;
    this.#put(at, 8, address);
    this.#put(at + 8, 4, length);
    this.#put(at + 12, 2, flags);
    this.#put(at + 14, 2, next);
  }

  /** Descriptors from `first` on, each pointing at the next. */
  chain(first: number, descriptors: readonly Descriptor[], table?: number): void {
    for (const [i, each] of descriptors.entries()) {
      const last = i === descriptors.length - 1;
      const flags = (each.flags ?? 0) | (last ? 0 : 1);
      this.describe(first + i, { next: last ? 0 : first + i + 1, ...each, flags }, table);
    }
  }

  /** Makes heads available, in one step of the index. */
  offer(...heads: number[]): void {
    for (const head of heads) {
      this.#put(this.parts.driver + 4 + 2 * (this.#index % this.size), 2, head);
      this.#index = (this.#index + 1) & 0xffff;
    }
    this.#put(this.parts.driver + 2, 2, this.#index);
  }

  /** The free-running index of the available ring, as it was written last. */
  get availableIndex(): number {
    return this.#index;
  }

  set availableIndex(value: number) {
    this.#index = value;
    this.#put(this.parts.driver + 2, 2, value);
  }

  set availableFlags(value: number) {
    this.#put(this.parts.driver, 2, value);
  }

  set usedEvent(value: number) {
    this.#put(this.parts.driver + 4 + 2 * this.size, 2, value);
  }

  get availEvent(): number {
    return this.#get(this.parts.device + 4 + 8 * this.size, 2);
  }

  get usedFlags(): number {
    return this.#get(this.parts.device, 2);
  }

  get usedIndex(): number {
    return this.#get(this.parts.device + 2, 2);
  }

  /** The last `count` elements that were used, as [id, length]. */
  used(count = this.usedIndex): [id: number, length: number][] {
    return Array.from({ length: count }, (_, i) => {
      const slot = (this.usedIndex - count + i + this.size) % this.size;
      const at = this.parts.device + 4 + 8 * slot;
      return [this.#get(at, 4), this.#get(at + 4, 4)];
    });
  }
}
