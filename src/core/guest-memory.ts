import { AddressRangeError } from './errors.ts';
import { ViewCache } from './view-cache.ts';

/** One stretch of RAM: guest-physical bytes [start, end), kept in `bytes`. */
export interface MemoryRange {
  readonly start: number;
  readonly bytes: Uint8Array;
  /** False for bytes that no device may change, as those of a ROM; by default true. */
  readonly writable?: boolean;
}

/** Has the bytes of memory that this process does not have: somebody else is asked for them. */
export interface MemorySource {
  /** Puts bytes in place, by {@link GuestMemory.replace}, all in one range. @returns false where there are none, or not all. */
  fetch(address: number, length: number): boolean;
  /** As {@link GuestMemory.fence}: what was written goes there, and what is read next comes from there. */
  fence(): void;
}

/** A range with the views through which it is read, whoever reads. */
export interface Ram {
  readonly start: number;
  readonly end: number;
  readonly writable: boolean;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly views: ViewCache;
  /** The same bytes as little-endian words and half-words; null where a processor would not find them so. */
  readonly words: Int32Array | null;
  readonly halves: Uint16Array | null;
}

/** The machine that we run on keeps its numbers little end first. */
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Views of whole words; bytes at the end that fill none are left out. */
function wordViews({ buffer, byteOffset, byteLength }: Uint8Array): Pick<Ram, 'words' | 'halves'> {
  if (!LITTLE_ENDIAN || byteOffset % 4 !== 0) return { words: null, halves: null };
  return {
    words: new Int32Array(buffer, byteOffset, Math.floor(byteLength / 4)),
    halves: new Uint16Array(buffer, byteOffset, Math.floor(byteLength / 2)),
  };
}

const ram = ({ start, bytes, writable = true }: MemoryRange): Ram => ({
  start,
  end: start + bytes.length,
  writable,
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  views: new ViewCache(bytes),
  ...wordViews(bytes),
});

/** First address above the space that 32-bit addressing reaches. */
export const FOUR_GIB = 0x1_0000_0000;

/** Nobody's number: an atomic operation on it keeps loads behind it from passing stores before it. */
const barrier = new Int32Array(1);

/**
 * Guest-physical RAM: any number of ranges, below and above 4 GiB, each an array of bytes of ours or of somebody
 * else's (the memory of an emulator). Addresses are Numbers.
 */
export class GuestMemory {
  #ranges: readonly Ram[] = [];
  /** Somebody uses the bytes at the same time, on another thread. */
  shared = false;
  /** Null where all bytes are in the ranges. */
  source: MemorySource | null = null;
  readonly #watchers = new Set<() => void>();

  /** @throws AddressRangeError when ranges overlap, are empty, or leave 2^53. */
  constructor(ranges: readonly MemoryRange[]) {
    this.replace(ranges);
  }

  /** Fresh zeroed RAM. `ranges` in bytes. */
  static allocate(...ranges: readonly { start: number; length: number }[]): GuestMemory {
    return new GuestMemory(ranges.map(({ start, length }) => ({ start, bytes: new Uint8Array(length) })));
  }

  get ranges(): readonly Ram[] {
    return this.#ranges;
  }

  /** Puts other ranges in place, as when an emulator's memory moved; domains over this memory follow. */
  replace(ranges: readonly MemoryRange[]): void {
    const sorted = [...ranges].sort((a, b) => a.start - b.start).map(ram);
    let end = 0;
    for (const range of sorted) {
      const { start, bytes } = range;
      if (!Number.isSafeInteger(start) || !Number.isSafeInteger(range.end) || bytes.length === 0)
        throw new AddressRangeError(
          start,
          bytes.length,
          'RAM wants a whole address below 2^53 and some bytes',
        );
      if (bytes.length > FOUR_GIB)
        throw new AddressRangeError(start, bytes.length, 'one range holds 4 GiB at most: use several');
      if (start < end) throw new AddressRangeError(start, bytes.length, 'overlaps the RAM before it');
      end = range.end;
    }
    this.#ranges = sorted;
    for (const watcher of this.#watchers) watcher();
  }

  /**
   * What was written before is seen by others before anything is read after. Without it each of two sides may look whether the
   * other has gone on, and neither see it: processors let a load pass a store.
   */
  fence(): void {
    if (this.shared) Atomics.add(barrier, 0, 0);
    if (this.source !== null) this.source.fence();
  }

  /** Calls `watcher` whenever ranges are replaced. @returns a function that ends it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** How many are told when ranges are replaced. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** The range that holds all of [address, address + length), if one does. */
  find(address: number, length: number): Ram | undefined {
    for (const range of this.#ranges)
      if (address >= range.start && address + length <= range.end) return range;
    return undefined;
  }

  /** A copy of `length` bytes. @throws AddressRangeError when they are not RAM of one range. */
  read(address: number, length: number): Uint8Array {
    const range = this.#need(address, length);
    return range.bytes.slice(address - range.start, address - range.start + length);
  }

  /** @throws AddressRangeError when the bytes would not land in RAM of one range. */
  write(address: number, bytes: Uint8Array): void {
    const range = this.#need(address, bytes.length);
    range.bytes.set(bytes, address - range.start);
  }

  /** @throws AddressRangeError outside RAM. */
  fill(address: number, length: number, value: number): void {
    const range = this.#need(address, length);
    range.bytes.fill(value, address - range.start, address - range.start + length);
  }

  #need(address: number, length: number): Ram {
    const range = this.find(address, length);
    if (range === undefined) throw new AddressRangeError(address, length, 'is not RAM');
    return range;
  }
}
