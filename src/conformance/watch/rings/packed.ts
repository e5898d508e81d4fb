import { FOUR_GIB } from '../../../core/index.ts';
import {
  descriptorFlag,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_EVENT_FLAG_MASK,
  packedDescriptor,
  packedDescriptorFlag,
  packedEvent,
  packedEventFlag,
  packedPosition,
} from '../../../virtio/layout/index.ts';
import type { Chain } from './chain.ts';
import type { WatchedMemory } from './memory.ts';
import type { RingListener } from './split.ts';

const { available: AVAILABLE, used: USED } = packedDescriptorFlag;
const BOTH = AVAILABLE | USED;
const IDS = 0x10000;
const WORDS = PACKED_DESCRIPTOR_BYTES / 4;
/** Descriptors in flight that are compared at a look with what they were. */
const COMPARED = 8;

/** A packed ring as its driver has it. Places count over two rounds, as the layout's do. */
export class PackedView {
  readonly kind = 'packed';
  readonly size: number;
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
  readonly memory: WatchedMemory;
  readonly little = true;
  /** The next place to be made available, and the next that will be used. */
  next = 0;
  used = 0;
  /** Lists that were seen lie behind the next place: all of them, for certain. */
  sure: boolean;
  readonly #fromStart: boolean;
  fresh = 0;
  inFlight = 0;
  /** Slots that lists in flight take. */
  taken = 0;
  /** Slots of the list with an id that is in flight; 0 for none. */
  readonly #slots = new Uint16Array(IDS);
  /** Ids in the order in which they became available. */
  readonly #order: Uint16Array;
  #first = 0;
  inOrder = false;
  /** First slot of each list in flight, by id; slots that such lists take, and what was in them. */
  readonly #starts = new Uint16Array(IDS);
  readonly #held: Uint8Array;
  readonly #words: Uint32Array;
  #compared = 0;
  /** A descriptor of a list in flight that has changed: its slot, or -1. */
  changed = -1;
  /** The device had asked for no kicks when it was looked at last. */
  mutedBefore = false;
  #muted = false;
  /** An id that is in flight was used again, or a list has no room: what of it; else -1. */
  doubled = -1;
  crowded = -1;

  constructor(
    memory: WatchedMemory,
    size: number,
    areas: readonly [number, number, number],
    fromStart: boolean,
  ) {
    this.memory = memory;
    this.size = size;
    [this.descriptors, this.driver, this.device] = areas;
    this.sure = this.#fromStart = fromStart;
    this.#order = new Uint16Array(size);
    this.#held = new Uint8Array(size);
    this.#words = new Uint32Array(size * WORDS);
  }

  /** Chains came and went that nobody saw. */
  get missed(): boolean {
    return this.#fromStart && !this.sure;
  }

  #at(place: number): number {
    return this.descriptors + PACKED_DESCRIPTOR_BYTES * (place < this.size ? place : place - this.size);
  }

  #after(place: number, count: number): number {
    return (place + count) % (2 * this.size);
  }

  flagsAt(place: number): number {
    return this.memory.u16(this.#at(place) + packedDescriptor.flags.offset, true);
  }

  #isAvailable(place: number): boolean {
    return (this.flagsAt(place) & BOTH) === (place < this.size ? AVAILABLE : USED);
  }

  /** The next place as a kick names it. */
  get position(): number {
    return packedPosition(this.next, this.size);
  }

  /** Event flags of either side, as they are now. */
  get driverFlags(): number {
    return this.memory.u16(this.driver + packedEvent.flags.offset, true);
  }

  get deviceFlags(): number {
    return this.memory.u16(this.device + packedEvent.flags.offset, true);
  }

  lengthAt(place: number): number {
    return this.memory.u32(this.#at(place) + packedDescriptor.length.offset, true);
  }

  /** A slot behind those that are available whose flags are not 0 in a ring that was just begun; -1 for none. */
  get firstUsedFlag(): number {
    let slot = 0;
    while (slot < this.size && this.#isAvailable(slot)) slot++;
    if (slot === 0) return -1;
    for (; slot < this.size; slot++) if ((this.flagsAt(slot) & BOTH) !== 0) return slot;
    return -1;
  }

  /** The first descriptor of the second round was written with the wrap counter of the first. */
  get wrapForgotten(): boolean {
    return (
      this.next === this.size &&
      this.used > 0 &&
      this.taken < this.size &&
      (this.flagsAt(this.next) & BOTH) === AVAILABLE
    );
  }

  lookUsed(listener: RingListener): void {
    if (!this.sure) return;
    this.#muted = (this.deviceFlags & PACKED_EVENT_FLAG_MASK) === packedEventFlag.disable;
    while (this.inFlight > 0) {
      const flags = this.flagsAt(this.used);
      if (flags < 0 || (flags & BOTH) !== (this.used < this.size ? BOTH : 0)) return;
      const id = this.memory.u16(this.#at(this.used) + packedDescriptor.id.offset, true);
      if (id < 0 || this.#slots[id] === 0) {
        this.sure = false;
        return;
      }
      if (this.inOrder)
        for (let next = -1; next !== id && this.inFlight > 0; ) this.#take((next = this.#oldest()), listener);
      else this.#take(id, listener);
    }
  }

  #oldest(): number {
    const id = this.#order[this.#first]!;
    this.#first = (this.#first + 1) % this.size;
    return id;
  }

  #take(id: number, listener: RingListener): void {
    const slots = this.#slots[id]!;
    this.#slots[id] = 0;
    for (let i = 0; i < slots; i++) this.#held[(this.#starts[id]! + i) % this.size] = 0;
    this.used = this.#after(this.used, slots);
    this.taken -= slots;
    this.inFlight--;
    listener.used(id);
  }

  look(chain: Chain, listener: RingListener): void {
    this.mutedBefore = this.#muted;
    this.lookUsed(listener);
    this.fresh = 0;
    this.changed = -1;
    this.#compare();
    this.doubled = this.crowded = -1;
    // One that was lost is looked for no further than a ring is long.
    if (!this.sure) return;
    while (this.fresh < this.size && this.#isAvailable(this.next)) {
      const room = this.size - this.taken;
      if (room <= 0) return;
      const slots = this.#walk(chain);
      if (slots > room) this.crowded = room;
      this.fresh++;
      if (this.#slots[chain.head] !== 0) {
        this.doubled = chain.head;
        this.sure = false;
      } else {
        this.#order[(this.#first + this.inFlight) % this.size] = chain.head;
        this.#slots[chain.head] = slots;
        this.#hold(chain.head, slots);
        this.inFlight++;
      }
      this.taken += slots;
      this.next = this.#after(this.next, slots);
      listener.chain(chain);
      if (!this.sure) return;
    }
  }

  /** The list that begins at the next place is in flight from now on. */
  #hold(id: number, slots: number): void {
    const start = this.next % this.size;
    this.#starts[id] = start;
    for (let i = 0; i < slots; i++) {
      const slot = (start + i) % this.size;
      this.#held[slot] = 1;
      for (let j = 0; j < WORDS; j++)
        this.#words[WORDS * slot + j] = this.memory.u32(this.#at(slot) + 4 * j, true);
    }
  }

  /** Some of the descriptors in flight, others at each look. One that the device has used over has its flags so. */
  #compare(): void {
    if (this.inFlight === 0) return;
    for (let n = Math.min(COMPARED, this.size); n > 0; n--) {
      const slot = (this.#compared = (this.#compared + 1) % this.size);
      if (this.#held[slot] === 0) continue;
      const flags = this.flagsAt(slot);
      const both = flags & BOTH;
      if (both === 0 || both === BOTH) continue;
      for (let j = 0; j < WORDS; j++)
        if (this.memory.u32(this.#at(slot) + 4 * j, true) !== this.#words[WORDS * slot + j]) {
          this.changed = slot;
          this.#words[WORDS * slot + j] = this.memory.u32(this.#at(slot) + 4 * j, true);
        }
    }
  }

  #walk(chain: Chain): number {
    const { memory } = this;
    chain.start(0, true);
    let place = this.next;
    for (let slots = 1; ; slots++) {
      const from = this.#at(place);
      const slot = place < this.size ? place : place - this.size;
      const flags = memory.u16(from + packedDescriptor.flags.offset, true);
      chain.head = memory.u16(from + packedDescriptor.id.offset, true);
      chain.slots = slots;
      const wraps = (flags & BOTH) === (place < this.size ? AVAILABLE : USED);
      if (slots > 1 && !wraps) chain.fail('not-available', slot);
      const goesOn = (flags & descriptorFlag.next) !== 0;
      if ((flags & descriptorFlag.indirect) !== 0) {
        chain.indirectAt = slot;
        if (goesOn || slots > 1) chain.fail('both-flags', slot);
        this.#table(chain, from, slot);
      } else this.#buffer(chain, from, flags, slot);
      if (!goesOn) break;
      if (slots >= this.size) {
        chain.fail('loop', slot);
        break;
      }
      place = this.#after(place, 1);
    }
    chain.finish();
    return chain.slots;
  }

  #buffer(chain: Chain, from: number, flags: number, index: number): void {
    const low = this.memory.u32(from + packedDescriptor.addressLow.offset, true);
    const high = this.memory.u32(from + packedDescriptor.addressHigh.offset, true);
    const length = this.memory.u32(from + packedDescriptor.length.offset, true);
    chain.add(high * FOUR_GIB + low, length, flags, (flags & descriptorFlag.write) !== 0, index);
  }

  #table(chain: Chain, from: number, slot: number): void {
    const { memory } = this;
    const low = memory.u32(from + packedDescriptor.addressLow.offset, true);
    const high = memory.u32(from + packedDescriptor.addressHigh.offset, true);
    const address = high * FOUR_GIB + low;
    const length = memory.u32(from + packedDescriptor.length.offset, true);
    const entries = Math.floor(length / PACKED_DESCRIPTOR_BYTES);
    chain.indirect = true;
    if (length % PACKED_DESCRIPTOR_BYTES !== 0 || entries === 0) {
      chain.fail('table-length', slot);
      return;
    }
    if (!memory.reaches(address, length)) {
      chain.unreachable = slot;
      chain.fail('table-reach', slot);
      return;
    }
    for (let i = 0; i < entries && i < IDS; i++) {
      const entry = address + PACKED_DESCRIPTOR_BYTES * i;
      const flags = memory.u16(entry + packedDescriptor.flags.offset, true);
      if ((flags & ~(descriptorFlag.write | BOTH)) !== 0) chain.fail('table-flags', i);
      this.#buffer(chain, entry, flags, i);
    }
  }
}
