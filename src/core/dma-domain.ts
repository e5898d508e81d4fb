import { AddressRangeError } from './errors.ts';
import { FOUR_GIB, type GuestMemory, type Ram } from './guest-memory.ts';
import type { Scheduler } from './scheduler.ts';
import { ViewCache } from './view-cache.ts';

/**
 * What a function may reach: bytes [start, start + length) of the addresses that it uses, which are those of guest-physical
 * memory, or bus addresses that an IOMMU translates.
 */
export interface DmaWindow {
  readonly start: number;
  readonly length: number;
  readonly write: boolean;
  /** Guest-physical address of the first byte, where it is not `start`. */
  readonly target?: number;
}

/** Told of every write that a device makes, before the bytes change, by the address that the device uses. */
export type WriteObserver = (address: number, length: number) => void;

/** Largest number that fits 32 bits with a sign. */
const MAX_INT32 = 0x7fffffff;

/** Copies of at most so many bytes are made byte by byte: the call of a built-in copy costs as much. */
const SMALL = 16;

/** A piece of RAM that a function reaches: where a window and a memory range meet. `at` counts from `bytes[0]`. */
export class DmaRegion {
  readonly start: number;
  readonly end: number;
  readonly writable: boolean;
  /** The function's address of `bytes[0]`, and the guest-physical one. */
  readonly base: number;
  readonly physicalBase: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly views: ViewCache;
  /**
   * The same for 32-bit integer arithmetic, for {@link DmaDomain.locate}: start, length (-1 where the region is not below
   * 4 GiB, or too far into its bytes) and offset in `bytes`.
   */
  readonly lowStart: number;
  readonly lowLength: number;
  readonly lowShift: number;
  /** An address less this, in 32 bits, is an offset in `bytes`, where the region is below 4 GiB. */
  readonly lowBase: number;
  /** The RAM's views of words, see {@link Ram}. */
  readonly words: Int32Array | null;
  readonly halves: Uint16Array | null;
  /** False once the domain has found its regions anew: an address may lead elsewhere now. */
  current = true;

  /** Bytes [start, end) of the function's addresses, in `ram`, whose first byte has the address `base`. */
  constructor(
    start: number,
    end: number,
    writable: boolean,
    base: number,
    ram: Omit<Ram, 'end' | 'writable'>,
  ) {
    this.start = start;
    this.end = end;
    this.writable = writable;
    this.base = base;
    this.physicalBase = ram.start;
    this.bytes = ram.bytes;
    this.view = ram.view;
    this.views = ram.views;
    const shift = start - base;
    const reach = Math.min(end, FOUR_GIB - 1) - start;
    const low = start < FOUR_GIB && reach > 0 && shift + reach <= MAX_INT32;
    // The conversions matter: a whole number that was computed as a double stays one, and all that is added to it.
    this.lowStart = low ? start | 0 : 0;
    this.lowLength = low ? reach | 0 : -1;
    this.lowShift = low ? shift | 0 : 0;
    this.lowBase = (this.lowStart - this.lowShift) | 0;
    this.words = ram.words;
    this.halves = ram.halves;
  }

  /** Copies bytes of this region, which the caller has checked, to `target`. */
  copyOut(at: number, target: Uint8Array, offset: number, length: number): void {
    if (length > SMALL) target.set(this.views.view(at, length), offset);
    else for (let i = 0; i < length; i++) target[offset + i] = this.bytes[at + i]!;
  }

  /** Copies bytes of `source` to this region, which the caller has checked. */
  copyIn(at: number, source: Uint8Array, offset: number, length: number, views: ViewCache | null): void {
    if (length <= SMALL) for (let i = 0; i < length; i++) this.bytes[at + i] = source[offset + i]!;
    else if (views !== null) this.bytes.set(views.view(offset, length), at);
    else if (source.length === length) this.bytes.set(source, at);
    else this.bytes.set(source.subarray(offset, offset + length), at);
  }
}

/** Length of a window on everything. */
const WHOLE = Number.MAX_SAFE_INTEGER;
const EVERYTHING: readonly DmaWindow[] = [{ start: 0, length: WHOLE, write: true }];
const NO_REGIONS: readonly DmaRegion[] = [];

/** Holds no address. */
const bytes = new Uint8Array(0);
const NO_REGION = new DmaRegion(0, -1, false, 0, {
  start: 0,
  bytes,
  view: new DataView(bytes.buffer),
  views: new ViewCache(bytes),
  words: null,
  halves: null,
});

/**
 * The memory that one function may reach, as an IOMMU would grant it, with an optional observer of its writes.
 * `generation` changes whenever an address may resolve to other bytes than before.
 */
export class DmaDomain {
  generation = 1;
  observer: WriteObserver | null = null;
  /** When work on this memory is done, where that is not when the machine's other work is; null where it is. */
  scheduler: Scheduler | null = null;
  #windows: readonly DmaWindow[];
  /** In the order of their addresses. */
  #regions = NO_REGIONS;
  #last = NO_REGION;
  /** Ends the following of the memory's ranges; null while nothing has been looked up. */
  #unwatch: (() => void) | null = null;

  readonly memory: GuestMemory;

  /** Without `windows` the whole memory is reachable, for reading and writing. */
  constructor(memory: GuestMemory, windows: readonly DmaWindow[] = EVERYTHING) {
    this.memory = memory;
    this.#windows = windows;
    this.setWindows(windows);
  }

  get windows(): readonly DmaWindow[] {
    return this.#windows;
  }

  /** The function's addresses are not those of the memory: somebody translates them. */
  get translated(): boolean {
    return this.#windows.some(({ start, target = start }) => target !== start);
  }

  /** Some memory is out of reach, or not to be written, or found at other addresses. */
  get limited(): boolean {
    return (
      this.translated ||
      !this.#windows.some(({ start, length, write }) => start === 0 && length === WHOLE && write)
    );
  }

  /** Guest-physical address of a byte that the function reaches; the address itself where it reaches nothing. */
  physical(address: number): number {
    const region = this.find(address, 1, false);
    return region === null ? address : address - region.base + region.physicalBase;
  }

  /** @throws AddressRangeError when two windows overlap, or one has no address to lead to. */
  setWindows(windows: readonly DmaWindow[]): void {
    const sorted = [...windows].sort((a, b) => a.start - b.start);
    for (const [index, window] of sorted.entries()) {
      const { target = window.start } = window;
      if (!Number.isSafeInteger(target) || target < 0)
        throw new AddressRangeError(window.start, window.length, `is to lead to address ${target}`);
      const next = sorted[index + 1];
      if (next !== undefined && window.start + window.length > next.start)
        throw new AddressRangeError(window.start, window.length, 'overlaps the next DMA window');
    }
    // Most have one window, the same.
    this.#windows = windows === EVERYTHING ? windows : sorted;
    if (this.#unwatch === null) this.generation++;
    else this.#rebuild();
  }

  /**
   * Forgets what was looked up and stops following the memory, as when a function leaves its slot: a domain that nobody
   * uses costs its memory nothing. The next access takes both up again.
   */
  release(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#exchange(NO_REGIONS);
  }

  #rebuild(): void {
    const regions: DmaRegion[] = [];
    for (const range of this.memory.ranges)
      for (const { start, length, write, target = start } of this.#windows) {
        const base = range.start + start - target;
        const low = Math.max(start, base);
        const high = Math.min(start + length, range.end + start - target);
        if (low >= high) continue;
        const before = regions.at(-1);
        const writes = write && range.writable;
        const joins =
          before?.end === low &&
          before.writable === writes &&
          before.bytes === range.bytes &&
          before.base === base;
        if (joins) regions.pop();
        regions.push(this.regionOf(joins ? before.start : low, high, writes, base, range));
      }
    this.#exchange(regions.sort((a, b) => a.start - b.start));
  }

  /** A region as this domain has them: one that counts makes others. */
  protected regionOf(start: number, end: number, write: boolean, base: number, ram: Ram): DmaRegion {
    return new DmaRegion(start, end, write, base, ram);
  }

  /** Whoever remembers a region of before learns that it is none any more. */
  #exchange(regions: readonly DmaRegion[]): void {
    for (const region of this.#regions) region.current = false;
    this.#regions = regions;
    this.#last = NO_REGION;
    this.generation++;
  }

  /** The region that holds an address, or null. */
  #at(address: number): DmaRegion | null {
    if (this.#unwatch === null) {
      this.#unwatch = this.memory.watch(() => this.#rebuild());
      this.#rebuild();
    }
    const regions = this.#regions;
    let [low, high] = [0, regions.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const region = regions[middle]!;
      if (address < region.start) high = middle;
      else if (address >= region.end) low = middle + 1;
      else {
        this.#last = region;
        return region;
      }
    }
    return this.memory.source !== null && this.#fetched(address, 1) ? this.#at(address) : null;
  }

  /** The region that holds all `length` bytes with the permission asked for, or null. */
  find(address: number, length: number, write: boolean): DmaRegion | null {
    const last = this.#last;
    let region = address >= last.start && address < last.end ? last : this.#at(address);
    if (region !== null && address + length > region.end)
      region = this.#fetched(address, length) ? this.#at(address) : null;
    return region !== null && address + length <= region.end && (region.writable || !write) ? region : null;
  }

  /** Bytes of a memory that has them elsewhere are in place now. */
  #fetched(address: number, length: number): boolean {
    const { source } = this.memory;
    if (source === null) return false;
    for (const { start, length: reach, target = start } of this.#windows)
      if (address >= start && address + length <= start + reach)
        return source.fetch(address - start + target, length);
    return false;
  }

  /** See {@link GuestMemory.fence}. */
  fence(): void {
    this.memory.fence();
  }

  /** True when every byte may be reached, in however many regions. */
  reaches(address: number, length: number, write: boolean): boolean {
    // Beyond 2^53 an address plus one may be the same number, and nothing is RAM there.
    if (!Number.isSafeInteger(address + length)) return false;
    for (let at = address; at < address + length; ) {
      const region = this.#at(at);
      if (region === null || (write && !region.writable)) return false;
      at = region.end;
    }
    return true;
  }

  /** The region that was hit last: the one that {@link locate} looks into. */
  get lastRegion(): DmaRegion {
    return this.#last;
  }

  /**
   * Where `length` bytes at an address below 4 GiB lie in `lastRegion.bytes`, or -1 when they are not all in it and the
   * slower methods have to look. Whole 32-bit numbers throughout: arithmetic on addresses as doubles is half the cost of
   * a short copy.
   */
  locate(low: number, length: number): number {
    const region = this.#last;
    const at = (low - region.lowStart) | 0;
    return at >= 0 && length >= 0 && length <= region.lowLength - at ? at + region.lowShift : -1;
  }

  /** Copies guest memory into `target` at `offset`. Copies nothing and answers false if a byte is out of reach. */
  read(address: number, target: Uint8Array, offset: number, length: number): boolean {
    const last = this.#last;
    if (address < last.start || address + length > last.end)
      return this.#readPieces(address, target, offset, length);
    last.copyOut((address - last.base) >>> 0, target, offset, length);
    return true;
  }

  /**
   * Copies `length` bytes of `source` from `offset` into guest memory. All or nothing, as {@link read}.
   * @param views remembers views of `source`, where the caller copies from it again and again.
   */
  write(
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    views: ViewCache | null = null,
  ): boolean {
    const last = this.#last;
    if (!last.writable || address < last.start || address + length > last.end)
      return this.#writePieces(address, source, offset, length, views);
    if (this.observer !== null) this.observer(address, length);
    last.copyIn((address - last.base) >>> 0, source, offset, length, views);
    return true;
  }

  /** Writes one byte. @returns false when it is out of reach. */
  writeByte(address: number, value: number): boolean {
    const region = this.find(address, 1, true);
    if (region === null) return false;
    if (this.observer !== null) this.observer(address, 1);
    region.bytes[(address - region.base) >>> 0] = value;
    return true;
  }

  /** Across regions, or in another one than the last. */
  #readPieces(address: number, target: Uint8Array, offset: number, length: number): boolean {
    if (!this.reaches(address, length, false)) return false;
    for (let done = 0; done < length; ) {
      const region = this.#at(address + done)!;
      const piece = Math.min(length - done, region.end - address - done);
      this.read(address + done, target, offset + done, piece);
      done += piece;
    }
    return true;
  }

  #writePieces(
    address: number,
    source: Uint8Array,
    offset: number,
    length: number,
    views: ViewCache | null,
  ): boolean {
    if (!this.reaches(address, length, true)) return false;
    for (let done = 0; done < length; ) {
      const region = this.#at(address + done)!;
      const piece = Math.min(length - done, region.end - address - done);
      this.write(address + done, source, offset + done, piece, views);
      done += piece;
    }
    return true;
  }
}
