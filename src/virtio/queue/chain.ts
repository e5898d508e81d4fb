import {
  type DmaDomain,
  type DmaRegion,
  type FindingAbout,
  FOUR_GIB,
  type State,
  type ViewCache,
} from '../../core/index.ts';
import type { SavedChain } from './state.ts';

const FIRST_CAPACITY = 8;

/** {@link Chain.written} of a chain that is not completed. */
export const NOT_DONE = -1;

/** What a finding about a chain as a whole, or about a number of its, says of where it was seen. */
export const aboutChain = (
  { queue, first }: Chain,
  what = 'descriptor index',
  value = first,
): FindingAbout => ({ what, value, queue, descriptor: first });

/**
 * What a device made of a chain when it took it. It is saved with the chain: headers, features and configuration may have
 * changed since, and a device that goes on from the state must not read them anew.
 */
export interface TakenRequest {
  /** Not null: that stands for a chain of which nothing was made. */
  save(): State;
}

/**
 * A descriptor chain that the device has taken: a readable stream of bytes, then a writable one. How the driver cut them
 * into descriptors does not show (SPL-FRM-01). A chain dies with its queue's reset: it then copies nothing any more.
 */
export class Chain {
  /** The chain's name towards the driver: index of its first descriptor, or a packed buffer's id. */
  head = 0;
  /** Index in the ring of its first descriptor: in a packed ring the name is another. */
  first = 0;
  /** Descriptors, and how many of them are readable; those come first. */
  count = 0;
  readableCount = 0;
  /** False once the queue was reset. */
  live = false;
  /** Number of the queue, for the device, and the queue itself: nobody else may complete the chain. */
  queue = 0;
  owner: object | null = null;
  /** Where {@link header} begins in its view. */
  headerAt = 0;
  /** Descriptors of the ring that it occupies, for the ring. */
  span = 1;
  /** The queue's bookkeeping: neighbours in the order of being taken, and the bytes of a completion that is held back. */
  before: Chain | null = null;
  after: Chain | null = null;
  written = NOT_DONE;
  /** Kept by a {@link WaitingChains}. */
  waiting = false;
  /** For the device: what it keeps for the chain while it is in flight. */
  request: TakenRequest | null = null;
  /** A back end works on the request, and goes on if the chain dies: the device says so, and later that it is over. */
  held = false;
  /** The chain is gone from the ring, and held still. The queue's bookkeeping. */
  lingers = false;
  /** Something was written into its buffers, wherever in them. */
  touched = false;
  /**
   * Guest-physical address, in halves, and length in bytes of each descriptor; the ring fills them in. Upper halves are 0
   * unless it says so by {@link far}, so that a ring below 4 GiB has one array less to fill.
   */
  lows = new Uint32Array(FIRST_CAPACITY);
  highs = new Uint32Array(FIRST_CAPACITY);
  lengths = new Uint32Array(FIRST_CAPACITY);
  far = false;
  /**
   * Holds all of its buffers, as the ring found on its way; each is shorter than 2^16 bytes then. Null where that is not
   * known: every access looks for the memory that it wants.
   */
  region: DmaRegion | null = null;
  #dma: DmaDomain | null = null;
  #scratch = new DataView(new ArrayBuffer(0));

  /** Starts anew, for the ring that fills it. */
  begin(head: number, first: number, dma: DmaDomain): void {
    this.head = head;
    this.first = first;
    this.count = 0;
    this.readableCount = 0;
    this.live = true;
    this.request = null;
    this.touched = false;
    this.region = null;
    if (this.far === true) this.#near();
    this.#dma = dma;
  }

  #near(): void {
    this.highs.fill(0);
    this.far = false;
  }

  save(): SavedChain {
    const { head, first, span, written, touched, readableCount, count } = this;
    const cut = (words: Uint32Array) => [...words.subarray(0, count)];
    const [lows, highs, lengths] = [cut(this.lows), cut(this.highs), cut(this.lengths)];
    const request = written === NOT_DONE ? (this.request?.save() ?? null) : null;
    return { head, first, span, written, touched, readableCount, lows, highs, lengths, request };
  }

  load(saved: SavedChain, dma: DmaDomain): void {
    this.begin(saved.head, saved.first, dma);
    this.span = saved.span;
    this.written = saved.written;
    this.touched = saved.touched;
    this.readableCount = saved.readableCount;
    this.count = saved.lengths.length;
    while (this.lengths.length < this.count) this.grow();
    this.lows.set(saved.lows);
    this.highs.set(saved.highs);
    this.far = true;
    this.lengths.set(saved.lengths);
  }

  /** Bytes that the driver gave the device to read. */
  get readableBytes(): number {
    return this.#sum(0, this.readableCount);
  }

  /** Bytes that the device may write. */
  get writableBytes(): number {
    return this.#sum(this.readableCount, this.count);
  }

  #sum(from: number, to: number): number {
    let sum = 0;
    for (let i = from; i < to; i++) sum += this.lengths[i]!;
    return sum;
  }

  /** Room for twice the descriptors: once per high-water mark, and the ring bounds their number. */
  grow(): void {
    const twice = (before: Uint32Array): Uint32Array<ArrayBuffer> => {
      const after = new Uint32Array(before.length * 2);
      after.set(before);
      return after;
    };
    this.lows = twice(this.lows);
    this.highs = twice(this.highs);
    this.lengths = twice(this.lengths);
  }

  /** Guest-physical address of a segment. */
  addressOf(index: number): number {
    return this.highs[index]! * FOUR_GIB + this.lows[index]!;
  }

  /** Guest-physical address and length in bytes of a segment, for framing checks. */
  segment(index: number): { address: number; length: number; writable: boolean } {
    return {
      address: this.addressOf(index),
      length: this.lengths[index]!,
      writable: index >= this.readableCount,
    };
  }

  /**
   * The memory that holds all buffers, where it is known and still what it was. No getter: a private one is a call into
   * the engine, five times the cost of what it does (measured).
   */
  #known(): DmaRegion | null {
    const { region } = this;
    return region !== null && region.current === true && this.live === true ? region : null;
  }

  /**
   * The first `length` bytes of the readable stream, for a look at a header: they begin at byte {@link headerAt} of the
   * view that is returned, which is guest memory itself where one descriptor holds them all.
   * @returns null when the stream is shorter or out of reach.
   */
  header(length: number): DataView | null {
    const region = this.#known();
    if (region === null || this.readableCount === 0 || length > (this.lengths[0]! | 0))
      return this.#headerAnywhere(length);
    this.headerAt = (this.lows[0]! - region.lowBase) | 0;
    return region.view;
  }

  // Ways that need more than a look at one region, out of the way of the hot path: the compiler inlines short methods only.

  #headerAnywhere(length: number): DataView | null {
    const dma = this.#dma!;
    if (this.readableCount > 0 && length <= this.lengths[0]! && this.highs[0] === 0 && this.live) {
      const at = dma.locate(this.lows[0]!, length);
      if (at >= 0) {
        this.headerAt = at;
        return dma.lastRegion.view;
      }
    }
    this.headerAt = 0;
    if (this.#scratch.byteLength < length) this.#scratch = new DataView(new ArrayBuffer(length));
    return this.read(0, new Uint8Array(this.#scratch.buffer), 0, length) ? this.#scratch : null;
  }

  /** Writes the last byte of the writable stream: where a status goes. @returns false when there is none in reach. */
  writeLast(value: number): boolean {
    this.touched = true;
    const region = this.#known();
    const last = this.count - 1;
    const length = this.lengths[last]! | 0;
    if (
      region === null ||
      last < this.readableCount ||
      length <= 0 ||
      region.writable !== true ||
      this.#dma!.observer !== null
    )
      return this.#writeLastAnywhere(value);
    region.bytes[((this.lows[last]! - region.lowBase) | 0) + length - 1] = value;
    return true;
  }

  #writeLastAnywhere(value: number): boolean {
    const last = this.count - 1;
    const length = this.lengths[last]!;
    if (last >= this.readableCount && length > 0)
      return this.live && this.#dma!.writeByte(this.addressOf(last) + length - 1, value);
    const end = this.writableBytes;
    return end > 0 && this.write(end - 1, Uint8Array.of(value), 0, 1);
  }

  /**
   * Copies `length` bytes of the readable stream from `offset` into `target`.
   * @returns false when the stream is shorter or a byte is out of reach; some bytes may have been copied.
   */
  read(offset: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    const region = this.#known();
    if (region === null) return this.#readAnywhere(offset, target, targetOffset, length);
    const { lengths, readableCount } = this;
    let i = 0;
    for (; i < readableCount && offset >= (lengths[i]! | 0); i++) offset -= lengths[i]! | 0;
    if (i === readableCount || offset + length > (lengths[i]! | 0))
      return this.#readPieces(i, offset, target, targetOffset, length);
    region.copyOut(((this.lows[i]! - region.lowBase) | 0) + offset, target, targetOffset, length);
    return true;
  }

  /** The same of the writable stream, for who has had it written by somebody else. */
  readWritten(offset: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    let from = offset;
    let done = 0;
    for (let i = this.readableCount; i < this.count && done < length && this.live; i++) {
      const room = this.lengths[i]!;
      const piece = Math.min(Math.max(0, room - from), length - done);
      if (piece > 0 && !this.#dma!.read(this.addressOf(i) + from, target, targetOffset + done, piece))
        return false;
      done += piece;
      from = Math.max(0, from - room);
    }
    return done === length && this.live;
  }

  #readAnywhere(offset: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    const { lengths, readableCount } = this;
    let i = 0;
    for (; i < readableCount && offset >= lengths[i]!; i++) offset -= lengths[i]!;
    if (i < readableCount && offset + length <= lengths[i]! && this.highs[i] === 0 && this.live) {
      const dma = this.#dma!;
      const at = dma.locate(this.lows[i]!, offset + length);
      if (at >= 0) {
        dma.lastRegion.copyOut(at + offset, target, targetOffset, length);
        return true;
      }
    }
    return this.#readPieces(i, offset, target, targetOffset, length);
  }

  /** From byte `offset` of segment `from` on, through the DMA domain's general ways. */
  #readPieces(from: number, offset: number, target: Uint8Array, at: number, length: number): boolean {
    let done = 0;
    for (let i = from; i < this.readableCount && done < length && this.live; i++) {
      const piece = Math.min(this.lengths[i]! - offset, length - done);
      if (!this.#dma!.read(this.addressOf(i) + offset, target, at + done, piece)) return false;
      done += piece;
      offset = 0;
    }
    return done === length && this.live;
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
    this.touched = true;
    const region = this.#known();
    if (region === null || region.writable !== true || this.#dma!.observer !== null)
      return this.#writeAnywhere(offset, source, sourceOffset, length, views);
    const { lengths, count } = this;
    let i = this.readableCount;
    for (; i < count && offset >= (lengths[i]! | 0); i++) offset -= lengths[i]! | 0;
    if (i === count || offset + length > (lengths[i]! | 0))
      return this.#writePieces(i, offset, source, sourceOffset, length, views);
    region.copyIn(((this.lows[i]! - region.lowBase) | 0) + offset, source, sourceOffset, length, views);
    return true;
  }

  #writeAnywhere(
    offset: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views: ViewCache | null,
  ): boolean {
    const { lengths, count } = this;
    const dma = this.#dma!;
    let i = this.readableCount;
    for (; i < count && offset >= lengths[i]!; i++) offset -= lengths[i]!;
    if (
      i < count &&
      offset + length <= lengths[i]! &&
      this.highs[i] === 0 &&
      dma.observer === null &&
      this.live
    ) {
      const at = dma.locate(this.lows[i]!, offset + length);
      const region = dma.lastRegion;
      if (at >= 0 && region.writable) {
        region.copyIn(at + offset, source, sourceOffset, length, views);
        return true;
      }
    }
    return this.#writePieces(i, offset, source, sourceOffset, length, views);
  }

  #writePieces(
    from: number,
    offset: number,
    source: Uint8Array,
    at: number,
    length: number,
    views: ViewCache | null,
  ): boolean {
    let done = 0;
    for (let i = from; i < this.count && done < length && this.live; i++) {
      const piece = Math.min(this.lengths[i]! - offset, length - done);
      if (!this.#dma!.write(this.addressOf(i) + offset, source, at + done, piece, views)) return false;
      done += piece;
      offset = 0;
    }
    return done === length && this.live;
  }
}
