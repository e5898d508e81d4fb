/** No chain came yet. */
const NONE = new Uint8Array(0);

/** An id has 16 bits. */
export const PACKED_IDS = 2 ** 16;

/** The names of chains in flight: heads of a split ring, ids of a packed one. Room is made when the first chain comes. */
export class Names {
  readonly #count: number;
  #taken = NONE;

  /** `count` is how many names there can be. */
  constructor(count: number) {
    this.#count = count;
  }

  has(name: number): boolean {
    return this.#taken[name] === 1;
  }

  add(name: number): void {
    if (this.#taken === NONE) this.#taken = new Uint8Array(this.#count);
    this.#taken[name] = 1;
  }

  delete(name: number): void {
    this.#taken[name] = 0;
  }

  clear(): void {
    this.#taken.fill(0);
  }
}
