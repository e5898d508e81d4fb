import type { WatchedMemory } from './memory.ts';

/** What is wrong with how a chain is linked; rules give it its name. */
export type ChainFault =
  | ''
  | 'outside'
  | 'loop'
  | 'table-length'
  | 'table-reach'
  | 'nested'
  | 'both-flags'
  | 'not-available'
  | 'table-flags';

const FIRST_ROOM = 64;

/**
 * A request as its driver laid it out: the buffers of a chain, those of an indirect table among them. One object is filled
 * again and again, so it is to be read at once.
 */
export class Chain {
  readonly memory: WatchedMemory;
  /** Descriptor index of the split ring, or buffer id of the packed one. */
  head = 0;
  /** Slots of the ring that it takes. */
  slots = 0;
  count = 0;
  addresses = new Float64Array(FIRST_ROOM);
  lengths = new Float64Array(FIRST_ROOM);
  flags = new Uint16Array(FIRST_ROOM);
  /** Index of each buffer in the ring, or in its table. */
  indices = new Uint16Array(FIRST_ROOM);
  /** Buffers that the device may write are those from this one on; `count` where there are none. */
  firstWritable = 0;
  readable = 0;
  writable = 0;
  /** A readable buffer behind a writable one: its index, or -1. */
  misordered = -1;
  indirect = false;
  /** The index of a descriptor that has INDIRECT, or -1. */
  indirectAt = -1;
  /** `next` fields went up one by one, as IN_ORDER wants. */
  sequential = true;
  /** A buffer, or the table, that is not in memory: its index, or -1. */
  unreachable = -1;
  fault: ChainFault = '';
  faultAt = 0;
  /** Its numbers have the least significant byte first. */
  little = true;

  constructor(memory: WatchedMemory) {
    this.memory = memory;
  }

  start(head: number, little: boolean): void {
    this.head = head;
    this.little = little;
    this.slots = this.count = this.readable = this.writable = this.faultAt = 0;
    this.firstWritable = -1;
    this.misordered = this.indirectAt = this.unreachable = -1;
    this.indirect = false;
    this.sequential = true;
    this.fault = '';
  }

  fail(fault: ChainFault, at: number): void {
    if (this.fault !== '') return;
    this.fault = fault;
    this.faultAt = at;
  }

  add(address: number, length: number, flags: number, writable: boolean, index: number): void {
    const at = this.count++;
    if (at >= this.lengths.length) this.#grow();
    this.addresses[at] = address;
    this.lengths[at] = length;
    this.flags[at] = flags;
    this.indices[at] = index;
    if (writable) {
      if (this.firstWritable < 0) this.firstWritable = at;
      this.writable += length;
    } else {
      if (this.firstWritable >= 0 && this.misordered < 0) this.misordered = index;
      this.readable += length;
    }
    if (this.unreachable < 0 && !this.memory.reaches(address, length)) this.unreachable = index;
  }

  finish(): void {
    if (this.firstWritable < 0) this.firstWritable = this.count;
  }

  #grow(): void {
    const room = 2 * this.lengths.length;
    const wider = <T extends Float64Array | Uint16Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.addresses = wider(this.addresses, new Float64Array(room));
    this.lengths = wider(this.lengths, new Float64Array(room));
    this.flags = wider(this.flags, new Uint16Array(room));
    this.indices = wider(this.indices, new Uint16Array(room));
  }

  /** Buffers that the device only reads. */
  get readables(): number {
    return this.firstWritable;
  }

  get writables(): number {
    return this.count - this.firstWritable;
  }

  /** Address of the byte that is so far into the readable part, or into the writable one; -1 where it ends before. */
  at(offset: number, writable = false): number {
    const end = writable ? this.count : this.firstWritable;
    for (let i = writable ? this.firstWritable : 0; i < end; i++) {
      if (offset < this.lengths[i]!) return this.addresses[i]! + offset;
      offset -= this.lengths[i]!;
    }
    return -1;
  }

  /** A byte of the readable part; -1 where there is none. */
  u8(offset: number): number {
    const at = this.at(offset);
    return at < 0 ? -1 : this.memory.u8(at);
  }

  u16(offset: number, little = this.little): number {
    const [a, b] = [this.u8(offset), this.u8(offset + 1)];
    return a < 0 || b < 0 ? -1 : little ? a + 256 * b : 256 * a + b;
  }

  u32(offset: number, little = this.little): number {
    const [a, b] = [this.u16(offset, little), this.u16(offset + 2, little)];
    return a < 0 || b < 0 ? -1 : little ? a + 65536 * b : 65536 * a + b;
  }
}
