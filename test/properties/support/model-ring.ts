/*
 * A virtqueue as the clauses describe it, slow and plain, to hold ours against. It shares nothing with them: offsets and
 * bits are written here again, integers are put together from bytes, and whatever wraps in memory is an ever-growing
 * number here, of which memory shows a remainder.
 */

export interface ModelBuffer {
  readonly address: number;
  readonly length: number;
  readonly writable: boolean;
}

export interface RingShape {
  /** Descriptors; a power of two unless packed. */
  readonly size: number;
  readonly packed: boolean;
  readonly littleEndian: boolean;
  readonly eventIndex: boolean;
  readonly indirect: boolean;
  readonly inOrder: boolean;
}

/** Guest-physical addresses of a ring's parts, and of memory for tables. */
export interface ModelPlace {
  readonly descriptor: number;
  readonly driver: number;
  readonly device: number;
  readonly tables: number;
}

/**
 * When a side wants to be notified: always, never, or when the other side comes past a place. Places are counted in used or
 * available elements of a split ring and in descriptors of a packed one, from the beginning.
 */
export type Wish = 'always' | 'never' | { readonly at: number };

/** Whether somebody who went from one place to another owes a notification; memory shows `at` modulo `round`. */
export function due(wish: Wish, from: number, to: number, round: number): boolean {
  if (wish === 'always') return to > from;
  if (wish === 'never') return false;
  for (let place = from; place < to; place++) if (place % round === wish.at % round) return true;
  return false;
}

/** After so many places a position in memory is the same again (SPL-AVL-01, PKD-EVT-04). */
export const roundOf = ({ packed, size }: RingShape) => (packed ? 2 * size : 0x10000);

/** Where a chain's buffers stand: all in the ring, all in a table, or the last of them in a table (split rings only). */
export type Layout = 'direct' | 'table' | 'tail';

export interface ModelUsed {
  readonly name: number;
  readonly length: number;
}

export interface DriverSide {
  /** Where it wants an interrupt. */
  readonly wish: Wish;
  /** @returns the chain's name and how many places it takes, or null when there is no room. */
  add(buffers: readonly ModelBuffer[], layout: Layout, pick: number): { name: number; places: number } | null;
  /** Shows what was added. @returns whether the device is to be kicked. */
  publish(): boolean;
  take(): ModelUsed | null;
  /** Asks for interrupts always, never, or `ahead` places from where it stands, as far as it can. */
  ask(when: 'always' | 'never' | number): void;
}

export interface ModelChain {
  readonly name: number;
  readonly buffers: readonly ModelBuffer[];
}

export interface DeviceSide {
  /** Where it wants a kick. */
  readonly wish: Wish;
  /** What a kick makes it do: takes all that is available. */
  serve(): ModelChain[];
  /** Ends chains that it has, in this order, in one go. @returns whether the driver is to be interrupted. */
  complete(ended: readonly ModelUsed[]): boolean;
  ask(when: 'always' | 'never' | number): void;
  /** Goes on in another instance. @returns the chains in flight as that one sees them. */
  move(): ModelChain[] | null;
}

/** Integers in memory, byte by byte, in the byte order of the ring. */
export class Bytes {
  readonly #bytes: Uint8Array;
  readonly #littleEndian: boolean;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#littleEndian = littleEndian;
  }

  get(address: number, width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++)
      value = value * 256 + this.#bytes[address + (this.#littleEndian ? width - 1 - i : i)]!;
    return value;
  }

  put(address: number, width: number, value: number): void {
    let rest = value;
    for (let i = 0; i < width; i++) {
      this.#bytes[address + (this.#littleEndian ? i : width - 1 - i)] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }
}

/** Completions of a device that has to use buffers in order: those that wait, and those whose turn it is. */
export class Turns {
  readonly #inOrder: boolean;
  readonly #taken: number[] = [];
  readonly #ended = new Map<number, number>();

  constructor(inOrder: boolean) {
    this.#inOrder = inOrder;
  }

  take(name: number): void {
    this.#taken.push(name);
  }

  /** @returns what may be used now (RF-18). */
  end({ name, length }: ModelUsed): ModelUsed[] {
    if (!this.#inOrder) return [{ name, length }];
    this.#ended.set(name, length);
    const now: ModelUsed[] = [];
    for (let next = this.#taken[0]; next !== undefined && this.#ended.has(next); next = this.#taken[0]) {
      now.push({ name: next, length: this.#ended.get(next)! });
      this.#ended.delete(next);
      this.#taken.shift();
    }
    return now;
  }
}

const writableBytes = (buffers: readonly ModelBuffer[]) =>
  buffers.reduce((sum, { length, writable }) => sum + (writable ? length : 0), 0);

/** A driver's memory of what it exposed: several chains come back at once where the device is in order. */
export class Exposures {
  readonly #inOrder: boolean;
  readonly #chains: { name: number; places: number; writable: number }[] = [];

  constructor(inOrder: boolean) {
    this.#inOrder = inOrder;
  }

  add(name: number, places: number, buffers: readonly ModelBuffer[]): void {
    this.#chains.push({ name, places, writable: writableBytes(buffers) });
  }

  /** What a used element stands for (SPL-INO-01, PKD-EVT-03). */
  used(name: number, length: number): { name: number; places: number; length: number }[] {
    const last = this.#chains.findIndex((chain) => chain.name === name);
    if (last < 0) throw new Error(`chain ${name} was used, which the device does not have`);
    const first = this.#inOrder ? 0 : last;
    return this.#chains.splice(first, last - first + 1).map((chain, i, { length: count }) => ({
      name: chain.name,
      places: chain.places,
      length: i === count - 1 ? length : chain.writable,
    }));
  }
}

/** Cuts completions in order into runs, each of which one element may stand for: all but its last were used completely. */
export function runsOf(used: readonly ModelUsed[], bytes: (name: number) => number): ModelUsed[][] {
  const runs: ModelUsed[][] = [];
  let open = false;
  for (const each of used) {
    if (open) runs.at(-1)!.push(each);
    else runs.push([each]);
    // Some completely used chains end their run all the same: a device may, and need not.
    open = each.length === bytes(each.name) && each.name % 3 !== 2;
  }
  return runs;
}

export { writableBytes };
