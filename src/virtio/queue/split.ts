import { type DmaDomain, type DmaRegion, FOUR_GIB, type State } from '../../core/index.ts';
import {
  AVAILABLE_ELEMENT_BYTES,
  availableRing,
  availableRingBytes,
  availEventOffset,
  DESCRIPTOR_BYTES,
  descriptor,
  descriptorFlag,
  descriptorTableBytes,
  RING_SUPPRESS,
  USED_ELEMENT_BYTES,
  usedElement,
  usedEventOffset,
  usedRing,
  usedRingBytes,
} from '../layout/index.ts';
import type { Chain } from './chain.ts';
import { inTable, type RingFault, ringOutside, splitFault } from './faults.ts';
import {
  MAX_INDIRECT,
  PLAIN_MODE,
  type Pop,
  pop,
  QueueAddresses,
  type RingMode,
  type Virtqueue,
} from './virtqueue.ts';

/** Ends of a walk through one table, beside the index of an indirect descriptor. */
const CHAIN_ENDS = -1;
const CHAIN_BROKEN = -2;
const CHAIN_FULL = -3;

/*
 * The tables' numbers as constants of this module: the compiler folds those into the code, while a look-up in an imported
 * table costs as much as the memory access that it is for (measured: a third of a pop).
 */
const AVAILABLE_FLAGS = availableRing.flags.offset;
const AVAILABLE_INDEX = availableRing.index.offset;
const AVAILABLE_HEADS = availableRing.ring.offset;
const USED_INDEX = usedRing.index.offset;
const USED_ELEMENTS = usedRing.ring.offset;
const ELEMENT_ID = usedElement.id.offset;
const ELEMENT_LENGTH = usedElement.length.offset;
const FLAGS = descriptor.flags.offset;
const LENGTH = descriptor.length.offset;
const ADDRESS_LOW = descriptor.addressLow.offset;
const ADDRESS_HIGH = descriptor.addressHigh.offset;
const NEXT = descriptorFlag.next;
const WRITE = descriptorFlag.write;
const INDIRECT = descriptorFlag.indirect;
const ENTRY_BYTES = DESCRIPTOR_BYTES;
const ELEMENT_BYTES = USED_ELEMENT_BYTES;
const HEAD_BYTES = AVAILABLE_ELEMENT_BYTES;
const HIGH_HALF = FOUR_GIB;
/** A queue's descriptors and an indirect table's, each shorter than 2^16 bytes, stay below 2^32 together. */
const SHORT_BITS = 16;
const { empty: EMPTY, chain: CHAIN, fault: FAULT } = pop;

/** The split virtqueue, device side. Every number the guest wrote is checked where it enters; nothing is allocated. */
export class SplitQueue implements Virtqueue {
  readonly maxSize: number;
  size: number;
  ready = false;
  readonly addresses = new QueueAddresses();
  fault: RingFault | null = null;
  #mode: RingMode = PLAIN_MODE;
  #dma: DmaDomain | null = null;
  #generation = 0;
  #table: DmaRegion | null = null;
  #available: DmaRegion | null = null;
  #used: DmaRegion | null = null;
  #tableAt = 0;
  #availableAt = 0;
  #usedAt = 0;
  /** Free-running 16-bit counters: next available entry to take, next used entry to fill, used index as published. */
  #nextAvailable = 0;
  #nextUsed = 0;
  #published = 0;
  /** Used index at the last interrupt decision; the crossing test of EVENT_IDX needs it. */
  #signalled = 0;

  /** `maxSize` is a power of two, at most 32768; 0 for an absent queue. */
  constructor(maxSize: number) {
    this.maxSize = maxSize;
    this.size = maxSize;
  }

  attach(dma: DmaDomain): void {
    this.#dma = dma;
    this.#generation = 0;
  }

  setMode(mode: RingMode): void {
    this.#mode = mode;
  }

  /** PCI-COM-15: slots are found by a mask. */
  takesSize(size: number): boolean {
    return size > 0 && size <= this.maxSize && (size & (size - 1)) === 0;
  }

  reset(): void {
    this.size = this.maxSize;
    this.ready = false;
    this.addresses.words.fill(0);
    this.fault = null;
    this.#generation = 0;
    this.#nextAvailable = this.#nextUsed = this.#published = this.#signalled = 0;
  }

  /** The areas are where they were looked up last, or are found now. */
  #ready(): boolean {
    return this.#generation === this.#dma!.generation || this.#resolve();
  }

  /** Finds the three areas in the DMA domain, once per change of either. */
  #resolve(): boolean {
    const dma = this.#dma!;
    const table = this.addresses.get('descriptor');
    const driver = this.addresses.get('driver');
    const device = this.addresses.get('device');
    this.#table = dma.find(table, descriptorTableBytes(this.size), false);
    this.#available = dma.find(driver, availableRingBytes(this.size), false);
    this.#used = dma.find(device, usedRingBytes(this.size), true);
    if (this.#table === null || this.#available === null || this.#used === null) {
      this.fault = ringOutside(this.#mode.ringClause, this.addresses, this.#table, this.#available);
      return false;
    }
    // Whole 32-bit numbers from here on: as doubles, what address arithmetic leaves, they cost a conversion an access.
    this.#tableAt = (table - this.#table.base) >>> 0;
    this.#availableAt = (driver - this.#available.base) >>> 0;
    this.#usedAt = (device - this.#used.base) >>> 0;
    this.#generation = dma.generation;
    return true;
  }

  relocate(): void {
    this.#generation = 0;
  }

  #fail(fault: RingFault): Pop {
    this.fault = fault;
    return FAULT;
  }

  pop(chain: Chain): Pop {
    if (!this.ready || this.fault !== null) return EMPTY;
    if (!this.#ready()) return FAULT;
    const { view } = this.#available!;
    const little = this.#mode.littleEndian;
    const index = view.getUint16(this.#availableAt + AVAILABLE_INDEX, little);
    const waiting = (index - this.#nextAvailable) & 0xffff;
    if (waiting === 0) return EMPTY;
    if (waiting > this.size) return this.#tooFarAhead(index);
    const slot = this.#nextAvailable & (this.size - 1);
    const head = view.getUint16(this.#availableAt + AVAILABLE_HEADS + HEAD_BYTES * slot, little);
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    chain.begin(head, head, this.#dma!);
    if (little && this.#collectDirect(this.#table!.view, head, chain)) return CHAIN;
    return this.#collectAny(head, chain);
  }

  /**
   * The common chain, and nothing else: little-endian, direct, short, as it should be. With the byte order known and no
   * case to tell apart the compiler makes two thirds of {@link #collect} out of it (measured).
   * @returns false, with the chain as it was, for any other.
   */
  #collectDirect(view: DataView, head: number, chain: Chain): boolean {
    const base = this.#tableAt;
    const { size } = this;
    const { lows, highs, lengths } = chain;
    // For Math.min, and for a length as it is, the compiler takes doubles.
    const capacity = lengths.length | 0;
    const room = capacity < size ? capacity : size;
    let index = head;
    let count = 0;
    let readable = 0;
    let bits = 0;
    let tail: number;
    do {
      if (index >= size || count === room) return false;
      const at = base + ENTRY_BYTES * index;
      tail = view.getInt32(at + FLAGS, true);
      if ((tail & INDIRECT) !== 0) return false;
      const length = view.getInt32(at + LENGTH, true);
      bits |= length;
      lengths[count] = length;
      lows[count] = view.getInt32(at + ADDRESS_LOW, true);
      highs[count] = view.getInt32(at + ADDRESS_HIGH, true);
      if ((tail & WRITE) === 0 && readable++ !== count) return false;
      count++;
      index = tail >>> 16;
    } while ((tail & NEXT) !== 0);
    if (bits >>> SHORT_BITS !== 0) return false;
    chain.count = count;
    chain.readableCount = readable;
    return true;
  }

  /** Any chain; one that ends in an indirect descriptor goes on in its table (SPL-IND-07). */
  #collectAny(head: number, chain: Chain): Pop {
    const { view } = this.#table!;
    let end = this.#collectAll(view, this.#tableAt, this.size, head, chain);
    if (end >= 0) end = this.#enter(view, end, chain);
    return end === CHAIN_ENDS ? CHAIN : FAULT;
  }

  /** Goes through one table; a chain that outgrows its arrays is gone through again, in larger ones. */
  #collectAll(view: DataView, base: number, entries: number, head: number, chain: Chain): number {
    for (;;) {
      const end = this.#collect(view, base, entries, head, chain);
      if (end !== CHAIN_FULL) return end;
      chain.grow();
    }
  }

  /** Goes through the indirect table that descriptor `index` points at. */
  #enter(view: DataView, index: number, chain: Chain): number {
    const at = this.#tableAt + ENTRY_BYTES * index;
    const little = this.#mode.littleEndian;
    const flags = view.getUint16(at + FLAGS, little);
    const length = view.getUint32(at + LENGTH, little);
    const word0 = view.getUint32(at + ADDRESS_LOW, little);
    const word1 = view.getUint32(at + ADDRESS_HIGH, little);
    const address = little ? word1 * HIGH_HALF + word0 : word0 * HIGH_HALF + word1;
    if (!this.#mode.indirect) return this.#broken(splitFault.indirectRefused(index, flags));
    if ((flags & NEXT) !== 0) return this.#broken(splitFault.indirectAndNext(index, flags));
    const entries = length / DESCRIPTOR_BYTES;
    if (length === 0 || !Number.isInteger(entries) || entries > MAX_INDIRECT)
      return this.#broken(splitFault.tableSize(index, length));
    const region = this.#dma!.find(address, length, false);
    if (region === null)
      return this.#broken(splitFault.tableOutside(this.#mode.addressClause, index, address));
    const end = this.#collectAll(region.view, (address - region.base) >>> 0, entries, 0, chain);
    if (end >= 0) return this.#broken(splitFault.nested(end));
    if (end === CHAIN_BROKEN) this.fault = inTable(this.fault!);
    return end;
  }

  /**
   * The inner loop. It calls nothing but to leave, and changes only locals and the chain's arrays: a call in it would make
   * the compiler check the view and load the arrays anew at each descriptor, twice the work (measured).
   * @returns CHAIN_ENDS, CHAIN_BROKEN, CHAIN_FULL (the chain is as before), or the index of an indirect descriptor.
   */
  #collect(view: DataView, base: number, entries: number, head: number, chain: Chain): number {
    const little = this.#mode.littleEndian;
    const { lows, highs, lengths } = chain;
    const room = Math.min(lengths.length, chain.count + entries);
    let count = chain.count;
    let readable = chain.readableCount;
    let index = head;
    let bits = chain.count === 0 ? 0 : 1 << SHORT_BITS;
    for (;;) {
      if (index >= entries || count === room) return this.#stopped(index, entries, count - chain.count);
      const at = base + ENTRY_BYTES * index;
      const tail = view.getUint32(at + FLAGS, little);
      const flags = little ? tail & 0xffff : tail >>> 16;
      if ((flags & INDIRECT) !== 0) break;
      const length = view.getUint32(at + LENGTH, little);
      bits |= length;
      lengths[count] = length;
      const word0 = view.getUint32(at + ADDRESS_LOW, little);
      const word1 = view.getUint32(at + ADDRESS_HIGH, little);
      lows[count] = little ? word0 : word1;
      highs[count] = little ? word1 : word0;
      if ((flags & WRITE) === 0 && readable++ !== count) return this.#misordered(index);
      count++;
      if ((flags & NEXT) === 0) {
        index = CHAIN_ENDS;
        break;
      }
      index = little ? tail >>> 16 : tail & 0xffff;
    }
    chain.count = count;
    chain.readableCount = readable;
    // Only descriptors of some length can come to 2^32 bytes, however many a chain has.
    return bits >>> SHORT_BITS === 0 ? index : this.#long(index, chain);
  }

  // What a guest gets wrong, out of the way of the hot path: the compiler inlines short methods only.

  #tooFarAhead(index: number): Pop {
    return this.#fail(splitFault.tooFarAhead(index, this.size));
  }

  /** Why a walk stopped in the middle of a chain: no room in the chain's arrays, or no such descriptor, or a loop. */
  #stopped(index: number, entries: number, steps: number): number {
    if (index < entries && steps < entries) return CHAIN_FULL;
    return this.#broken(
      index < entries ? splitFault.loop(index, entries) : splitFault.noDescriptor(index, entries),
    );
  }

  /** SPL-DESC-05: a chain has 2^32 bytes at most. */
  #long(index: number, chain: Chain): number {
    return chain.readableBytes + chain.writableBytes <= HIGH_HALF
      ? index
      : this.#broken(splitFault.tooManyBytes(chain.head));
  }

  #misordered(index: number): number {
    return this.#broken(splitFault.misordered(index));
  }

  #broken(fault: RingFault): number {
    this.fault = fault;
    return CHAIN_BROKEN;
  }

  push(head: number, length: number, chains: number, _span: number): boolean {
    if (!this.#ready()) return false;
    const { view, base } = this.#used!;
    const little = this.#mode.littleEndian;
    const at = this.#usedAt + USED_ELEMENTS + ELEMENT_BYTES * (this.#nextUsed & (this.size - 1));
    const { observer } = this.#dma!;
    if (observer !== null) observer(base + at, USED_ELEMENT_BYTES);
    view.setUint32(at + ELEMENT_ID, head, little);
    view.setUint32(at + ELEMENT_LENGTH, length, little);
    this.#nextUsed = (this.#nextUsed + chains) & 0xffff;
    return true;
  }

  publish(): boolean {
    if (this.#published === this.#nextUsed || !this.#ready()) return false;
    const used = this.#used!;
    const at = this.#usedAt + USED_INDEX;
    const { observer } = this.#dma!;
    if (observer !== null) observer(used.base + at, 2);
    used.view.setUint16(at, this.#nextUsed, this.#mode.littleEndian);
    this.#published = this.#nextUsed;
    return this.#wantsInterrupt();
  }

  #wantsInterrupt(): boolean {
    const { littleEndian: little, eventIndex, notifyOnEmpty } = this.#mode;
    const { view } = this.#available!;
    const empty =
      notifyOnEmpty && view.getUint16(this.#availableAt + AVAILABLE_INDEX, little) === this.#nextAvailable;
    const before = this.#signalled;
    this.#signalled = this.#nextUsed;
    // LEG-RF-02: a queue that ran dry interrupts in spite of suppression.
    if (empty) return true;
    if (!eventIndex)
      return (view.getUint16(this.#availableAt + AVAILABLE_FLAGS, little) & RING_SUPPRESS) === 0;
    const event = view.getUint16(this.#availableAt + usedEventOffset(this.size), little);
    return ((this.#nextUsed - event - 1) & 0xffff) < ((this.#nextUsed - before) & 0xffff);
  }

  rearm(): boolean {
    if (!this.ready || this.fault !== null || !this.#ready()) return false;
    const little = this.#mode.littleEndian;
    if (this.#mode.eventIndex) {
      const used = this.#used!;
      const at = this.#usedAt + availEventOffset(this.size);
      const { observer } = this.#dma!;
      if (observer !== null) observer(used.base + at, 2);
      used.view.setUint16(at, this.#nextAvailable, little);
    }
    const index = this.#available!.view.getUint16(this.#availableAt + AVAILABLE_INDEX, little);
    return index !== this.#nextAvailable;
  }

  plausibleNext(next: number): boolean {
    if (!this.ready || this.fault !== null || !this.#ready()) return true;
    const index = this.#available!.view.getUint16(
      this.#availableAt + AVAILABLE_INDEX,
      this.#mode.littleEndian,
    );
    return ((index - next) & 0xffff) <= this.size;
  }

  save() {
    return {
      size: this.size,
      ready: this.ready,
      addresses: [...this.addresses.words],
      nextAvailable: this.#nextAvailable,
      nextUsed: this.#nextUsed,
      published: this.#published,
      signalled: this.#signalled,
      fault: this.fault === null ? null : { ...this.fault },
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<SplitQueue['save']>;
    this.size = saved.size;
    this.ready = saved.ready;
    this.addresses.words.set(saved.addresses);
    this.#nextAvailable = saved.nextAvailable;
    this.#nextUsed = saved.nextUsed;
    this.#published = saved.published;
    this.#signalled = saved.signalled;
    this.fault = saved.fault;
    this.relocate();
  }
}
