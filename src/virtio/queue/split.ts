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
import { type Pop, pop, QueueAddresses, type RingFault, type RingMode, type Virtqueue } from './virtqueue.ts';

/**
 * Longest chain by way of an indirect table. The specification allows no more than the queue is long (SPL-IND-03); real
 * drivers go beyond it and a device may set its own bound (SPL-FRM-02).
 */
const MAX_INDIRECT = 1024;

/** The split virtqueue, device side. Every number the guest wrote is checked where it enters; nothing is allocated. */
export class SplitQueue implements Virtqueue {
  readonly maxSize: number;
  size: number;
  ready = false;
  readonly addresses = new QueueAddresses();
  fault: RingFault | null = null;
  #mode: RingMode = { littleEndian: true, indirect: false, eventIndex: false, notifyOnEmpty: false };
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
  #signalledValid = false;

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

  reset(): void {
    this.size = this.maxSize;
    this.ready = false;
    this.addresses.words.fill(0);
    this.fault = null;
    this.#generation = 0;
    this.#nextAvailable = this.#nextUsed = this.#published = this.#signalled = 0;
    this.#signalledValid = false;
  }

  /** Finds the three areas in the DMA domain, once per change of either. */
  #resolve(): boolean {
    const dma = this.#dma;
    if (dma === null) return false;
    if (this.#generation === dma.generation && this.#table !== null) return true;
    const table = this.addresses.get('descriptor');
    const driver = this.addresses.get('driver');
    const device = this.addresses.get('device');
    this.#table = dma.find(table, descriptorTableBytes(this.size), false);
    this.#available = dma.find(driver, availableRingBytes(this.size), false);
    this.#used = dma.find(device, usedRingBytes(this.size), true);
    if (this.#table === null || this.#available === null || this.#used === null) {
      this.#table = null;
      return false;
    }
    this.#tableAt = table - this.#table.base;
    this.#availableAt = driver - this.#available.base;
    this.#usedAt = device - this.#used.base;
    this.#generation = dma.generation;
    return true;
  }

  relocate(): void {
    this.#generation = 0;
    this.#table = null;
  }

  #fail(clause: string, message: string, value: number): Pop {
    this.fault = { clause, message, value };
    return pop.fault;
  }

  #unreachable(): Pop {
    return this.#fail(
      'SPL-LAY-01',
      'a ring lies outside the memory that the function reaches',
      this.addresses.get('descriptor'),
    );
  }

  pop(chain: Chain): Pop {
    if (!this.ready || this.fault !== null) return pop.empty;
    if (!this.#resolve()) return this.#unreachable();
    const { view } = this.#available!;
    const little = this.#mode.littleEndian;
    const index = view.getUint16(this.#availableAt + availableRing.index.offset, little);
    const waiting = (index - this.#nextAvailable) & 0xffff;
    if (waiting === 0) return pop.empty;
    if (waiting > this.size)
      return this.#fail(
        'SPL-AVL-01',
        `available index ${index} is ${waiting} ahead of a queue of ${this.size}`,
        index,
      );
    const slot = this.#nextAvailable & (this.size - 1);
    const head = view.getUint16(
      this.#availableAt + availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * slot,
      little,
    );
    this.#nextAvailable = (this.#nextAvailable + 1) & 0xffff;
    return this.#walk(head, chain);
  }

  repop(head: number, chain: Chain): Pop {
    return this.#resolve() ? this.#walk(head, chain) : this.#unreachable();
  }

  /** Follows a chain through the table, and through one indirect table at its end (SPL-IND-07). */
  #walk(head: number, chain: Chain): Pop {
    const dma = this.#dma!;
    const little = this.#mode.littleEndian;
    let view = this.#table!.view;
    let base = this.#tableAt;
    let entries = this.size;
    let inside = false;
    let index = head;
    let seen = 0;
    let total = 0;
    chain.begin(head, dma);
    for (;;) {
      if (index >= entries)
        return this.#fail('SPL-DESC-05', `descriptor ${index} of a table of ${entries}`, index);
      if (++seen > entries)
        return this.#fail(
          'SPL-DESC-05',
          `chain from ${head} has a loop: more than ${entries} descriptors`,
          head,
        );
      const at = base + DESCRIPTOR_BYTES * index;
      const flags = view.getUint16(at + descriptor.flags.offset, little);
      const length = view.getUint32(at + descriptor.length.offset, little);
      const word0 = view.getUint32(at + descriptor.addressLow.offset, little);
      const word1 = view.getUint32(at + descriptor.addressHigh.offset, little);
      const address = little ? word1 * FOUR_GIB + word0 : word0 * FOUR_GIB + word1;
      if ((flags & descriptorFlag.indirect) !== 0) {
        if (!this.#mode.indirect)
          return this.#fail('SPL-IND-01', 'indirect descriptor without the feature', flags);
        if (inside) return this.#fail('SPL-IND-02', 'indirect descriptor inside an indirect table', flags);
        if ((flags & descriptorFlag.next) !== 0)
          return this.#fail('SPL-IND-04', 'both indirect and next are set', flags);
        entries = length / DESCRIPTOR_BYTES;
        if (length === 0 || !Number.isInteger(entries) || entries > MAX_INDIRECT)
          return this.#fail('SPL-IND-03', `indirect table of ${length} bytes`, length);
        const region = dma.find(address, length, false);
        if (region === null)
          return this.#fail('SPL-IND-03', 'indirect table outside reachable memory', address);
        view = region.view;
        base = address - region.base;
        inside = true;
        index = seen = 0;
        continue;
      }
      const writable = (flags & descriptorFlag.write) !== 0;
      if (!writable && chain.count > chain.readableCount)
        return this.#fail('SPL-FRM-03', 'a readable descriptor after a writable one', index);
      total += length;
      if (total > FOUR_GIB) return this.#fail('SPL-DESC-05', 'chain of more than 2^32 bytes', total);
      chain.append(address, length, writable);
      if ((flags & descriptorFlag.next) === 0) return pop.chain;
      index = view.getUint16(at + descriptor.next.offset, little);
    }
  }

  push(head: number, length: number): boolean {
    if (!this.#resolve()) return false;
    const { view, base } = this.#used!;
    const little = this.#mode.littleEndian;
    const at = this.#usedAt + usedRing.ring.offset + USED_ELEMENT_BYTES * (this.#nextUsed & (this.size - 1));
    const { observer } = this.#dma!;
    if (observer !== null) observer(base + at, USED_ELEMENT_BYTES);
    view.setUint32(at + usedElement.id.offset, head, little);
    view.setUint32(at + usedElement.length.offset, length, little);
    this.#nextUsed = (this.#nextUsed + 1) & 0xffff;
    return true;
  }

  publish(): boolean {
    if (this.#published === this.#nextUsed || !this.#resolve()) return false;
    const used = this.#used!;
    const at = this.#usedAt + usedRing.index.offset;
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
      notifyOnEmpty &&
      view.getUint16(this.#availableAt + availableRing.index.offset, little) === this.#nextAvailable;
    const before = this.#signalled;
    const valid = this.#signalledValid;
    this.#signalled = this.#nextUsed;
    this.#signalledValid = true;
    // LEG-RF-02: a queue that ran dry interrupts in spite of suppression.
    if (empty) return true;
    if (!eventIndex)
      return (view.getUint16(this.#availableAt + availableRing.flags.offset, little) & RING_SUPPRESS) === 0;
    const event = view.getUint16(this.#availableAt + usedEventOffset(this.size), little);
    return !valid || ((this.#nextUsed - event - 1) & 0xffff) < ((this.#nextUsed - before) & 0xffff);
  }

  rearm(): boolean {
    if (!this.ready || this.fault !== null || !this.#resolve()) return false;
    const little = this.#mode.littleEndian;
    if (this.#mode.eventIndex) {
      const used = this.#used!;
      const at = this.#usedAt + availEventOffset(this.size);
      const { observer } = this.#dma!;
      if (observer !== null) observer(used.base + at, 2);
      used.view.setUint16(at, this.#nextAvailable, little);
    }
    const index = this.#available!.view.getUint16(this.#availableAt + availableRing.index.offset, little);
    return index !== this.#nextAvailable;
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
      signalledValid: this.#signalledValid,
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
    this.#signalledValid = saved.signalledValid;
    this.fault = saved.fault;
    this.relocate();
  }
}
