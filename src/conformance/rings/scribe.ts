import { FOUR_GIB, type GuestMemory, type Width } from '../../core/index.ts';
import type { RingPlace } from '../../driver/index.ts';
import {
  AVAILABLE_ELEMENT_BYTES,
  availableRing,
  BLOCK_REQUEST_BYTES,
  blockRequest,
  DESCRIPTOR_BYTES,
  descriptor,
  descriptorFlag,
  usedEventOffset,
  usedRing,
} from '../../virtio/layout/index.ts';

/** A descriptor as it stands in memory; whether it makes sense is nobody's business here. */
export interface RawDescriptor {
  readonly addressLow: number;
  readonly addressHigh: number;
  readonly length: number;
  readonly flags: number;
  readonly next: number;
}

/** What a hostile driver does to a ring, whatever its layout; whoever makes up rings has these. */
export interface RingWriter {
  readonly size: number;
  readonly place: RingPlace;
  /**
   * Descriptors one after another, the shape that a device expects, and exposed by the name `head`.
   * @param table where they stand; null for the ring itself. @param back where the last one leads on; null where it ends.
   */
  chain(head: number, descriptors: readonly RawDescriptor[], table: number | null, back: number | null): void;
  /** Writes entry `index` of the ring's descriptors, or of an indirect table at `table`. */
  descriptor(index: number, raw: RawDescriptor, table?: number): void;
  /** Makes whatever descriptor `head` is available. */
  expose(head: number): void;
  /** Goes on from elsewhere in the ring than where it stands. */
  moveTo(index: number): void;
  /** Asks for interrupts: the flags of the driver's area, and its event. */
  setFlags(value: number): void;
  setUsedEvent(value: number): void;
  put(address: number, width: Width, value: number): void;
  blockHeader(address: number, type: number, sectorLow: number, sectorHigh?: number): void;
}

/** A descriptor of `length` bytes at an address. */
export const rawDescriptor = (address: number, length: number, flags: number): RawDescriptor => ({
  addressLow: address % FOUR_GIB,
  addressHigh: Math.floor(address / FOUR_GIB),
  length,
  flags,
  next: 0,
});

/** Integers and structures in guest memory, legal or not. What would land outside RAM is dropped. */
export class MemoryScribe {
  readonly memory: GuestMemory;
  readonly littleEndian: boolean;

  constructor(memory: GuestMemory, littleEndian: boolean) {
    this.memory = memory;
    this.littleEndian = littleEndian;
  }

  /** Writes one integer in the guest's byte order. */
  put(address: number, width: Width, value: number): void {
    const range = this.memory.find(address, width);
    if (range === undefined) return;
    const at = address - range.start;
    if (width === 4) range.view.setUint32(at, value, this.littleEndian);
    else if (width === 2) range.view.setUint16(at, value, this.littleEndian);
    else range.view.setUint8(at, value);
  }

  /** Reads 16 bits; 0 outside RAM. */
  get16(address: number): number {
    const range = this.memory.find(address, 2);
    return range === undefined ? 0 : range.view.getUint16(address - range.start, this.littleEndian);
  }

  /** Reads 32 bits; 0 outside RAM. */
  get32(address: number): number {
    const range = this.memory.find(address, 4);
    return range === undefined ? 0 : range.view.getUint32(address - range.start, this.littleEndian);
  }

  /** The header of a block request. */
  blockHeader(address: number, type: number, sectorLow: number, sectorHigh = 0): void {
    for (let i = 0; i < BLOCK_REQUEST_BYTES; i += 4) this.put(address + i, 4, 0);
    this.put(address + blockRequest.type.offset, 4, type);
    this.put(address + blockRequest.sectorLow.offset, 4, this.littleEndian ? sectorLow : sectorHigh);
    this.put(address + blockRequest.sectorHigh.offset, 4, this.littleEndian ? sectorHigh : sectorLow);
  }
}

/**
 * Writes any content into a split ring, legal or not, in the guest's byte order. It keeps no state: what it needs it reads
 * from the ring.
 */
export class RingScribe extends MemoryScribe implements RingWriter {
  readonly place: RingPlace;
  /** Descriptors of the queue. */
  readonly size: number;

  constructor(memory: GuestMemory, place: RingPlace, size: number, littleEndian: boolean) {
    super(memory, littleEndian);
    this.place = place;
    this.size = size;
  }

  chain(
    head: number,
    descriptors: readonly RawDescriptor[],
    table: number | null,
    back: number | null,
  ): void {
    for (const [i, raw] of descriptors.entries()) {
      const last = i === descriptors.length - 1;
      const index = table === null ? (head + i) & (this.size - 1) : i;
      const after = table === null ? (index + 1) & (this.size - 1) : i + 1;
      const flags = (raw.flags & ~descriptorFlag.next) | (last && back === null ? 0 : descriptorFlag.next);
      this.descriptor(
        index,
        { ...raw, flags, next: last && back !== null ? back : after },
        table ?? this.place.descriptor,
      );
    }
    if (table !== null)
      this.descriptor(
        head,
        rawDescriptor(table, DESCRIPTOR_BYTES * descriptors.length, descriptorFlag.indirect),
      );
    this.expose(head);
  }

  /** Writes entry `index` of the ring's descriptor table, or of an indirect table at `table`. */
  descriptor(index: number, raw: RawDescriptor, table: number = this.place.descriptor): void {
    const at = table + DESCRIPTOR_BYTES * index;
    const { addressLow, addressHigh } = raw;
    this.put(at + descriptor.addressLow.offset, 4, this.littleEndian ? addressLow : addressHigh);
    this.put(at + descriptor.addressHigh.offset, 4, this.littleEndian ? addressHigh : addressLow);
    this.put(at + descriptor.length.offset, 4, raw.length);
    this.put(at + descriptor.flags.offset, 2, raw.flags);
    this.put(at + descriptor.next.offset, 2, raw.next);
  }

  get availableIndex(): number {
    return this.get16(this.place.driver + availableRing.index.offset);
  }

  set availableIndex(value: number) {
    this.put(this.place.driver + availableRing.index.offset, 2, value);
  }

  get usedIndex(): number {
    return this.get16(this.place.device + usedRing.index.offset);
  }

  /** Puts a head into the next slot of the available ring and moves the index. */
  expose(head: number): void {
    const index = this.availableIndex;
    const slot = index & (this.size - 1);
    this.put(
      this.place.driver + availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * slot,
      2,
      head & 0xffff,
    );
    this.availableIndex = (index + 1) & 0xffff;
  }

  setFlags(value: number): void {
    this.put(this.place.driver + availableRing.flags.offset, 2, value);
  }

  setUsedEvent(value: number): void {
    this.put(this.place.driver + usedEventOffset(this.size), 2, value);
  }

  moveTo(index: number): void {
    this.availableIndex = index;
  }
}
