import { type DmaDomain, type GuestMemory, GuestMemory as Memory } from '../../core/index.ts';
import { DmaMemory } from '../../driver/index.ts';
import type { VdpaParent } from '../../virtio/index.ts';

/** Where the mediator's own memory stands beside the guest's: above all that a guest of today has, in whole numbers still. */
const OWN_START = 2 ** 46;
const OWN_BYTES = 2 << 20;

/**
 * The memory of the process that mediates: its own, and the guest's once there is one. A parent is made over it, and reaches of it what
 * is mapped.
 */
export class ProcessMemory {
  readonly memory: GuestMemory;
  readonly #own: { readonly start: number; readonly bytes: Uint8Array };
  #guest: DmaDomain | null = null;
  #mapped: GuestMemory | null = null;
  #unwatch: (() => void) | null = null;

  /** @param bytes of the mediator's own. */
  constructor(bytes = OWN_BYTES) {
    this.#own = { start: OWN_START, bytes: new Uint8Array(bytes) };
    this.memory = new Memory([this.#own]);
  }

  /** The mediator's own part. */
  own(): DmaMemory {
    return new DmaMemory(this.memory, this.#own.start, this.#own.start + this.#own.bytes.length);
  }

  /** Maps what the guest's function reaches, at the addresses that the guest knows, and the mediator's own. */
  mapFor(parent: VdpaParent, guest: DmaDomain): void {
    if (this.#guest === guest && this.#mapped === guest.memory) return;
    this.release(parent);
    this.#guest = guest;
    this.#mapped = guest.memory;
    const join = () => this.memory.replace([...guest.memory.ranges, this.#own]);
    join();
    this.#unwatch = guest.memory.watch(join);
    parent.map(this.#own.start, this.#own.bytes.length);
    for (const { start, length, target = start, write } of guest.windows) {
      const end = Math.min(start + length, this.#own.start);
      for (const range of guest.memory.ranges) {
        const from = Math.max(start, range.start - target + start);
        const to = Math.min(end, range.end - target + start);
        if (from < to) parent.map(from, to - from, from - start + target, write && range.writable);
      }
    }
  }

  /** The parent reaches nothing any more, and the guest's memory is let go. */
  release(parent: VdpaParent): void {
    parent.iotlb.reset();
    this.#unwatch?.();
    this.#unwatch = null;
    this.#guest = this.#mapped = null;
    this.memory.replace([this.#own]);
  }
}
