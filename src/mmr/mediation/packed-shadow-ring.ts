import type { GuestMemory, Ram } from '../../core/index.ts';
import type { RingPlace } from '../../driver/index.ts';
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
} from '../../virtio/layout/index.ts';
import type { ShadowBuffers, ShadowRing } from './shadow-ring.ts';

const { available: AVAILABLE, used: USED } = packedDescriptorFlag;
const BOTH = AVAILABLE | USED;
const NONE = -1;

/** A packed ring. A place is a slot of the ring, with the size added while the wrap counter is 0. */
export class PackedShadowRing implements ShadowRing {
  readonly size: number;
  length = 0;
  readonly #memory: GuestMemory;
  readonly #view: DataView;
  readonly #descriptors: number;
  readonly #driver: number;
  readonly #device: number;
  readonly #eventIndex: boolean;
  /** Names that are free, and how many there are; and descriptors of each chain, by its name. */
  readonly #names: Uint16Array;
  readonly #spans: Uint16Array;
  #free: number;
  #freeNames: number;
  #next = 0;
  #kicked = 0;
  #used = 0;
  /** Slot and flags of a first descriptor that is held back: all behind it is invisible with it. */
  #hiddenAt = NONE;
  #hiddenFlags = 0;

  constructor(memory: GuestMemory, ram: Ram, size: number, place: RingPlace, eventIndex: boolean) {
    this.size = this.#free = this.#freeNames = size;
    this.#memory = memory;
    this.#view = ram.view;
    this.#descriptors = place.descriptor - ram.start;
    this.#driver = place.driver - ram.start;
    this.#device = place.device - ram.start;
    this.#eventIndex = eventIndex;
    this.#names = Uint16Array.from({ length: size }, (_, i) => size - 1 - i);
    this.#spans = new Uint16Array(size);
    if (eventIndex) this.#askAt(0);
  }

  #at(place: number): number {
    return this.#descriptors + PACKED_DESCRIPTOR_BYTES * (place < this.size ? place : place - this.size);
  }

  #after(place: number, count: number): number {
    return (place + count) % (2 * this.size);
  }

  add({ count, lows, highs, lengths, writable }: ShadowBuffers): number {
    if (count === 0 || count > this.#free) return NONE;
    const view = this.#view;
    const name = this.#names[--this.#freeNames]!;
    // PKD-SG-06: the first is available last.
    for (let i = count - 1; i >= 0; i--) {
      const place = this.#after(this.#next, i);
      const at = this.#at(place);
      view.setUint32(at + packedDescriptor.addressLow.offset, lows[i]!, true);
      view.setUint32(at + packedDescriptor.addressHigh.offset, highs[i]!, true);
      view.setUint32(at + packedDescriptor.length.offset, lengths[i]!, true);
      view.setUint16(at + packedDescriptor.id.offset, name, true);
      const flags =
        (place < this.size ? AVAILABLE : USED) |
        (i === count - 1 ? 0 : descriptorFlag.next) |
        (writable[i] === 0 ? 0 : descriptorFlag.write);
      if (i > 0 || this.#hiddenAt !== NONE) view.setUint16(at + packedDescriptor.flags.offset, flags, true);
      else {
        this.#hiddenAt = at;
        this.#hiddenFlags = flags;
      }
    }
    this.#next = this.#after(this.#next, count);
    this.#free -= count;
    this.#spans[name] = count;
    return name;
  }

  publish(): boolean {
    if (this.#hiddenAt === NONE) return false;
    const view = this.#view;
    view.setUint16(this.#hiddenAt + packedDescriptor.flags.offset, this.#hiddenFlags, true);
    this.#hiddenAt = NONE;
    const before = this.#kicked;
    this.#kicked = this.#next;
    this.#memory.fence();
    const flags = view.getUint16(this.#device + packedEvent.flags.offset, true) & PACKED_EVENT_FLAG_MASK;
    if (flags === packedEventFlag.disable) return false;
    if (flags !== packedEventFlag.descriptor || !this.#eventIndex) return true;
    const position = view.getUint16(this.#device + packedEvent.position.offset, true);
    return packedEventDue(position, before, this.#next, this.size);
  }

  take(): number {
    if (!this.#usedNext()) {
      if (!this.#eventIndex) return NONE;
      this.#askAt(this.#used);
      this.#memory.fence();
      if (!this.#usedNext()) return NONE;
    }
    const view = this.#view;
    const at = this.#at(this.#used);
    const name = view.getUint16(at + packedDescriptor.id.offset, true);
    // Of a name that it never had nobody knows how far the ring goes on: nothing more is taken from it.
    if (name >= this.size || this.#spans[name] === 0) return NONE;
    const written = (view.getUint16(at + packedDescriptor.flags.offset, true) & descriptorFlag.write) !== 0;
    this.length = written ? view.getUint32(at + packedDescriptor.length.offset, true) : 0;
    const span = this.#spans[name]!;
    this.#spans[name] = 0;
    this.#names[this.#freeNames++] = name;
    this.#free += span;
    this.#used = this.#after(this.#used, span);
    return name;
  }

  /** Both bits of a used descriptor bear the wrap counter (PKD-EVT-04). */
  #usedNext(): boolean {
    if (this.#free === this.size) return false;
    const flags = this.#view.getUint16(this.#at(this.#used) + packedDescriptor.flags.offset, true);
    return (flags & BOTH) === (this.#used < this.size ? BOTH : 0);
  }

  /** Asks for an interrupt when the descriptor at a place is used. */
  #askAt(place: number): void {
    const view = this.#view;
    view.setUint16(this.#driver + packedEvent.position.offset, packedPosition(place, this.size), true);
    view.setUint16(this.#driver + packedEvent.flags.offset, packedEventFlag.descriptor, true);
  }
}
