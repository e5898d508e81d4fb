import type { GuestMemory } from '../../core/index.ts';
import type { RingPlace } from '../../driver/index.ts';
import {
  DESCRIPTOR_BYTES,
  descriptorFlag,
  PACKED_DESCRIPTOR_BYTES,
  packedDescriptor,
  packedDescriptorFlag,
  USED_ELEMENT_BYTES,
  usedElement,
  usedRing,
} from '../../virtio/layout/index.ts';
import { PackedRingScribe } from './packed-scribe.ts';
import { type RawDescriptor, RingScribe, type RingWriter, rawDescriptor } from './scribe.ts';

/** What a device wrote when it handed a chain back. */
export interface UsedEntry {
  /** Name of the chain. */
  readonly id: number;
  /** Bytes written, as the device says. */
  readonly length: number;
  /** Address of what it wrote: a used element, or a descriptor. */
  readonly at: number;
}

/**
 * A ring that is filled by hand, legal or not, and read as a driver reads it. It never waits for free descriptors: whoever
 * fills it counts.
 */
export interface HandRing {
  readonly writer: RingWriter;
  readonly place: RingPlace;
  readonly size: number;
  /** Where the next chain goes, as the data of a kick tells it. */
  readonly position: number;
  /** Links descriptors, and makes them available. @returns the chain's name. */
  expose(list: readonly RawDescriptor[]): number;
  /**
   * Writes a table of descriptors in their order, each with the flags that it has and those that its kind of table wants.
   * @returns the descriptor that refers to it.
   */
  table(address: number, list: readonly RawDescriptor[]): RawDescriptor;
  /** The next chain that was handed back, or null. */
  take(): UsedEntry | null;
  /** Passes over chains that a used entry stood for besides its own. @param span descriptors of each. */
  skip(chains: number, span: number): void;
}

export class SplitHandRing implements HandRing {
  readonly writer: RingScribe;
  readonly place: RingPlace;
  readonly size: number;
  #next = 0;
  #used = 0;

  constructor(memory: GuestMemory, place: RingPlace, size: number, littleEndian: boolean) {
    this.writer = new RingScribe(memory, place, size, littleEndian);
    this.place = place;
    this.size = size;
  }

  get position(): number {
    return this.writer.availableIndex;
  }

  expose(list: readonly RawDescriptor[]): number {
    const head = this.#next;
    this.#next = (head + list.length) % this.size;
    this.writer.chain(head, list, null, null);
    return head;
  }

  table(address: number, list: readonly RawDescriptor[]): RawDescriptor {
    for (const [i, raw] of list.entries()) {
      const more = i < list.length - 1 ? descriptorFlag.next : 0;
      this.writer.descriptor(i, { ...raw, flags: raw.flags | more, next: i + 1 }, address);
    }
    return rawDescriptor(address, DESCRIPTOR_BYTES * list.length, descriptorFlag.indirect);
  }

  take(): UsedEntry | null {
    const { writer } = this;
    if (writer.usedIndex === this.#used) return null;
    const at = this.element(this.#used);
    this.#used = (this.#used + 1) & 0xffff;
    return {
      id: writer.get32(at + usedElement.id.offset),
      length: writer.get32(at + usedElement.length.offset),
      at,
    };
  }

  skip(chains: number): void {
    this.#used = (this.#used + chains) & 0xffff;
  }

  /** Address of the used element for an index. */
  element(index: number): number {
    return this.place.device + usedRing.ring.offset + USED_ELEMENT_BYTES * (index % this.size);
  }
}

const { available: AVAILABLE, used: USED } = packedDescriptorFlag;

export class PackedHandRing implements HandRing {
  readonly writer: PackedRingScribe;
  readonly place: RingPlace;
  readonly size: number;
  /** Slots of each chain by its name. */
  readonly #spans = new Map<number, number>();
  #id = 0;
  #slot = 0;
  #wrap = true;

  constructor(memory: GuestMemory, place: RingPlace, size: number) {
    this.writer = new PackedRingScribe(memory, place, size);
    this.place = place;
    this.size = size;
  }

  get position(): number {
    return this.writer.position;
  }

  expose(list: readonly RawDescriptor[]): number {
    const id = this.#id;
    this.#id = (id + 1) % this.size;
    this.#spans.set(id, list.length);
    this.writer.chain(id, list, null, null);
    return id;
  }

  table(address: number, list: readonly RawDescriptor[]): RawDescriptor {
    for (const [i, raw] of list.entries()) this.writer.descriptor(i, raw, address);
    return rawDescriptor(address, PACKED_DESCRIPTOR_BYTES * list.length, descriptorFlag.indirect);
  }

  /** Goes on behind the chain that was used; by one slot where its name is none that was given. */
  take(): UsedEntry | null {
    const { writer } = this;
    const at = this.slot(this.#slot);
    const flags = writer.get16(at + packedDescriptor.flags.offset);
    const wanted = this.#wrap ? AVAILABLE | USED : 0;
    if ((flags & (AVAILABLE | USED)) !== wanted) return null;
    const id = writer.get16(at + packedDescriptor.id.offset);
    this.#advance(this.#spans.get(id) ?? 1);
    return { id, length: writer.get32(at + packedDescriptor.length.offset), at };
  }

  skip(chains: number, span: number): void {
    for (let i = 0; i < chains; i++) this.#advance(span);
  }

  #advance(slots: number): void {
    this.#slot += slots;
    if (this.#slot < this.size) return;
    this.#slot -= this.size;
    this.#wrap = !this.#wrap;
  }

  /** Address of a slot's descriptor. */
  slot(index: number): number {
    return this.place.descriptor + PACKED_DESCRIPTOR_BYTES * index;
  }
}
