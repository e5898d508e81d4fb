import { type DmaDomain, type DmaRegion, FOUR_GIB, type State } from '../../core/index.ts';
import {
  descriptorFlag,
  MAX_QUEUE_SIZE,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_EVENT_BYTES,
  PACKED_EVENT_FLAG_MASK,
  PACKED_WRAP_BIT,
  packedDescriptor,
  packedDescriptorFlag,
  packedDistance,
  packedEvent,
  packedEventDue,
  packedEventFlag,
  packedPlace,
  packedPosition,
  packedRingBytes,
} from '../layout/index.ts';
import type { Chain } from './chain.ts';
import { inTable, packedFault, type RingFault, ringOutside } from './faults.ts';
import { readHighs, readTable } from './packed-table.ts';
import { loadFault, packedQueueState, saveFault } from './state.ts';
import {
  MAX_INDIRECT,
  PLAIN_MODE,
  type Pop,
  pop,
  QueueAddresses,
  type RingMode,
  type Virtqueue,
} from './virtqueue.ts';

/*
 * The tables' numbers as constants of this module, which the compiler folds into the code. A descriptor's id and flags are
 * read as one 32-bit word, flags in its upper half.
 */
const BYTES = PACKED_DESCRIPTOR_BYTES;
const ADDRESS_LOW = packedDescriptor.addressLow.offset;
const ADDRESS_HIGH = packedDescriptor.addressHigh.offset;
const LENGTH = packedDescriptor.length.offset;
const ID = packedDescriptor.id.offset;
const FLAGS = packedDescriptor.flags.offset;
const HALF = 16;
const AVAILABLE = packedDescriptorFlag.available << HALF;
const USED = packedDescriptorFlag.used << HALF;
const AVAILABLE_AND_USED = AVAILABLE | USED;
const NEXT = descriptorFlag.next << HALF;
const WRITE = descriptorFlag.write << HALF;
const INDIRECT = descriptorFlag.indirect << HALF;
const NOTHING = -1;
const { empty: EMPTY, chain: CHAIN, fault: FAULT } = pop;

/**
 * The packed virtqueue, device side; always little-endian. A place in the ring is counted over two rounds, 0 up to twice
 * the size: in the first the wrap counter is 1, in the second 0 (PKD-EVT-04). Every number the guest wrote is checked where
 * it enters; nothing is allocated.
 */
export class PackedQueue implements Virtqueue {
  readonly maxSize: number;
  size: number;
  ready = false;
  readonly addresses = new QueueAddresses();
  fault: RingFault | null = null;
  #mode: RingMode = PLAIN_MODE;
  #dma: DmaDomain | null = null;
  #generation = 0;
  #ring: DmaRegion | null = null;
  #driver: DmaRegion | null = null;
  #device: DmaRegion | null = null;
  #ringAt = 0;
  #driverAt = 0;
  #deviceAt = 0;
  /** Places: the next descriptor to take, the next to use, and the latter at the last interrupt decision. */
  #nextAvailable = 0;
  #nextUsed = 0;
  #signalled = 0;
  /** Slot of the first used descriptor that is not visible yet, and its flags, which make it so. */
  #hidden = NOTHING;
  #hiddenFlags = 0;

  /** `maxSize` is at most 32768; 0 for an absent queue. */
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

  takesSize(size: number): boolean {
    return size > 0 && size <= Math.min(this.maxSize, MAX_QUEUE_SIZE);
  }

  reset(): void {
    this.size = this.maxSize;
    this.ready = false;
    this.addresses.words.fill(0);
    this.fault = null;
    this.#generation = 0;
    this.#nextAvailable = this.#nextUsed = this.#signalled = 0;
    this.#hidden = NOTHING;
  }

  relocate(): void {
    this.#generation = 0;
  }

  /** The areas are where they were looked up last, or are found now. */
  #reachable(): boolean {
    return this.#generation === this.#dma!.generation || this.#resolve();
  }

  #fenced(): boolean {
    this.#dma!.fence();
    return this.#reachable();
  }

  #resolve(): boolean {
    const dma = this.#dma!;
    const ring = this.addresses.get('descriptor');
    const driver = this.addresses.get('driver');
    const device = this.addresses.get('device');
    this.#ring = dma.find(ring, packedRingBytes(this.size), true);
    this.#driver = dma.find(driver, PACKED_EVENT_BYTES, false);
    this.#device = dma.find(device, PACKED_EVENT_BYTES, true);
    if (this.#ring === null || this.#driver === null || this.#device === null) {
      this.fault = ringOutside(this.#mode.ringClause, this.addresses, this.#ring, this.#driver);
      return false;
    }
    // Whole 32-bit numbers from here on, see SplitQueue.
    this.#ringAt = (ring - this.#ring.base) >>> 0;
    this.#driverAt = (driver - this.#driver.base) >>> 0;
    this.#deviceAt = (device - this.#device.base) >>> 0;
    this.#generation = dma.generation;
    return true;
  }

  /** The inner loop changes only locals and the chain's arrays, which make unsigned numbers of what is read. */
  pop(chain: Chain): Pop {
    if (this.ready !== true || this.fault !== null) return EMPTY;
    if (!this.#reachable()) return FAULT;
    const { view } = this.#ring!;
    const region = this.#dma!.lastRegion;
    const start = region.lowStart;
    const end = region.lowLength;
    const { size } = this;
    const base = this.#ringAt;
    const first = this.#nextAvailable;
    let slot = first < size ? first : first - size;
    // What the two bits are in a descriptor that is available: they change over at the end of the ring.
    let wanted = first < size ? AVAILABLE : USED;
    const { lows, lengths } = chain;
    const free = this.#room();
    // For Math.min, and for a length as it is, the compiler takes doubles.
    const capacity = lengths.length | 0;
    const room = capacity < free ? capacity : free;
    let count = 0;
    let readable = 0;
    let bits = 0;
    let high = 0;
    // A sign bit here says of any buffer that it does not lie in the region, as in SplitQueue.
    let outside = 0;
    let tail: number;
    do {
      const at = base + BYTES * slot;
      tail = view.getInt32(at + ID, true);
      if (((tail ^ wanted) & AVAILABLE_AND_USED) !== 0) return count === 0 ? EMPTY : this.#torn(count, slot);
      if (count === room) return this.#stopped(count, chain);
      if ((tail & INDIRECT) !== 0) return this.#enter(slot, tail, count, chain);
      const length = view.getInt32(at + LENGTH, true);
      bits |= length;
      lengths[count] = length;
      const low = view.getInt32(at + ADDRESS_LOW, true);
      lows[count] = low;
      high |= view.getInt32(at + ADDRESS_HIGH, true);
      const place = (low - start) | 0;
      const left = (end - place) | 0;
      outside |= place | left | (left - length);
      if ((tail & WRITE) === 0 && readable++ !== count) return this.#fail(packedFault.misordered(slot));
      count++;
      if (++slot === size) {
        slot = 0;
        wanted ^= AVAILABLE_AND_USED;
      }
    } while ((tail & NEXT) !== 0);
    this.#take(chain, tail & 0xffff, count, count, readable);
    if (high !== 0) readHighs(view, base, first, size, chain);
    // Only descriptors of some length can come to 2^32 bytes.
    if (bits >>> HALF !== 0) return this.#fits(chain) ? CHAIN : FAULT;
    if (outside >= 0 && high === 0) chain.region = region;
    return CHAIN;
  }

  /** Descriptors that the driver may have made available: those that are not in flight. */
  #room(): number {
    const inFlight = this.#nextAvailable - this.#nextUsed;
    return this.size - (inFlight < 0 ? inFlight + 2 * this.size : inFlight);
  }

  /** Index of the next descriptor to take. */
  #slot(): number {
    const place = this.#nextAvailable;
    return place < this.size ? place : place - this.size;
  }

  /** The place `span` descriptors further on. */
  #after(place: number, span: number): number {
    const next = place + span;
    return next < 2 * this.size ? next : next - 2 * this.size;
  }

  #take(chain: Chain, id: number, span: number, count: number, readable: number): void {
    chain.begin(id, this.#slot(), this.#dma!);
    chain.span = span;
    chain.count = count;
    chain.readableCount = readable;
    this.#nextAvailable = this.#after(this.#nextAvailable, span);
  }

  /** A list that is one descriptor with a table of its own: WRITE in it is ignored, and all else in the table (PKD-IND-05). */
  #enter(slot: number, tail: number, before: number, chain: Chain): Pop {
    const { view } = this.#ring!;
    const at = this.#ringAt + BYTES * slot;
    const flags = tail >>> HALF;
    const length = view.getUint32(at + LENGTH, true);
    const address =
      view.getUint32(at + ADDRESS_HIGH, true) * FOUR_GIB + view.getUint32(at + ADDRESS_LOW, true);
    if (!this.#mode.indirect) return this.#fail(packedFault.indirectRefused(slot, flags));
    if (before > 0 || (tail & NEXT) !== 0) return this.#fail(packedFault.indirectInList(slot, flags));
    const entries = length / BYTES;
    if (length === 0 || !Number.isInteger(entries) || entries > MAX_INDIRECT)
      return this.#fail(packedFault.tableSize(slot, length));
    const region = this.#dma!.find(address, length, false);
    if (region === null) return this.#fail(packedFault.tableOutside(this.#mode.addressClause, slot, address));
    while (chain.lengths.length < entries) chain.grow();
    const base = (address - region.base) >>> 0;
    const readable = readTable(region.view, base, entries, chain);
    if (readable < 0) return this.#fail(inTable(packedFault.misordered(~readable)));
    this.#take(chain, tail & 0xffff, 1, entries, readable);
    readHighs(region.view, base, 0, entries, chain);
    return this.#fits(chain) ? CHAIN : FAULT;
  }

  // What a guest gets wrong, out of the way of the hot path.

  #fail(fault: RingFault): Pop {
    this.fault = fault;
    return FAULT;
  }

  /** No room: in the chain's arrays, which grow then, or in the ring. */
  #stopped(count: number, chain: Chain): Pop {
    if (count === this.#room()) return this.#crowded(count);
    chain.grow();
    return this.pop(chain);
  }

  #crowded(count: number): Pop {
    const slot = this.#slot();
    if (count === 0) return this.#fail(packedFault.unused(slot));
    const longer = count === this.size ? packedFault.longerThanQueue : packedFault.longerThanFree;
    return this.#fail(longer(slot, count));
  }

  /** The rest of a list is available when its first descriptor is (PKD-SG-06). */
  #torn(count: number, slot: number): Pop {
    if (count === this.#room()) return this.#crowded(count);
    return this.#fail(packedFault.torn(slot));
  }

  /** The device's own bound (PKD-SG-08): a used descriptor has 32 bits for the bytes that were written. */
  #fits(chain: Chain): boolean {
    if (chain.readableBytes + chain.writableBytes <= FOUR_GIB) return true;
    this.#fail(packedFault.tooManyBytes(chain.first));
    return false;
  }

  push(head: number, length: number, _chains: number, span: number, touched: boolean): boolean {
    if (!this.#reachable()) return false;
    const { view, base } = this.#ring!;
    const place = this.#nextUsed;
    const first = place < this.size;
    const slot = first ? place : place - this.size;
    const at = this.#ringAt + BYTES * slot;
    const flags = (first ? AVAILABLE_AND_USED : 0) | (touched || length > 0 ? WRITE : 0);
    const { observer } = this.#dma!;
    if (observer !== null) observer(base + at + LENGTH, BYTES - LENGTH);
    view.setUint32(at + LENGTH, length, true);
    // The driver looks at one descriptor at a time: what follows a hidden one is not visible either.
    if (this.#hidden === NOTHING) {
      view.setUint16(at + ID, head, true);
      this.#hidden = slot;
      this.#hiddenFlags = flags >>> HALF;
    } else view.setInt32(at + ID, flags | head, true);
    this.#nextUsed = this.#after(place, span);
    return true;
  }

  publish(): boolean {
    if (this.#hidden === NOTHING || !this.#reachable()) return false;
    const { view, base } = this.#ring!;
    const at = this.#ringAt + BYTES * this.#hidden + FLAGS;
    const { observer } = this.#dma!;
    if (observer !== null) observer(base + at, 2);
    view.setUint16(at, this.#hiddenFlags, true);
    this.#hidden = NOTHING;
    return this.#fenced() && this.#wantsInterrupt();
  }

  #wantsInterrupt(): boolean {
    const { view } = this.#driver!;
    const before = this.#signalled;
    this.#signalled = this.#nextUsed;
    const flags = view.getUint16(this.#driverAt + packedEvent.flags.offset, true) & PACKED_EVENT_FLAG_MASK;
    if (flags === packedEventFlag.disable) return false;
    // What the driver may not say (PKD-EVT-01) is not taken for a wish to be left alone.
    if (flags !== packedEventFlag.descriptor || !this.#mode.eventIndex) return true;
    const position = view.getUint16(this.#driverAt + packedEvent.position.offset, true);
    return packedEventDue(position, before, this.#nextUsed, this.size);
  }

  rearm(): boolean {
    if (!this.ready || this.fault !== null || !this.#reachable()) return false;
    const place = this.#nextAvailable;
    if (this.#mode.eventIndex) {
      const { view, base } = this.#device!;
      const at = this.#deviceAt;
      const { observer } = this.#dma!;
      if (observer !== null) observer(base + at, PACKED_EVENT_BYTES);
      view.setUint16(at + packedEvent.position.offset, packedPosition(place, this.size), true);
      view.setUint16(at + packedEvent.flags.offset, packedEventFlag.descriptor, true);
      if (!this.#fenced()) return false;
    }
    return this.#isAvailable(place);
  }

  #isAvailable(place: number): boolean {
    const first = place < this.size;
    const slot = first ? place : place - this.size;
    const tail = this.#ring!.view.getInt32(this.#ringAt + BYTES * slot + ID, true);
    return ((tail ^ (first ? AVAILABLE : USED)) & AVAILABLE_AND_USED) === 0;
  }

  plausibleNext(next: number): boolean {
    if (!this.ready || this.fault !== null || !this.#reachable()) return true;
    const { size } = this;
    if ((next & ~PACKED_WRAP_BIT) >= size) return false;
    const ahead = packedDistance(this.#nextAvailable, packedPlace(next, size), size);
    // Where the device stands, or behind it: a kick that comes late.
    if (ahead === 0 || ahead > size) return true;
    const last = this.#after(this.#nextAvailable, ahead - 1);
    return ahead <= this.#room() && this.#isAvailable(last);
  }

  position(): number {
    return this.#nextUsed;
  }

  goOnFrom(position: number): void {
    this.#nextAvailable = this.#nextUsed = this.#signalled = position;
  }

  /** Nothing in memory says where that was: it begins anew. */
  takeOver(): void {}

  save() {
    return packedQueueState.save({
      size: this.size,
      ready: this.ready,
      addresses: [...this.addresses.words],
      nextAvailable: this.#nextAvailable,
      nextUsed: this.#nextUsed,
      signalled: this.#signalled,
      hidden: this.#hidden,
      hiddenFlags: this.#hidden === NOTHING ? 0 : this.#hiddenFlags,
      fault: saveFault(this.fault),
    });
  }

  load(state: State): void {
    const saved = packedQueueState.parse(state);
    this.size = saved.size;
    this.ready = saved.ready;
    this.addresses.copy(saved.addresses);
    this.#nextAvailable = saved.nextAvailable;
    this.#nextUsed = saved.nextUsed;
    this.#signalled = saved.signalled;
    this.#hidden = saved.hidden;
    this.#hiddenFlags = saved.hiddenFlags;
    this.fault = loadFault(saved.fault);
    this.relocate();
  }
}
