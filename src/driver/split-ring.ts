import { FOUR_GIB, type GuestMemory, type Ram } from '../core/index.ts';
import {
  AVAILABLE_ELEMENT_BYTES,
  availableRing,
  availEventOffset,
  DESCRIPTOR_BYTES,
  descriptor,
  descriptorFlag,
  RING_SUPPRESS,
  USED_ELEMENT_BYTES,
  usedElement,
  usedEventOffset,
  usedRing,
} from '../virtio/layout/index.ts';
import { RingBrokenError } from './errors.ts';
import { FoundRam } from './found-ram.ts';
import { exposed, OutstandingChains } from './outstanding.ts';
import {
  type ChainBuffer,
  checkQueueSize,
  checkRest,
  type DriverRing,
  type DriverRingMode,
  INDIRECT_ENTRIES,
  type RingPlace,
  type RingRest,
  type UsedChain,
} from './ring.ts';

/** The index that its chains are counted by has 16 bits. */
const POSITIONS = 0x10000;

/** The split virtqueue, driver side, in RAM as the CPU sees it. */
export class DriverSplitRing implements DriverRing {
  readonly size: number;
  readonly place: RingPlace;
  readonly #mode: DriverRingMode;
  readonly #memory: GuestMemory;
  readonly #found: FoundRam;
  /** Taken from the front and given back at the end: in ring order, then, where chains come back in order (SPL-DESC-06). */
  readonly #free: number[];
  readonly #chains: OutstandingChains;
  readonly #indirectTables: number[];
  #available = 0;
  #kicked = 0;
  #used = 0;
  #failure: RingBrokenError | null = null;

  /**
   * @param indirect allocates `length` bytes for an indirect table; only called when the feature is in use.
   * @throws RingSizeError; ResourceError when the ring is not in RAM of one range.
   */
  constructor(
    memory: GuestMemory,
    size: number,
    place: RingPlace,
    mode: DriverRingMode,
    indirect: (length: number) => number = () => 0,
  ) {
    checkQueueSize('split ring of size', size, false);
    this.size = size;
    this.place = place;
    this.#mode = mode;
    this.#memory = memory;
    this.#found = new FoundRam(memory, place.descriptor);
    this.#free = Array.from({ length: size }, (_, i) => i);
    this.#chains = new OutstandingChains(mode.inOrder);
    this.#indirectTables = mode.indirect
      ? Array.from({ length: size }, () => indirect(DESCRIPTOR_BYTES * INDIRECT_ENTRIES))
      : [];
    this.setInterrupts(true);
  }

  get #ram(): Ram {
    return this.#found.now;
  }

  /** Descriptors that are not in use. */
  get free(): number {
    return this.#free.length;
  }

  /** Chains that the device has not handed back. */
  get outstanding(): number {
    return this.#chains.size;
  }

  get position(): number {
    return this.#available;
  }

  get failure(): RingBrokenError | null {
    return this.#failure;
  }

  /** There is a {@link failure}. */
  get broken(): boolean {
    return this.#failure !== null;
  }

  #writeDescriptor(table: number, index: number, buffer: ChainBuffer, flags: number, next: number): void {
    const { view, start } = this.#ram;
    const little = this.#mode.littleEndian;
    const at = table - start + DESCRIPTOR_BYTES * index;
    const [low, high] = [buffer.address % FOUR_GIB, Math.floor(buffer.address / FOUR_GIB)];
    view.setUint32(at + descriptor.addressLow.offset, little ? low : high, little);
    view.setUint32(at + descriptor.addressHigh.offset, little ? high : low, little);
    view.setUint32(at + descriptor.length.offset, buffer.length, little);
    view.setUint16(
      at + descriptor.flags.offset,
      flags | (buffer.writable ? descriptorFlag.write : 0),
      little,
    );
    view.setUint16(at + descriptor.next.offset, next, little);
  }

  /**
   * Exposes a chain: readable buffers first (SPL-FRM-03).
   * @returns its head, or -1 when too few descriptors are free, or the ring is broken.
   */
  add(buffers: readonly ChainBuffer[]): number {
    const indirect = this.#mode.indirect && buffers.length > 1 && buffers.length <= INDIRECT_ENTRIES;
    const needed = indirect ? 1 : buffers.length;
    if (needed === 0 || this.broken || this.#free.length < needed) return -1;
    const taken = this.#free.splice(0, needed);
    const head = taken[0]!;
    if (indirect) {
      const table = this.#indirectTables[head]!;
      for (const [i, buffer] of buffers.entries()) {
        const last = i === buffers.length - 1;
        this.#writeDescriptor(table, i, buffer, last ? 0 : descriptorFlag.next, last ? 0 : i + 1);
      }
      const whole = { address: table, length: DESCRIPTOR_BYTES * buffers.length, writable: false };
      this.#writeDescriptor(this.place.descriptor, head, whole, descriptorFlag.indirect, 0);
    } else
      for (const [i, buffer] of buffers.entries()) {
        const next = taken[i + 1];
        const flags = next === undefined ? 0 : descriptorFlag.next;
        this.#writeDescriptor(this.place.descriptor, taken[i]!, buffer, flags, next ?? 0);
      }
    this.#chains.add(exposed(head, taken, buffers));
    const slot = this.#available & (this.size - 1);
    const ring = this.place.driver - this.#ram.start + availableRing.ring.offset;
    this.#ram.view.setUint16(ring + AVAILABLE_ELEMENT_BYTES * slot, head, this.#mode.littleEndian);
    this.#available = (this.#available + 1) & 0xffff;
    return head;
  }

  /** Makes added chains visible. @returns whether the device wants a kick (SPL-ANS-03..06). */
  publish(): boolean {
    const { view, start } = this.#ram;
    const little = this.#mode.littleEndian;
    const before = this.#kicked;
    if (before === this.#available) return false;
    view.setUint16(this.place.driver - start + availableRing.index.offset, this.#available, little);
    this.#kicked = this.#available;
    this.#memory.fence();
    if (!this.#mode.eventIndex)
      return (
        (view.getUint16(this.place.device - start + usedRing.flags.offset, little) & RING_SUPPRESS) === 0
      );
    const event = view.getUint16(this.place.device - start + availEventOffset(this.size), little);
    return ((this.#available - event - 1) & 0xffff) < ((this.#available - before) & 0xffff);
  }

  /** The next chain that the device handed back, or null: also where the ring is broken (see {@link failure}). */
  take(): UsedChain | null {
    const { view, start } = this.#ram;
    const little = this.#mode.littleEndian;
    const used = this.place.device - start;
    for (;;) {
      const chain = this.#chains.next();
      if (chain !== null) {
        this.#used = (this.#used + 1) & 0xffff;
        this.#free.push(...chain.descriptors);
        return { head: chain.head, length: chain.length };
      }
      if (this.broken) return null;
      let entries = this.#usedEntries();
      if (entries === 0) {
        if (!this.#mode.eventIndex) return null;
        view.setUint16(this.place.driver - start + usedEventOffset(this.size), this.#used, little);
        // The device may have gone on between the look and the request to be told (SPL-SUP-07).
        this.#memory.fence();
        entries = this.#usedEntries();
        if (entries === 0) return null;
      }
      const { size } = this.#chains;
      if (entries > size) {
        const index = (this.#used + entries) & 0xffff;
        this.#failure = new RingBrokenError(
          `the used index goes from ${this.#used} to ${index}; ${size} chains are outstanding`,
          index,
        );
        return null;
      }
      const at = used + usedRing.ring.offset + USED_ELEMENT_BYTES * (this.#used & (this.size - 1));
      const head = view.getUint32(at + usedElement.id.offset, little);
      const length = view.getUint32(at + usedElement.length.offset, little);
      this.#failure = this.#chains.used(head, length, entries);
    }
  }

  /** Entries of the used ring that were not looked at: more than there are chains where the index cannot be. */
  #usedEntries(): number {
    const { view, start } = this.#ram;
    const index = view.getUint16(this.place.device - start + usedRing.index.offset, this.#mode.littleEndian);
    return (index - this.#used) & 0xffff;
  }

  /** Asks for interrupts, or for none (SPL-UNS-01..04). */
  setInterrupts(on: boolean): void {
    const { view, start } = this.#ram;
    const driver = this.place.driver - start;
    const little = this.#mode.littleEndian;
    if (this.#mode.eventIndex)
      view.setUint16(
        driver + usedEventOffset(this.size),
        on ? this.#used : (this.#used - 1) & 0xffff,
        little,
      );
    else view.setUint16(driver + availableRing.flags.offset, on ? 0 : RING_SUPPRESS, little);
  }

  rest(): RingRest | null {
    const idle = this.outstanding === 0 && !this.broken && this.#kicked === this.#available;
    return idle ? { position: this.#available, free: [...this.#free] } : null;
  }

  checkRest(rest: RingRest, path: string): void {
    checkRest(rest, this.size, POSITIONS, path);
  }

  resume({ position, free }: RingRest): void {
    this.#chains.clear();
    this.#free.splice(0, this.#free.length, ...free);
    this.#available = this.#kicked = this.#used = position;
    this.#failure = null;
  }
}
