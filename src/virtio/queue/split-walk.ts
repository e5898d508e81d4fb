import { type DmaDomain, FOUR_GIB } from '../../core/index.ts';
import { DESCRIPTOR_BYTES, descriptor, descriptorFlag } from '../layout/index.ts';
import type { Chain } from './chain.ts';
import { inTable, type RingFault, splitFault } from './faults.ts';
import { MAX_INDIRECT, PLAIN_MODE, type RingMode } from './virtqueue.ts';

/** Ends of a walk through one table, beside the index of an indirect descriptor. */
const CHAIN_ENDS = -1;
const CHAIN_BROKEN = -2;
const CHAIN_FULL = -3;

/*
 * The tables' numbers as constants of this module: the compiler folds those into the code, while a look-up in an imported
 * table costs as much as the memory access that it is for (measured: a third of a pop).
 */
const FLAGS = descriptor.flags.offset;
const LENGTH = descriptor.length.offset;
const ADDRESS_LOW = descriptor.addressLow.offset;
const ADDRESS_HIGH = descriptor.addressHigh.offset;
const NEXT = descriptorFlag.next;
const WRITE = descriptorFlag.write;
const INDIRECT = descriptorFlag.indirect;
const ENTRY_BYTES = DESCRIPTOR_BYTES;
/** A queue's descriptors and an indirect table's, each shorter than 2^16 bytes, stay below 2^32 together. */
const SHORT_BITS = 16;

/**
 * Walks through the descriptor tables of a split ring, whatever the chain: of either byte order, direct or with a table of
 * its own, of any length. Every number the guest wrote is checked where it enters; nothing is allocated.
 */
export class SplitWalk {
  mode: RingMode = PLAIN_MODE;
  /** Why the last walk came to no chain. */
  fault: RingFault | null = null;

  /**
   * Collects the chain at descriptor `head` of a ring's table, which begins at byte `base` of `view`; one that ends in an
   * indirect descriptor goes on in its table (SPL-IND-07).
   * @returns false when the chain is broken: {@link fault} says how.
   */
  collect(
    view: DataView,
    base: number,
    entries: number,
    head: number,
    chain: Chain,
    dma: DmaDomain,
  ): boolean {
    chain.far = true;
    let end = this.#collectAll(view, base, entries, head, chain);
    if (end >= 0) end = this.#enter(view, base, end, chain, dma);
    return end === CHAIN_ENDS;
  }

  /** Goes through one table; a chain that outgrows its arrays is gone through again, in larger ones. */
  #collectAll(view: DataView, base: number, entries: number, head: number, chain: Chain): number {
    for (;;) {
      const end = this.#collect(view, base, entries, head, chain);
      if (end !== CHAIN_FULL) return end;
      chain.grow();
    }
  }

  /** Goes through the indirect table that descriptor `index` points at. */
  #enter(view: DataView, base: number, index: number, chain: Chain, dma: DmaDomain): number {
    const at = base + ENTRY_BYTES * index;
    const little = this.mode.littleEndian;
    const flags = view.getUint16(at + FLAGS, little);
    const length = view.getUint32(at + LENGTH, little);
    const word0 = view.getUint32(at + ADDRESS_LOW, little);
    const word1 = view.getUint32(at + ADDRESS_HIGH, little);
    const address = little ? word1 * FOUR_GIB + word0 : word0 * FOUR_GIB + word1;
    if (!this.mode.indirect) return this.#broken(splitFault.indirectRefused(index, flags));
    if ((flags & NEXT) !== 0) return this.#broken(splitFault.indirectAndNext(index, flags));
    const entries = length / DESCRIPTOR_BYTES;
    if (length === 0 || !Number.isInteger(entries) || entries > MAX_INDIRECT)
      return this.#broken(splitFault.tableSize(index, length));
    const region = dma.find(address, length, false);
    if (region === null)
      return this.#broken(splitFault.tableOutside(this.mode.addressClause, index, address));
    const end = this.#collectAll(region.view, (address - region.base) >>> 0, entries, 0, chain);
    if (end >= 0) return this.#broken(splitFault.nested(end));
    if (end === CHAIN_BROKEN) this.fault = inTable(this.fault!);
    return end;
  }

  /**
   * The inner loop. It calls nothing but to leave, and changes only locals and the chain's arrays: a call in it would make
   * the compiler check the view and load the arrays anew at each descriptor, twice the work (measured).
   * @returns CHAIN_ENDS, CHAIN_BROKEN, CHAIN_FULL (the chain is as before), or the index of an indirect descriptor.
   */
  #collect(view: DataView, base: number, entries: number, head: number, chain: Chain): number {
    const little = this.mode.littleEndian;
    const { lows, highs, lengths } = chain;
    const room = Math.min(lengths.length, chain.count + entries);
    let count = chain.count;
    let readable = chain.readableCount;
    let index = head;
    let bits = chain.count === 0 ? 0 : 1 << SHORT_BITS;
    for (;;) {
      if (index >= entries || count === room) return this.#stopped(index, entries, count - chain.count);
      const at = base + ENTRY_BYTES * index;
      const tail = view.getUint32(at + FLAGS, little);
      const flags = little ? tail & 0xffff : tail >>> 16;
      if ((flags & INDIRECT) !== 0) break;
      const length = view.getUint32(at + LENGTH, little);
      bits |= length;
      lengths[count] = length;
      const word0 = view.getUint32(at + ADDRESS_LOW, little);
      const word1 = view.getUint32(at + ADDRESS_HIGH, little);
      lows[count] = little ? word0 : word1;
      highs[count] = little ? word1 : word0;
      if ((flags & WRITE) === 0 && readable++ !== count) return this.#misordered(index);
      count++;
      if ((flags & NEXT) === 0) {
        index = CHAIN_ENDS;
        break;
      }
      index = little ? tail >>> 16 : tail & 0xffff;
    }
    chain.count = count;
    chain.readableCount = readable;
    // Only descriptors of some length can come to 2^32 bytes, however many a chain has.
    return bits >>> SHORT_BITS === 0 ? index : this.#long(index, chain);
  }

  // What a guest gets wrong, out of the way of the hot path: the compiler inlines short methods only.

  /** Why a walk stopped in the middle of a chain: no room in the chain's arrays, or no such descriptor, or a loop. */
  #stopped(index: number, entries: number, steps: number): number {
    if (index < entries && steps < entries) return CHAIN_FULL;
    return this.#broken(
      index < entries ? splitFault.loop(index, entries) : splitFault.noDescriptor(index, entries),
    );
  }

  /** SPL-DESC-05: a chain has 2^32 bytes at most. */
  #long(index: number, chain: Chain): number {
    return chain.readableBytes + chain.writableBytes <= FOUR_GIB
      ? index
      : this.#broken(splitFault.tooManyBytes(chain.head));
  }

  #misordered(index: number): number {
    return this.#broken(splitFault.misordered(index));
  }

  #broken(fault: RingFault): number {
    this.fault = fault;
    return CHAIN_BROKEN;
  }
}
