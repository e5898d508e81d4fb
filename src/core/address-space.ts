import { AddressRangeError } from './errors.ts';
import { alignedPiece, type BusTarget } from './register-block.ts';
import { maskOf, type Width } from './register-map.ts';

/** A target at a place. `owner` is the function that stands behind it: its posted writes are kept in order. */
export interface Mapping {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  readonly target: BusTarget;
  readonly owner: object | null;
  /** Higher wins where mappings overlap; among equals the one mapped first does. */
  readonly priority: number;
}

/** A stretch of the space in which one mapping answers. */
export class Span {
  readonly start: number;
  readonly end: number;
  readonly base: number;
  readonly target: BusTarget;
  readonly mapping: Mapping;

  constructor(start: number, end: number, base: number, target: BusTarget, mapping: Mapping) {
    this.start = start;
    this.end = end;
    this.base = base;
    this.target = target;
    this.mapping = mapping;
  }
}

const nowhere: BusTarget = { read: (_offset, width) => maskOf(width), write: () => {} };
const NOWHERE: Mapping = { name: 'nowhere', start: 0, length: 0, target: nowhere, owner: null, priority: 0 };
/** Matches no access: the cached span of a space that was just changed. */
const NO_SPAN = new Span(0, -1, 0, nowhere, NOWHERE);

/** A piece of a four-byte access that no single span covers: at most two bytes, so that splitting ends. */
const alignedHalf = (address: number, left: number): Width => (alignedPiece(address, left) === 1 ? 1 : 2);

/**
 * I/O or memory space: targets at addresses, found by the span hit last and else by binary search. Unclaimed
 * addresses read all ones and drop writes (master abort). An access that leaves its span is carried out as aligned
 * pieces, so no byte reaches the wrong target.
 */
export class AddressSpace {
  readonly #mappings: Mapping[] = [];
  #spans: Span[] = [];
  #last = NO_SPAN;

  readonly name: string;
  readonly size: number;

  /** `size` in bytes; addresses at and above it are outside the space. */
  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
  }

  get mappings(): readonly Mapping[] {
    return this.#mappings;
  }

  /**
   * @returns a function that takes the mapping away again (idempotent).
   * @throws AddressRangeError when the range is empty or leaves the space.
   */
  map(
    mapping: Omit<Mapping, 'owner' | 'priority'> & Partial<Pick<Mapping, 'owner' | 'priority'>>,
  ): () => void {
    const { start, length } = mapping;
    if (!Number.isInteger(start) || !Number.isInteger(length) || length <= 0)
      throw new AddressRangeError(start, length, 'wants a whole address and a positive length');
    if (start < 0 || start + length > this.size)
      throw new AddressRangeError(
        start,
        length,
        `leaves ${this.name} space of 0x${this.size.toString(16)} bytes`,
      );
    const full: Mapping = { owner: null, priority: 0, ...mapping };
    this.#mappings.push(full);
    this.#flatten();
    return () => {
      const index = this.#mappings.indexOf(full);
      if (index < 0) return;
      this.#mappings.splice(index, 1);
      this.#flatten();
    };
  }

  /** Recomputes who answers where. Runs when a BAR moves, never on an access. */
  #flatten(): void {
    const edges = new Set<number>();
    for (const { start, length } of this.#mappings) edges.add(start).add(start + length);
    const cuts = [...edges].sort((a, b) => a - b);
    const spans: Span[] = [];
    for (let i = 0; i + 1 < cuts.length; i++) {
      const [start, end] = [cuts[i]!, cuts[i + 1]!];
      let winner: Mapping | undefined;
      for (const mapping of this.#mappings) {
        if (mapping.start > start || mapping.start + mapping.length < end) continue;
        if (winner === undefined || mapping.priority > winner.priority) winner = mapping;
      }
      if (winner === undefined) continue;
      const previous = spans.at(-1);
      if (previous !== undefined && previous.mapping === winner && previous.end === start)
        spans[spans.length - 1] = new Span(previous.start, end, winner.start, winner.target, winner);
      else spans.push(new Span(start, end, winner.start, winner.target, winner));
    }
    this.#spans = spans;
    this.#last = NO_SPAN;
  }

  /** The span that answers at an address, if any. */
  find(address: number): Span | undefined {
    const last = this.#last;
    if (address >= last.start && address < last.end) return last;
    const spans = this.#spans;
    let low = 0;
    let high = spans.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const span = spans[middle]!;
      if (address < span.start) high = middle - 1;
      else if (address >= span.end) low = middle + 1;
      else return (this.#last = span);
    }
    return undefined;
  }

  read(address: number, width: Width): number {
    const last = this.#last;
    if (address >= last.start && address + width <= last.end)
      return last.target.read(address - last.base, width);
    const span = this.find(address);
    if (span !== undefined && address + width <= span.end)
      return span.target.read(address - span.base, width);
    if (width === 1) return 0xff;
    let value = 0;
    for (let done = 0; done < width; ) {
      const piece = width === 2 ? 1 : alignedHalf(address + done, width - done);
      value += this.read(address + done, piece) * 2 ** (8 * done);
      done += piece;
    }
    return value;
  }

  write(address: number, width: Width, value: number): void {
    const last = this.#last;
    if (address >= last.start && address + width <= last.end) {
      last.target.write(address - last.base, width, value);
      return;
    }
    const span = this.find(address);
    if (span !== undefined && address + width <= span.end) {
      span.target.write(address - span.base, width, value);
      return;
    }
    if (width === 1) return;
    for (let done = 0; done < width; ) {
      const piece = width === 2 ? 1 : alignedHalf(address + done, width - done);
      this.write(address + done, piece, ((value >>> (8 * done)) & maskOf(piece)) >>> 0);
      done += piece;
    }
  }
}
