import { type DmaDomain, FOUR_GIB } from '../../core/index.ts';
import { allocateRing, DmaPieces } from '../../driver/index.ts';
import type { Chain } from '../../virtio/index.ts';
import { DESCRIPTOR_BYTES } from '../../virtio/layout/index.ts';
import { PackedShadowRing } from './packed-shadow-ring.ts';
import type { Bounce, Crossing } from './requests.ts';
import { ShadowBuffers, type ShadowRing, SplitShadowRing } from './shadow-ring.ts';
import type { ShadowWorld } from './shadow-world.ts';

/**
 * A shadow virtqueue: the guest's chains, taken from whatever ring the guest has, put into a ring of the mediator's own that the parent
 * serves, and handed back when that does. Buffers stay where they are; what differs in form goes through the mediator's memory.
 */
export class ShadowQueue {
  readonly #world: ShadowWorld;
  readonly #index: number;
  readonly #ring: ShadowRing;
  readonly #pieces: DmaPieces;
  readonly #slotBytes: number;
  /** By name in the parent's ring: chain of the guest, where its crossing bytes are, and how many come in. */
  readonly #chains: (Chain | null)[] = [];
  readonly #done: ((() => void) | null)[] = [];
  readonly #slots: Int32Array;
  readonly #inGuest: Int32Array;
  readonly #inDevice: Int32Array;
  readonly #inPlace: Uint8Array;
  readonly #freeSlots: number[] = [];
  readonly #bounces: Bounce[] = [];
  readonly #slotsAt: number;
  /** The same in halves; all of the mediator's memory has one upper half. */
  readonly #slotsLow: number;
  readonly #slotsHigh: number;
  readonly #waiting: Chain[] = [];
  /** Buffers of a frame that are still to come, which have no header. */
  #followers = 0;
  readonly #buffers = new ShadowBuffers();
  readonly #crossing: Crossing = { outGuest: 0, outDevice: 0, inGuest: 0, inDevice: 0, inPlace: false };

  /** Sets the parent's ring up. @throws VdpaError, ResourceError */
  constructor(world: ShadowWorld, index: number) {
    const { parent, memory, packed, eventIndex, table, control } = world;
    this.#world = world;
    this.#index = index;
    this.#pieces = new DmaPieces(memory);
    const size = parent.rings.maxSize(index);
    const place = allocateRing({ ringLayout: 'separate' }, this.#pieces, size, packed);
    const ram = memory.ram.find(memory.start, 1)!;
    const Ring = packed ? PackedShadowRing : SplitShadowRing;
    this.#ring = new Ring(memory.ram, ram, size, place, eventIndex);
    this.#slotBytes = Math.ceil(table.bounceBytes(index, control) / 16) * 16;
    this.#slots = new Int32Array(size);
    this.#inGuest = new Int32Array(size);
    this.#inDevice = new Int32Array(size);
    this.#inPlace = new Uint8Array(size);
    this.#slotsAt = this.#slotBytes === 0 ? 0 : this.#pieces.allocate(size * this.#slotBytes);
    this.#slotsLow = this.#slotsAt % FOUR_GIB;
    this.#slotsHigh = Math.floor(this.#slotsAt / FOUR_GIB);
    for (let slot = size - 1; slot >= 0; slot--) {
      this.#freeSlots.push(slot);
      const at = this.#slotBytes === 0 ? 0 : this.#slotsAt + slot * this.#slotBytes - ram.start;
      const bytes = ram.bytes.subarray(at, at + this.#slotBytes);
      this.#bounces[slot] = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
    }
    parent.rings.setSize(index, size);
    parent.rings.setAddress(index, place);
    parent.onQueue(index, () => this.poll());
    parent.rings.setReady(index, true);
  }

  /** Takes a chain of the guest's. */
  take(chain: Chain): void {
    this.#world.counts.chains++;
    if (this.#waiting.length > 0 || !this.#add(chain)) this.#waiting.push(chain);
    else this.#publish();
  }

  /** @returns false where there is no room now. */
  #add(chain: Chain): boolean {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return false;
    const { table, control, sides, counts } = this.#world;
    const crossing = this.#crossing;
    crossing.outGuest = crossing.outDevice = crossing.inGuest = crossing.inDevice = 0;
    crossing.inPlace = false;
    table.outward(chain, control, sides, this.#bounces[slot]!, crossing);
    const buffers = this.#lay(chain, slot);
    const head = this.#ring.add(buffers);
    if (head < 0) {
      this.#freeSlots.push(slot);
      if (buffers.count > 0 && buffers.count <= this.#ring.size) return false;
      counts.tooLong++;
      this.#world.port.complete(chain, 0);
      return true;
    }
    this.#chains[head] = chain;
    this.#slots[head] = slot;
    this.#inGuest[head] = crossing.inGuest;
    this.#inDevice[head] = crossing.inDevice;
    this.#inPlace[head] = crossing.inPlace ? 1 : 0;
    counts.descriptors += buffers.count;
    counts.descriptorBytes += buffers.count * DESCRIPTOR_BYTES;
    if (crossing.outGuest > 0) this.#countCopy(crossing.outGuest);
    return true;
  }

  #countCopy(bytes: number): void {
    this.#world.counts.copies++;
    this.#world.counts.copiedBytes += bytes;
  }

  /** The chain's buffers as the parent gets them: what crosses first, from the slot, then the rest where it is. */
  #lay(chain: Chain, slot: number): ShadowBuffers {
    const { outGuest, outDevice, inGuest, inDevice } = this.#crossing;
    const buffers = this.#buffers;
    buffers.count = 0;
    const low = this.#slotsLow + slot * this.#slotBytes;
    if (outDevice > 0) buffers.put(low, this.#slotsHigh, outDevice, false);
    let skip = outGuest;
    for (let i = 0; i < chain.count; i++) {
      if (i === chain.readableCount) {
        skip = inGuest;
        if (inDevice > 0) buffers.put(low, this.#slotsHigh, inDevice, true);
      }
      const length = chain.lengths[i]!;
      const cut = Math.min(skip, length);
      skip -= cut;
      if (cut === length && length > 0) continue;
      const from = chain.lows[i]! + cut;
      const carry = from >= FOUR_GIB ? 1 : 0;
      buffers.put(from | 0, (chain.highs[i]! + carry) | 0, (length - cut) | 0, i >= chain.readableCount);
    }
    return buffers;
  }

  #publish(): void {
    if (!this.#ring.publish()) return;
    this.#world.counts.kicks++;
    this.#world.parent.kick(this.#index);
  }

  /** A command of the mediator's own: `bytes` to read, one byte of answer that nobody looks at. @returns false without room. */
  command(bytes: Uint8Array, done: () => void = () => {}): boolean {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return false;
    const at = this.#slotsAt + slot * this.#slotBytes;
    this.#world.memory.ram.write(at, bytes);
    const buffers = this.#buffers;
    buffers.count = 0;
    const low = this.#slotsLow + slot * this.#slotBytes;
    buffers.put(low, this.#slotsHigh, bytes.length, false);
    buffers.put(low + bytes.length, this.#slotsHigh, 1, true);
    const head = this.#ring.add(buffers);
    if (head < 0) {
      this.#freeSlots.push(slot);
      return false;
    }
    this.#chains[head] = null;
    this.#done[head] = done;
    this.#slots[head] = slot;
    this.#publish();
    return true;
  }

  /** Takes what the parent handed back, and goes on with what waits for room. */
  poll(): void {
    this.#world.counts.callbacks++;
    this.#world.port.batch(this.#takeUsed);
    let added = false;
    while (this.#waiting.length > 0 && this.#add(this.#waiting[0]!)) {
      this.#waiting.shift();
      added = true;
    }
    if (added) this.#publish();
  }

  readonly #takeUsed = (): void => {
    for (let head = this.#ring.take(); head >= 0; head = this.#ring.take()) {
      const { length } = this.#ring;
      const chain = this.#chains[head] ?? null;
      this.#chains[head] = null;
      if (chain === null) {
        this.#done[head]?.();
        this.#done[head] = null;
      } else this.#handBack(chain, head, length);
      this.#freeSlots.push(this.#slots[head]!);
    }
  };

  #handBack(chain: Chain, head: number, length: number): void {
    const { table, sides, port } = this.#world;
    const bounce = this.#bounces[this.#slots[head]!]!;
    let written = length;
    if (this.#inDevice[head]! > 0) {
      const [guest, device] = [this.#inGuest[head]!, this.#inDevice[head]!];
      written = length < device ? 0 : length - device + guest;
      if (written > 0) {
        table.inward(sides, bounce);
        chain.write(0, bounce.bytes, 0, guest);
        this.#countCopy(guest);
      }
    } else if (this.#inPlace[head] === 1 && chain.live) this.#turnInPlace(chain, bounce, length);
    const { dma } = port;
    if (dma?.observer != null && chain.live) this.#log(dma, chain, written);
    chain.touched = chain.touched || length > 0;
    port.complete(chain, written);
  }

  /** The device wrote the guest's buffer itself, in its own order. */
  #turnInPlace(chain: Chain, bounce: Bounce, length: number): void {
    if (this.#followers > 0) {
      this.#followers--;
      return;
    }
    const { table, sides } = this.#world;
    const { bytes } = bounce;
    const count = Math.min(length, bytes.length);
    if (count === 0 || !chain.readWritten(0, bytes, 0, count)) return;
    this.#followers = Math.max(0, table.followers?.(sides, bounce) ?? 0);
    table.inward(sides, bounce);
    chain.write(0, bytes, 0, count);
    this.#countCopy(2 * count);
  }

  /** What the parent wrote by itself, nobody else says. */
  #log(dma: DmaDomain, chain: Chain, written: number): void {
    let left = written;
    for (let i = chain.readableCount; i < chain.count && left > 0; i++) {
      const length = Math.min(chain.lengths[i]!, left);
      dma.observer?.(chain.addressOf(i), length);
      this.#world.counts.loggedBytes += length;
      left -= length;
    }
  }

  /** The parent's ring is taken down, and the memory is the mediator's again. */
  close(): void {
    const { parent } = this.#world;
    parent.onQueue(this.#index, null);
    if (parent.rings.ready(this.#index)) parent.rings.setReady(this.#index, false);
    this.#pieces.free();
  }
}
