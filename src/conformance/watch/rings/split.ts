import { FOUR_GIB } from '../../../core/index.ts';
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
  usedRing,
} from '../../../virtio/layout/index.ts';
import type { Chain } from './chain.ts';
import type { WatchedMemory } from './memory.ts';

/** Descriptors of chains in flight that are compared at a look with what they were. */
const COMPARED = 8;
const NONE = 0xffff;
const WORDS = DESCRIPTOR_BYTES / 4;

/** Called with each chain that is new, and with each head that came back. */
export interface RingListener {
  chain(chain: Chain): void;
  used(head: number): void;
}

/** A split ring as its driver has it. */
export class SplitView {
  readonly kind = 'split';
  readonly size: number;
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
  readonly memory: WatchedMemory;
  readonly little: boolean;
  /** Its driver has another byte order than it should. */
  swapped = false;
  /** Indices as they were at the last look; the available one also as it was found first. */
  available: number;
  used: number;
  readonly first: number;
  /** New entries at the last look, and more of them than there can be. */
  fresh = 0;
  overrun = false;
  /** Heads in flight, by descriptor. */
  readonly #owner: Uint16Array;
  /** What descriptors of chains in flight were. */
  readonly #words: Uint32Array;
  readonly #next: Uint16Array;
  /** Heads that were used before their chain was seen, how often. */
  readonly #missed: Uint16Array;
  #compared = 0;
  inFlight = 0;
  /** A chain came and went that nobody saw: a device that is quick, or that looks without being kicked, took it first. */
  missed = false;
  /** A descriptor in flight that has changed, or that was offered again: its index, or -1. */
  changed = -1;
  doubled = -1;
  /** What the device asked for, and where it was, when it was looked at last; -1 where that was not done. */
  mutedBefore = false;
  eventBefore = -1;
  availableBefore = 0;
  #muted = false;
  #event = -1;
  /** A head that is none. */
  badHead = -1;

  constructor(
    memory: WatchedMemory,
    size: number,
    areas: readonly [number, number, number],
    little: boolean,
    fromStart: boolean,
  ) {
    this.memory = memory;
    this.size = size;
    [this.descriptors, this.driver, this.device] = areas;
    this.little = little;
    this.first = fromStart ? 0 : Math.max(0, this.availableIndex);
    this.available = this.first;
    this.used = fromStart ? 0 : Math.max(0, this.usedIndex);
    this.#owner = new Uint16Array(size).fill(NONE);
    this.#next = new Uint16Array(size).fill(NONE);
    this.#missed = new Uint16Array(size);
    this.#words = new Uint32Array(size * WORDS);
  }

  /** Numbers of the two rings in memory now. */
  get availableIndex(): number {
    return this.memory.u16(this.driver + availableRing.index.offset, this.little);
  }

  get availableFlags(): number {
    return this.memory.u16(this.driver + availableRing.flags.offset, this.little);
  }

  get usedIndex(): number {
    return this.memory.u16(this.device + usedRing.index.offset, this.little);
  }

  get usedFlags(): number {
    return this.memory.u16(this.device + usedRing.flags.offset, this.little);
  }

  get availableEvent(): number {
    return this.memory.u16(this.device + availEventOffset(this.size), this.little);
  }

  /** Takes back what the device has used. */
  lookUsed(listener: RingListener): void {
    const index = this.usedIndex;
    if (index < 0) return;
    let entries = (index - this.used) & 0xffff;
    // More than fits: what came between was not seen, or the device counts wrongly, which is not the driver's fault.
    if (entries > this.size) {
      this.#lose();
      return;
    }
    this.#muted = (this.usedFlags & RING_SUPPRESS) !== 0;
    this.#event = this.availableEvent;
    for (; entries > 0; entries--) {
      const slot = this.used % this.size;
      const at = this.device + usedRing.ring.offset + USED_ELEMENT_BYTES * slot;
      const head = this.memory.u32(at + usedElement.id.offset, this.little);
      this.used = (this.used + 1) & 0xffff;
      if (head < 0 || head >= this.size) continue;
      if (this.#release(head)) listener.used(head);
      else {
        this.#missed[head]!++;
        this.missed = true;
      }
    }
  }

  /** Chains came and went that nobody saw: goes on from where the ring is now. */
  #lose(): void {
    this.missed = true;
    this.available = Math.max(0, this.availableIndex);
    this.used = Math.max(0, this.usedIndex);
    this.#owner.fill(NONE);
    this.#next.fill(NONE);
    this.#missed.fill(0);
    this.inFlight = 0;
  }

  #release(head: number): boolean {
    if (this.#owner[head] !== head) return false;
    for (let at = head, steps = 0; at !== NONE && steps < this.size; steps++) {
      const next = this.#next[at]!;
      this.#owner[at] = NONE;
      this.#next[at] = NONE;
      at = next;
    }
    this.inFlight--;
    return true;
  }

  /** Looks for chains that are new. */
  look(chain: Chain, listener: RingListener): void {
    this.mutedBefore = this.#muted;
    this.eventBefore = this.#event;
    this.availableBefore = this.available;
    this.lookUsed(listener);
    this.overrun = false;
    this.changed = this.doubled = this.badHead = -1;
    this.#compare();
    const index = this.availableIndex;
    if (index < 0) return;
    const entries = (index - this.available) & 0xffff;
    this.fresh = entries;
    this.overrun = ((index - this.used) & 0xffff) > this.size;
    if (this.overrun || entries > this.size) {
      this.#lose();
      return;
    }
    for (let i = 0; i < entries; i++) {
      const slot = this.available % this.size;
      const at = this.driver + availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * slot;
      const head = this.memory.u16(at, this.little);
      this.available = (this.available + 1) & 0xffff;
      if (head < 0 || head >= this.size) this.badHead = head;
      else if (this.#missed[head]! > 0)
        // It was used before anybody looked: its descriptors may be another chain's by now.
        this.#missed[head]!--;
      else {
        this.#walk(chain, head);
        listener.chain(chain);
      }
    }
  }

  #walk(chain: Chain, head: number): void {
    const { memory, little } = this;
    chain.start(head, little);
    let at = head;
    for (let steps = 0; ; steps++) {
      if (steps >= this.size) {
        chain.fail('loop', at);
        break;
      }
      const from = this.descriptors + DESCRIPTOR_BYTES * at;
      const flags = memory.u16(from + descriptor.flags.offset, little);
      const next = memory.u16(from + descriptor.next.offset, little);
      if (flags < 0 || next < 0) break;
      chain.slots++;
      this.#hold(at, head);
      const goesOn = (flags & descriptorFlag.next) !== 0;
      if ((flags & descriptorFlag.indirect) !== 0) {
        chain.indirectAt = at;
        if (goesOn) chain.fail('both-flags', at);
        this.#table(chain, from, at);
        break;
      }
      this.#buffer(chain, from, flags, at);
      if (!goesOn) break;
      if (next >= this.size) {
        chain.fail('outside', next);
        break;
      }
      if (next !== (at + 1) % this.size) chain.sequential = false;
      this.#next[at] = next;
      at = next;
    }
    if (this.doubled < 0) this.inFlight++;
    chain.finish();
  }

  #address(from: number): number {
    const low = this.memory.u32(from + (this.little ? 0 : 4), this.little);
    const high = this.memory.u32(from + (this.little ? 4 : 0), this.little);
    return high * FOUR_GIB + low;
  }

  #buffer(chain: Chain, from: number, flags: number, index: number): void {
    const length = this.memory.u32(from + descriptor.length.offset, this.little);
    chain.add(this.#address(from), length, flags, (flags & descriptorFlag.write) !== 0, index);
  }

  #table(chain: Chain, from: number, at: number): void {
    const { memory, little } = this;
    const address = this.#address(from);
    const length = memory.u32(from + descriptor.length.offset, little);
    const entries = Math.floor(length / DESCRIPTOR_BYTES);
    chain.indirect = true;
    if (length % DESCRIPTOR_BYTES !== 0 || entries === 0) {
      chain.fail('table-length', at);
      return;
    }
    if (!memory.reaches(address, length)) {
      chain.unreachable = at;
      chain.fail('table-reach', at);
      return;
    }
    let index = 0;
    for (let steps = 0; ; steps++) {
      if (steps >= entries || steps >= NONE) {
        chain.fail('loop', index);
        return;
      }
      const entry = address + DESCRIPTOR_BYTES * index;
      const flags = memory.u16(entry + descriptor.flags.offset, little);
      if ((flags & descriptorFlag.indirect) !== 0) {
        chain.fail('nested', index);
        return;
      }
      this.#buffer(chain, entry, flags, index);
      if ((flags & descriptorFlag.next) === 0) return;
      const next = memory.u16(entry + descriptor.next.offset, little);
      if (next >= entries) {
        chain.fail('outside', next);
        return;
      }
      if (next !== index + 1) chain.sequential = false;
      index = next;
    }
  }

  /** A descriptor belongs to a chain from now on. */
  #hold(at: number, head: number): void {
    if (this.#owner[at] !== NONE && this.doubled < 0) this.doubled = at;
    this.#owner[at] = head;
    this.#next[at] = NONE;
    const from = this.descriptors + DESCRIPTOR_BYTES * at;
    for (let i = 0; i < WORDS; i++) this.#words[WORDS * at + i] = this.memory.u32(from + 4 * i, this.little);
  }

  /** Some of the descriptors in flight, others at each look. */
  #compare(): void {
    if (this.inFlight === 0) return;
    for (let n = Math.min(COMPARED, this.size); n > 0; n--) {
      const at = (this.#compared = (this.#compared + 1) % this.size);
      if (this.#owner[at] === NONE) continue;
      const from = this.descriptors + DESCRIPTOR_BYTES * at;
      for (let i = 0; i < WORDS; i++)
        if (this.memory.u32(from + 4 * i, this.little) !== this.#words[WORDS * at + i]) {
          this.changed = at;
          for (let j = 0; j < WORDS; j++)
            this.#words[WORDS * at + j] = this.memory.u32(from + 4 * j, this.little);
          return;
        }
    }
  }
}
