import type { Address, Library } from './library.ts';
import { Mapping } from './mapping.ts';

/** Memory that stays where it is, for structures that system calls read and write: fields by offset, and their addresses. */
export class Arena {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: Address;
  readonly #mapping: Mapping;
  #used = 0;

  constructor(library: Library, length: number) {
    this.#mapping = Mapping.anonymous(library, length);
    [this.bytes] = this.#mapping.views as [Uint8Array];
    this.view = new DataView(this.bytes.buffer, 0, length);
    this.address = this.#mapping.address;
  }

  /** Sets bytes aside, at a multiple of 16. @returns their offset */
  take(length: number): number {
    const at = this.#used;
    this.#used = at + ((length + 15) & ~15);
    if (this.#used > this.bytes.length)
      throw new RangeError(`an arena of ${this.bytes.length} bytes is full`);
    return at;
  }

  at(offset: number): Address {
    return this.address + BigInt(offset);
  }

  setAddress(offset: number, address: Address): void {
    this.view.setBigUint64(offset, address, true);
  }

  setSize(offset: number, size: number): void {
    this.view.setUint32(offset, size, true);
    this.view.setUint32(offset + 4, 0, true);
  }

  release(): void {
    this.#mapping.release();
  }
}
