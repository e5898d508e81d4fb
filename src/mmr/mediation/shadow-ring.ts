import type { GuestMemory, Ram } from '../../core/index.ts';
import type { RingPlace } from '../../driver/index.ts';
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
} from '../../virtio/layout/index.ts';

/**
 * The buffers of one chain, readable ones first. One is filled again and again, so that a chain leaves nothing behind: whole 32-bit
 * numbers throughout, since an address as a double is an object wherever it is handed on.
 */
export class ShadowBuffers {
  count = 0;
  lows = new Uint32Array(16);
  highs = new Uint32Array(16);
  lengths = new Uint32Array(16);
  /** 1 for what the device writes. */
  writable = new Uint8Array(16);

  /** `low`, `high` and `length` are the bits of 32-bit numbers. */
  put(low: number, high: number, length: number, writable: boolean): void {
    if (this.count === this.lengths.length) this.#grow();
    this.lows[this.count] = low;
    this.highs[this.count] = high;
    this.lengths[this.count] = length;
    this.writable[this.count++] = writable ? 1 : 0;
  }

  #grow(): void {
    const twice = (words: Uint32Array<ArrayBuffer>) => {
      const room = new Uint32Array(2 * words.length);
      room.set(words);
      return room;
    };
    this.lows = twice(this.lows);
    this.highs = twice(this.highs);
    this.lengths = twice(this.lengths);
    const room = new Uint8Array(2 * this.writable.length);
    room.set(this.writable);
    this.writable = room;
  }
}

/**
 * The driver's side of a ring that shadows another: as `DriverRing`, for somebody who has a chain for each kick, and keeps what he knows
 * of it by its name. It has neither tables nor order, and a chain allocates nothing.
 */
export interface ShadowRing {
  readonly size: number;
  /** @returns its name, below `size`; -1 where there are too few descriptors now. */
  add(buffers: ShadowBuffers): number;
  /** Makes what was added visible. @returns whether the device wants a kick. */
  publish(): boolean;
  /** The name of the next chain that was handed back; -1 without one, and interrupts are asked for then. */
  take(): number;
  /** Bytes that were written into the chain that {@link take} named last. */
  readonly length: number;
}

const NONE = -1;

/** A split ring, little-endian. What the device hands back and never had is passed over. */
export class SplitShadowRing implements ShadowRing {
  readonly size: number;
  length = 0;
  readonly #memory: GuestMemory;
  readonly #view: DataView;
  readonly #descriptors: number;
  readonly #driver: number;
  readonly #device: number;
  readonly #eventIndex: boolean;
  /** The descriptor after each, of a chain or of those that are free; and how many a chain has, by its head. */
  readonly #next: Uint16Array;
  readonly #spans: Uint16Array;
  #firstFree = 0;
  #free: number;
  #available = 0;
  #kicked = 0;
  #used = 0;

  constructor(memory: GuestMemory, ram: Ram, size: number, place: RingPlace, eventIndex: boolean) {
    this.size = this.#free = size;
    this.#memory = memory;
    this.#view = ram.view;
    this.#descriptors = place.descriptor - ram.start;
    this.#driver = place.driver - ram.start;
    this.#device = place.device - ram.start;
    this.#eventIndex = eventIndex;
    this.#next = Uint16Array.from({ length: size }, (_, i) => i + 1);
    this.#spans = new Uint16Array(size);
  }

  add({ count, lows, highs, lengths, writable }: ShadowBuffers): number {
    if (count === 0 || count > this.#free) return NONE;
    const view = this.#view;
    const head = this.#firstFree;
    let at = head;
    for (let i = 0; i < count; i++) {
      const next = this.#next[at]!;
      const place = this.#descriptors + DESCRIPTOR_BYTES * at;
      const flags =
        (i === count - 1 ? 0 : descriptorFlag.next) | (writable[i] === 0 ? 0 : descriptorFlag.write);
      view.setUint32(place + descriptor.addressLow.offset, lows[i]!, true);
      view.setUint32(place + descriptor.addressHigh.offset, highs[i]!, true);
      view.setUint32(place + descriptor.length.offset, lengths[i]!, true);
      view.setUint16(place + descriptor.flags.offset, flags, true);
      view.setUint16(place + descriptor.next.offset, i === count - 1 ? 0 : next, true);
      if (i === count - 1) this.#firstFree = next;
      else at = next;
    }
    this.#free -= count;
    this.#spans[head] = count;
    const slot = this.#available & (this.size - 1);
    view.setUint16(this.#driver + availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * slot, head, true);
    this.#available = (this.#available + 1) & 0xffff;
    return head;
  }

  publish(): boolean {
    const view = this.#view;
    const before = this.#kicked;
    if (before === this.#available) return false;
    view.setUint16(this.#driver + availableRing.index.offset, this.#available, true);
    this.#kicked = this.#available;
    this.#memory.fence();
    if (!this.#eventIndex)
      return (view.getUint16(this.#device + usedRing.flags.offset, true) & RING_SUPPRESS) === 0;
    const event = view.getUint16(this.#device + availEventOffset(this.size), true);
    return ((this.#available - event - 1) & 0xffff) < ((this.#available - before) & 0xffff);
  }

  take(): number {
    const view = this.#view;
    for (;;) {
      if (view.getUint16(this.#device + usedRing.index.offset, true) === this.#used) {
        if (!this.#eventIndex) return NONE;
        view.setUint16(this.#driver + usedEventOffset(this.size), this.#used, true);
        this.#memory.fence();
        if (view.getUint16(this.#device + usedRing.index.offset, true) === this.#used) return NONE;
      }
      const slot = this.#used & (this.size - 1);
      const at = this.#device + usedRing.ring.offset + USED_ELEMENT_BYTES * slot;
      this.#used = (this.#used + 1) & 0xffff;
      const head = view.getUint32(at + usedElement.id.offset, true);
      if (head >= this.size || this.#spans[head] === 0) continue;
      this.length = view.getUint32(at + usedElement.length.offset, true);
      this.#release(head);
      return head;
    }
  }

  #release(head: number): void {
    const span = this.#spans[head]!;
    let last = head;
    for (let i = 1; i < span; i++) last = this.#next[last]!;
    this.#next[last] = this.#firstFree;
    this.#firstFree = head;
    this.#free += span;
    this.#spans[head] = 0;
  }
}
