import { FOUR_GIB, type GuestMemory, type Ram } from '../core/index.ts';
import {
  descriptorFlag,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_EVENT_FLAG_MASK,
  packedDescriptor,
  packedDescriptorFlag,
  packedEvent,
  packedEventDue,
  packedEventFlag,
  packedPosition,
} from '../virtio/layout/index.ts';
import type { RingBrokenError } from './errors.ts';
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

const { available: AVAILABLE, used: USED } = packedDescriptorFlag;
const BOTH = AVAILABLE | USED;

/** A first descriptor whose flags are held back: with it, all that follows is invisible to the device. */
interface Hidden {
  readonly slot: number;
  readonly flags: number;
}

/** The packed virtqueue, driver side, in RAM as the CPU sees it; its size need be no power of two. */
export class DriverPackedRing implements DriverRing {
  readonly size: number;
  readonly place: RingPlace;
  readonly #mode: DriverRingMode;
  readonly #memory: GuestMemory;
  readonly #found: FoundRam;
  readonly #ids: number[];
  readonly #chains: OutstandingChains;
  readonly #indirectTables: number[];
  /** Places: the next descriptor to fill, the same at the last kick decision, the next that the device will use. */
  #next = 0;
  #kicked = 0;
  #used = 0;
  #inUse = 0;
  #hidden: Hidden | null = null;
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
    checkQueueSize('packed ring of size', size, true);
    this.size = size;
    this.place = place;
    this.#mode = mode;
    this.#memory = memory;
    this.#found = new FoundRam(memory, place.descriptor);
    this.#ids = Array.from({ length: size }, (_, i) => size - 1 - i);
    this.#chains = new OutstandingChains(mode.inOrder);
    this.#indirectTables = mode.indirect
      ? Array.from({ length: size }, () => indirect(PACKED_DESCRIPTOR_BYTES * INDIRECT_ENTRIES))
      : [];
    this.setInterrupts(true);
  }

  get #ram(): Ram {
    return this.#found.now;
  }

  get free(): number {
    return this.size - this.#inUse;
  }

  get outstanding(): number {
    return this.#chains.size;
  }

  get position(): number {
    return packedPosition(this.#next, this.size);
  }

  /** A buffer id that the device does not have: where it goes on in the ring cannot be known. */
  get failure(): RingBrokenError | null {
    return this.#failure;
  }

  /** There is a {@link failure}. */
  get broken(): boolean {
    return this.#failure !== null;
  }

  #at(slot: number): number {
    return this.place.descriptor - this.#ram.start + PACKED_DESCRIPTOR_BYTES * slot;
  }

  #slot(place: number): number {
    return place < this.size ? place : place - this.size;
  }

  #after(place: number, count: number): number {
    return (place + count) % (2 * this.size);
  }

  /** All of a descriptor but its flags. */
  #writeDescriptor(at: number, buffer: Omit<ChainBuffer, 'writable'>, id: number): void {
    const { view } = this.#ram;
    view.setUint32(at + packedDescriptor.addressLow.offset, buffer.address % FOUR_GIB, true);
    view.setUint32(at + packedDescriptor.addressHigh.offset, Math.floor(buffer.address / FOUR_GIB), true);
    view.setUint32(at + packedDescriptor.length.offset, buffer.length, true);
    view.setUint16(at + packedDescriptor.id.offset, id, true);
  }

  #writeFlags(at: number, flags: number): void {
    this.#ram.view.setUint16(at + packedDescriptor.flags.offset, flags, true);
  }

  add(buffers: readonly ChainBuffer[]): number {
    const indirect = this.#mode.indirect && buffers.length > 1 && buffers.length <= INDIRECT_ENTRIES;
    const needed = indirect ? 1 : buffers.length;
    if (needed === 0 || this.broken || this.free < needed) return -1;
    const id = this.#ids.pop()!;
    const elements = indirect ? [this.#fillTable(id, buffers)] : buffers;
    const first = this.#next;
    const flags = elements.map((element, i) => {
      const place = this.#after(first, i);
      this.#writeDescriptor(this.#at(this.#slot(place)), element, id);
      return (
        (place < this.size ? AVAILABLE : USED) |
        (i < needed - 1 ? descriptorFlag.next : 0) |
        (element.writable ? descriptorFlag.write : 0)
      );
    });
    if (indirect) flags[0]! |= descriptorFlag.indirect;
    const slots = flags.map((_, i) => this.#slot(this.#after(first, i)));
    // PKD-SG-06: the first is available last.
    for (let i = needed - 1; i > 0; i--) this.#writeFlags(this.#at(slots[i]!), flags[i]!);
    if (this.#hidden === null) this.#hidden = { slot: slots[0]!, flags: flags[0]! };
    else this.#writeFlags(this.#at(slots[0]!), flags[0]!);
    this.#next = this.#after(first, needed);
    this.#inUse += needed;
    this.#chains.add(exposed(id, slots, buffers));
    return id;
  }

  /** PKD-IND-02: WRITE is the only flag in a table. */
  #fillTable(id: number, buffers: readonly ChainBuffer[]): ChainBuffer {
    const table = this.#indirectTables[id]!;
    for (const [i, buffer] of buffers.entries()) {
      const at = table - this.#ram.start + PACKED_DESCRIPTOR_BYTES * i;
      this.#writeDescriptor(at, buffer, 0);
      this.#writeFlags(at, buffer.writable ? descriptorFlag.write : 0);
    }
    return { address: table, length: PACKED_DESCRIPTOR_BYTES * buffers.length, writable: false };
  }

  publish(): boolean {
    if (this.#hidden === null) return false;
    this.#writeFlags(this.#at(this.#hidden.slot), this.#hidden.flags);
    this.#hidden = null;
    const before = this.#kicked;
    this.#kicked = this.#next;
    this.#memory.fence();
    const { view, start } = this.#ram;
    const at = this.place.device - start;
    const flags = view.getUint16(at + packedEvent.flags.offset, true) & PACKED_EVENT_FLAG_MASK;
    if (flags === packedEventFlag.disable) return false;
    if (flags !== packedEventFlag.descriptor || !this.#mode.eventIndex) return true;
    const position = view.getUint16(at + packedEvent.position.offset, true);
    return packedEventDue(position, before, this.#next, this.size);
  }

  take(): UsedChain | null {
    for (;;) {
      const chain = this.#chains.next();
      if (chain !== null) {
        this.#used = this.#after(this.#used, chain.descriptors.length);
        this.#inUse -= chain.descriptors.length;
        this.#ids.push(chain.head);
        return { head: chain.head, length: chain.length };
      }
      if (!this.#usedNext()) {
        if (!this.#mode.eventIndex) return null;
        this.#askAt(this.#used);
        // The device may have gone on between the look and the request to be told (PKD-SUP-06).
        this.#memory.fence();
        if (!this.#usedNext()) return null;
      }
      this.#readUsed();
    }
  }

  /** The next descriptor to be used was: both bits bear the wrap counter (PKD-EVT-04). */
  #usedNext(): boolean {
    if (this.broken || this.#chains.size === 0) return false;
    const at = this.#at(this.#slot(this.#used));
    const flags = this.#ram.view.getUint16(at + packedDescriptor.flags.offset, true);
    return (flags & BOTH) === (this.#used < this.size ? BOTH : 0);
  }

  /** A length without WRITE is no length, unless the mode says otherwise; NEXT is ignored (PKD-LAY-02). */
  #readUsed(): void {
    const { view } = this.#ram;
    const at = this.#at(this.#slot(this.#used));
    const flags = view.getUint16(at + packedDescriptor.flags.offset, true);
    const length = view.getUint32(at + packedDescriptor.length.offset, true);
    const id = view.getUint16(at + packedDescriptor.id.offset, true);
    const counts = (flags & descriptorFlag.write) !== 0 || this.#mode.lengthWithoutWrite === true;
    const written = counts ? length : 0;
    this.#failure = this.#chains.used(id, written, this.#chains.size);
  }

  setInterrupts(on: boolean): void {
    if (on && this.#mode.eventIndex) this.#askAt(this.#used);
    else this.#writeEvent(packedEvent.flags.offset, on ? packedEventFlag.enable : packedEventFlag.disable);
  }

  /** Asks for an interrupt when the descriptor at a place is used. */
  #askAt(place: number): void {
    this.#writeEvent(packedEvent.position.offset, packedPosition(place, this.size));
    this.#writeEvent(packedEvent.flags.offset, packedEventFlag.descriptor);
  }

  #writeEvent(offset: number, value: number): void {
    this.#ram.view.setUint16(this.place.driver - this.#ram.start + offset, value, true);
  }

  rest(): RingRest | null {
    const idle = this.outstanding === 0 && !this.broken && this.#hidden === null;
    return idle ? { position: this.#next, free: [...this.#ids] } : null;
  }

  checkRest(rest: RingRest, path: string): void {
    checkRest(rest, this.size, 2 * this.size, path);
  }

  resume({ position, free }: RingRest): void {
    this.#chains.clear();
    this.#ids.splice(0, this.#ids.length, ...free);
    this.#next = this.#kicked = this.#used = position;
    this.#inUse = 0;
    this.#hidden = this.#failure = null;
  }
}
