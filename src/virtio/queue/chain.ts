import type { DmaDomain, ViewCache } from '../../core/index.ts';

const FIRST_CAPACITY = 8;

/**
 * A descriptor chain that the device has taken: a readable stream of bytes, then a writable one. How the driver cut them
 * into descriptors does not show (SPL-FRM-01). A chain dies with its queue's reset: it then copies nothing any more.
 */
export class Chain {
  /** Index of the first descriptor: the chain's name towards the driver. */
  head = 0;
  /** Descriptors, and how many of them are readable; those come first. */
  count = 0;
  readableCount = 0;
  readableBytes = 0;
  writableBytes = 0;
  /** False once the queue was reset. */
  live = false;
  /** Number of the queue, for the device. */
  queue = 0;
  /** The device's bookkeeping: place in its list of chains in flight, and order of being taken. */
  slot = 0;
  ticket = 0;
  #addresses = new Float64Array(FIRST_CAPACITY);
  #lengths = new Float64Array(FIRST_CAPACITY);
  #dma: DmaDomain | null = null;

  /** Starts anew, for the ring that fills it. */
  begin(head: number, dma: DmaDomain): void {
    this.head = head;
    this.count = 0;
    this.readableCount = 0;
    this.readableBytes = 0;
    this.writableBytes = 0;
    this.live = true;
    this.#dma = dma;
  }

  /** Adds a segment. The ring has checked the order and the number. */
  append(address: number, length: number, writable: boolean): void {
    if (this.count === this.#addresses.length) this.#grow();
    this.#addresses[this.count] = address;
    this.#lengths[this.count] = length;
    this.count++;
    if (writable) this.writableBytes += length;
    else {
      this.readableBytes += length;
      this.readableCount++;
    }
  }

  /** Once per high-water mark; the ring bounds the number of segments. */
  #grow(): void {
    const [addresses, lengths] = [this.#addresses, this.#lengths];
    this.#addresses = new Float64Array(addresses.length * 2);
    this.#lengths = new Float64Array(addresses.length * 2);
    this.#addresses.set(addresses);
    this.#lengths.set(lengths);
  }

  /** Guest-physical address and length in bytes of a segment, for framing checks. */
  segment(index: number): { address: number; length: number; writable: boolean } {
    return {
      address: this.#addresses[index]!,
      length: this.#lengths[index]!,
      writable: index >= this.readableCount,
    };
  }

  /**
   * Copies `length` bytes of the readable stream from `offset` into `target`.
   * @returns false when the stream is shorter or a byte is out of reach; some bytes may have been copied.
   */
  read(offset: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    return this.live && this.#copy(0, this.readableCount, offset, target, targetOffset, length, false, null);
  }

  /**
   * Copies `length` bytes of `source` into the writable stream at `offset`.
   * @param views remembers views of `source` where it is copied from again and again.
   * @returns false when the stream is shorter or a byte is out of reach; some bytes may have been copied.
   */
  write(
    offset: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views: ViewCache | null = null,
  ): boolean {
    return (
      this.live &&
      this.#copy(this.readableCount, this.count, offset, source, sourceOffset, length, true, views)
    );
  }

  #copy(
    from: number,
    to: number,
    offset: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    write: boolean,
    views: ViewCache | null,
  ): boolean {
    const dma = this.#dma!;
    for (let i = from; i < to && length > 0; i++) {
      const segment = this.#lengths[i]!;
      if (offset >= segment) {
        offset -= segment;
        continue;
      }
      const piece = segment - offset < length ? segment - offset : length;
      const address = this.#addresses[i]! + offset;
      if (!(write ? dma.write(address, bytes, at, piece, views) : dma.read(address, bytes, at, piece)))
        return false;
      at += piece;
      length -= piece;
      offset = 0;
    }
    return length === 0;
  }
}
