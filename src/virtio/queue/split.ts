import type { DmaDomain, DmaRegion, State, ValueOf } from '../../core/index.ts';
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
import { type RingFault, ringOutside, splitFault } from './faults.ts';
import { SplitWalk } from './split-walk.ts';
import { loadFault, saveFault, splitQueueState } from './state.ts';
import { PLAIN_MODE, type Pop, pop, QueueAddresses, type RingMode, type Virtqueue } from './virtqueue.ts';

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
const ELEMENT_BYTES = USED_ELEMENT_BYTES;
const HEAD_BYTES = AVAILABLE_ELEMENT_BYTES;
const NEXT = descriptorFlag.next;
const WRITE = descriptorFlag.write;
const INDIRECT = descriptorFlag.indirect;
/** The same in whole words and half-words, for rings whose places and byte order are a processor's. */
const WORD = 4;
const HALF = 2;
const ENTRY_WORDS = DESCRIPTOR_BYTES / WORD;
const FLAGS_WORD = descriptor.flags.offset / WORD;
const LENGTH_WORD = descriptor.length.offset / WORD;
const LOW_WORD = descriptor.addressLow.offset / WORD;
const HIGH_WORD = descriptor.addressHigh.offset / WORD;
const INDEX_HALF = AVAILABLE_INDEX / HALF;
const HEADS_HALF = AVAILABLE_HEADS / HALF;
const ELEMENTS_WORD = USED_ELEMENTS / WORD;
const ELEMENT_WORDS = USED_ELEMENT_BYTES / WORD;
const ELEMENT_ID_WORD = ELEMENT_ID / WORD;
const ELEMENT_LENGTH_WORD = ELEMENT_LENGTH / WORD;
/** Descriptors of fewer bytes: none of them alone, nor all together, needs more than a look at their bits. */
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
  readonly #walk = new SplitWalk();
  #dma: DmaDomain | null = null;
  #generation = 0;
  #table: DmaRegion | null = null;
  #available: DmaRegion | null = null;
  #used: DmaRegion | null = null;
  #tableAt = 0;
  #availableAt = 0;
  #usedAt = 0;
  /** Views of the three areas where all of them are little-endian and aligned, else null, and where in them they begin. */
  #tableWords: Int32Array | null = null;
  #availableHalves: Uint16Array | null = null;
  #usedWords: Int32Array | null = null;
  #tableWord = 0;
  #availableHalf = 0;
  #usedWord = 0;
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
    if (mode.littleEndian !== this.#mode.littleEndian) this.relocate();
    this.#mode = mode;
    this.#walk.mode = mode;
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
    this.#findWords(this.#table, this.#available, this.#used);
    this.#generation = dma.generation;
    return true;
  }

  /** Odd places, which no driver should choose, and big-endian rings are read byte by byte. */
  #findWords(table: DmaRegion, available: DmaRegion, used: DmaRegion): void {
    const aligned =
      this.#mode.littleEndian &&
      this.#tableAt % WORD === 0 &&
      this.#availableAt % HALF === 0 &&
      this.#usedAt % WORD === 0;
    const whole = table.words !== null && available.halves !== null && used.words !== null;
    this.#tableWords = aligned && whole ? table.words : null;
    this.#availableHalves = aligned && whole ? available.halves : null;
    this.#usedWords = aligned && whole ? used.words : null;
    this.#tableWord = this.#tableAt >>> 2;
    this.#availableHalf = this.#availableAt >>> 1;
    this.#usedWord = this.#usedAt >>> 2;
  }

  relocate(): void {
    this.#generation = 0;
  }

  #fail(fault: RingFault): Pop {
    this.fault = fault;
    return FAULT;
  }

  pop(chain: Chain): Pop {
    if (this.ready !== true || this.fault !== null) return EMPTY;
    const dma = this.#dma!;
    if (this.#generation !== dma.generation && !this.#resolve()) return FAULT;
    const available = this.#availableHalves;
    if (available === null) return this.#popAny(chain);
    const next = this.#nextAvailable;
    const index = available[this.#availableHalf + INDEX_HALF]! | 0;
    const waiting = (index - next) & 0xffff;
    if (waiting === 0) return EMPTY;
    if (waiting > this.size) return this.#tooFarAhead(index);
    const head = available[this.#availableHalf + HEADS_HALF + (next & (this.size - 1))]! | 0;
    this.#nextAvailable = (next + 1) & 0xffff;
    chain.begin(head, head, dma);
    return this.#collectDirect(this.#tableWords!, head, chain, dma.lastRegion)
      ? CHAIN
      : this.#collectAny(head, chain);
  }

  #popAny(chain: Chain): Pop {
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
    return this.#collectAny(head, chain);
  }

  /**
   * The common chain, and nothing else: little-endian, direct, short, below 4 GiB, as it should be. With the byte order
   * known and no case to tell apart the compiler makes two thirds of {@link SplitWalk} out of it (measured).
   * Whether all its buffers lie in `region` comes out on the way: a sign bit in `outside` says of any that it does not.
   * @returns false, with the chain as it was, for any other.
   */
  #collectDirect(words: Int32Array, head: number, chain: Chain, region: DmaRegion): boolean {
    const base = this.#tableWord;
    const { size } = this;
    const { lows, lengths } = chain;
    const start = region.lowStart;
    const end = region.lowLength;
    // For Math.min, and for a length as it is, the compiler takes doubles.
    const capacity = lengths.length | 0;
    const room = capacity < size ? capacity : size;
    let index = head;
    let count = 0;
    let readable = 0;
    let bits = 0;
    let high = 0;
    let outside = 0;
    let tail: number;
    do {
      if (index >= size || count === room) return false;
      const at = base + ENTRY_WORDS * index;
      tail = words[at + FLAGS_WORD]!;
      if ((tail & INDIRECT) !== 0) return false;
      const low = words[at + LOW_WORD]!;
      const length = words[at + LENGTH_WORD]!;
      high |= words[at + HIGH_WORD]!;
      bits |= length;
      lows[count] = low;
      lengths[count] = length;
      const place = (low - start) | 0;
      const left = (end - place) | 0;
      outside |= place | left | (left - length);
      if ((tail & WRITE) === 0 && readable++ !== count) return false;
      count++;
      index = tail >>> 16;
    } while ((tail & NEXT) !== 0);
    if (((bits >>> SHORT_BITS) | high) !== 0) return false;
    chain.count = count;
    chain.readableCount = readable;
    if (outside >= 0) chain.region = region;
    return true;
  }

  /** Another chain, or another ring: as any. */
  #collectAny(head: number, chain: Chain): Pop {
    const walk = this.#walk;
    if (walk.collect(this.#table!.view, this.#tableAt, this.size, head, chain, this.#dma!)) return CHAIN;
    return this.#fail(walk.fault!);
  }

  #tooFarAhead(index: number): Pop {
    return this.#fail(splitFault.tooFarAhead(index, this.size));
  }

  push(head: number, length: number, chains: number, _span: number): boolean {
    const words = this.#usedWords;
    const dma = this.#dma!;
    if (words === null || dma.observer !== null || this.#generation !== dma.generation)
      return this.#pushAny(head, length, chains);
    const next = this.#nextUsed;
    const at = this.#usedWord + ELEMENTS_WORD + ELEMENT_WORDS * (next & (this.size - 1));
    words[at + ELEMENT_ID_WORD] = head;
    words[at + ELEMENT_LENGTH_WORD] = length;
    this.#nextUsed = (next + chains) & 0xffff;
    return true;
  }

  #pushAny(head: number, length: number, chains: number): boolean {
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

  /** What was written is seen before what is read next; the areas may be elsewhere afterwards. */
  #fenced(): boolean {
    this.#dma!.fence();
    return this.#ready();
  }

  publish(): boolean {
    if (this.#published === this.#nextUsed || !this.#ready()) return false;
    const used = this.#used!;
    const at = this.#usedAt + USED_INDEX;
    const { observer } = this.#dma!;
    if (observer !== null) observer(used.base + at, 2);
    used.view.setUint16(at, this.#nextUsed, this.#mode.littleEndian);
    this.#published = this.#nextUsed;
    return this.#fenced() && this.#wantsInterrupt();
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
      if (!this.#fenced()) return false;
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

  position(): number {
    return this.#nextUsed;
  }

  goOnFrom(position: number): void {
    this.#nextAvailable = this.#nextUsed = this.#published = this.#signalled = position;
  }

  /** The used index says how many chains were handed back, in the order in which they were made available. */
  takeOver(): void {
    if (!this.#ready()) return;
    this.goOnFrom(this.#used!.view.getUint16(this.#usedAt + USED_INDEX, this.#mode.littleEndian));
  }

  save() {
    return splitQueueState.save({
      size: this.size,
      ready: this.ready,
      addresses: [...this.addresses.words],
      nextAvailable: this.#nextAvailable,
      nextUsed: this.#nextUsed,
      published: this.#published,
      signalled: this.#signalled,
      fault: saveFault(this.fault),
    });
  }

  load(state: State): void {
    this.restore(splitQueueState.parse(state));
  }

  /** Takes a state over that was looked at. */
  restore(saved: ValueOf<typeof splitQueueState>): void {
    this.size = saved.size;
    this.ready = saved.ready;
    this.addresses.copy(saved.addresses);
    this.#nextAvailable = saved.nextAvailable;
    this.#nextUsed = saved.nextUsed;
    this.#published = saved.published;
    this.#signalled = saved.signalled;
    this.fault = loadFault(saved.fault);
    this.relocate();
  }
}
