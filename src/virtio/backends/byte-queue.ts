const FIRST_CAPACITY = 256;

/** Bytes that wait, first in, first out. */
export class ByteQueue {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  /** Where in `#bytes` the oldest byte stands, and the place after the newest. */
  #start = 0;
  #end = 0;
  #draining = false;
  #again = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `length` bytes of `source` from `offset` to the end. */
  push(source: Uint8Array, offset = 0, length = source.length - offset): void {
    if (this.#end + length > this.#bytes.length) this.#makeRoom(length);
    this.#bytes.set(source.subarray(offset, offset + length), this.#end);
    this.#end += length;
  }

  /** Moves what waits to the front, of a longer array where it fills half of this one. */
  #makeRoom(more: number): void {
    let capacity = this.#bytes.length;
    while (capacity < 2 * (this.length + more)) capacity *= 2;
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = bytes;
  }

  /**
   * Offers all that waits to `take`, which returns how many bytes it took; those are gone. Where `take` leads to another
   * call of this, that one returns at once, and what is left is offered once more.
   */
  drain(take: (bytes: Uint8Array, offset: number, length: number) => number): void {
    this.#again = true;
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (this.#again && this.length > 0) {
        this.#again = false;
        // What is pushed meanwhile may move the rest: the place is looked up again afterwards.
        const taken = take(this.#bytes, this.#start, this.length);
        this.#start = Math.min(this.#start + taken, this.#end);
      }
    } finally {
      this.#draining = false;
    }
  }

  /** Takes the oldest `length` bytes, or as many as there are. */
  shift(length = this.length): Uint8Array {
    const end = this.#start + Math.min(length, this.length);
    const taken = this.#bytes.slice(this.#start, end);
    this.#start = end;
    return taken;
  }

  clear(): void {
    this.#start = this.#end = 0;
  }
}
