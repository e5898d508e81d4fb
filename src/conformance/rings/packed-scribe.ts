import type { GuestMemory } from '../../core/index.ts';
import type { RingPlace } from '../../driver/index.ts';
import {
  descriptorFlag,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_WRAP_BIT,
  packedDescriptor,
  packedDescriptorFlag,
  packedEvent,
  packedPosition,
} from '../../virtio/layout/index.ts';
import { MemoryScribe, type RawDescriptor, type RingWriter, rawDescriptor } from './scribe.ts';

const { available: AVAILABLE, used: USED } = packedDescriptorFlag;
/** Flags up to here are those that a driver may set; with more, a descriptor is written as it is. */
const ORDINARY_FLAGS = 7;

/**
 * Writes any content into a packed ring, legal or not. It goes around the ring as a driver does, without ever waiting for
 * the device; `next` of a descriptor is its id.
 */
export class PackedRingScribe extends MemoryScribe implements RingWriter {
  readonly place: RingPlace;
  /** Descriptors of the queue. */
  readonly size: number;
  /** The next slot, and the wrap counter. */
  #slot = 0;
  #wrap = true;

  constructor(memory: GuestMemory, place: RingPlace, size: number) {
    super(memory, true);
    this.place = place;
    this.size = size;
  }

  /** Goes back to the beginning, as after a reset. */
  restart(): void {
    this.#slot = 0;
    this.#wrap = true;
  }

  /** Where the next descriptor goes, as events and kicks name it: slot, and wrap counter in bit 15. */
  get position(): number {
    return this.#slot | (this.#wrap ? PACKED_WRAP_BIT : 0);
  }

  /** The two flags of a slot that is available: those before the next one are of the next round. */
  #bits(slot: number): number {
    return slot >= this.#slot === this.#wrap ? AVAILABLE : USED;
  }

  #step(): void {
    this.#slot = (this.#slot + 1) % this.size;
    if (this.#slot === 0) this.#wrap = !this.#wrap;
  }

  chain(
    head: number,
    descriptors: readonly RawDescriptor[],
    table: number | null,
    back: number | null,
  ): void {
    for (const [i, raw] of descriptors.entries()) if (table !== null) this.#write(table, i, raw, raw.flags);
    const bytes = PACKED_DESCRIPTOR_BYTES * descriptors.length;
    const list = table === null ? descriptors : [rawDescriptor(table, bytes, descriptorFlag.indirect)];
    const writes = list.map((raw, i) => {
      const more = i < list.length - 1 || back !== null ? descriptorFlag.next : 0;
      const flags = (raw.flags & ~descriptorFlag.next) | more | this.#bits(this.#slot);
      const slot = this.#slot;
      this.#step();
      return () => this.#write(this.place.descriptor, slot, { ...raw, next: head }, flags);
    });
    // PKD-SG-06: the first is available last.
    for (const write of writes.reverse()) write();
  }

  descriptor(index: number, raw: RawDescriptor, table: number = this.place.descriptor): void {
    const available = table === this.place.descriptor && raw.flags <= ORDINARY_FLAGS;
    this.#write(table, index, raw, raw.flags | (available ? this.#bits(index) : 0));
  }

  #write(table: number, index: number, raw: RawDescriptor, flags: number): void {
    const at = table + PACKED_DESCRIPTOR_BYTES * index;
    this.put(at + packedDescriptor.addressLow.offset, 4, raw.addressLow);
    this.put(at + packedDescriptor.addressHigh.offset, 4, raw.addressHigh);
    this.put(at + packedDescriptor.length.offset, 4, raw.length);
    this.put(at + packedDescriptor.id.offset, 2, raw.next);
    this.put(at + packedDescriptor.flags.offset, 2, flags);
  }

  expose(head: number): void {
    const slot = head % this.size;
    const at = this.place.descriptor + PACKED_DESCRIPTOR_BYTES * slot + packedDescriptor.flags.offset;
    this.put(at, 2, (this.get16(at) & ~(AVAILABLE | USED)) | this.#bits(slot));
  }

  /** `index` is a position: slot, and wrap counter in bit 15. */
  moveTo(index: number): void {
    this.#slot = (index & ~PACKED_WRAP_BIT) % this.size;
    this.#wrap = (index & PACKED_WRAP_BIT) !== 0;
  }

  setFlags(value: number): void {
    this.put(this.place.driver + packedEvent.flags.offset, 2, value);
  }

  /** `value` is a place over two rounds of the ring. */
  setUsedEvent(value: number): void {
    this.put(this.place.driver + packedEvent.position.offset, 2, packedPosition(value, this.size));
  }
}
