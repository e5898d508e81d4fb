import { AddressRangeError } from './errors.ts';
import { alignedPiece, type BusTarget } from './register-block.ts';
import { maskOf, type Width } from './register-map.ts';

/**
 * A stretch of a target in which one other answers: a region of a BAR. `offset` and `length` in bytes from the target's
 * start; `base` is the offset that the part's own target counts from.
 */
export interface TargetPart {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly base: number;
  readonly target: BusTarget;
}

/** A target at a place. `owner` is the function that stands behind it: its posted writes are kept in order. */
export interface Mapping {
  readonly name: string;
  readonly start: number;
  readonly length: number;
  readonly target: BusTarget;
  readonly owner: object | null;
  /** Higher wins where mappings overlap; among equals the one mapped first does. */
  readonly priority: number;
  /** What the target is made of, ascending and without gaps; accesses go to the parts. None: it is one piece. */
  readonly parts: readonly TargetPart[];
  /**
   * For a target of more parts than anybody wants to list: the one around an offset in it, whose name says all. It is asked
   * when software touches it, and the space remembers the part that was hit last, until {@link AddressSpace.forget}.
   */
  readonly partAt: ((offset: number) => TargetPart) | null;
}

/** A stretch of the space in which one mapping, or one part of it, answers. */
export class Span {
  readonly start: number;
  readonly end: number;
  /** Address that the target's offsets count from. */
  readonly base: number;
  readonly target: BusTarget;
  readonly mapping: Mapping;
  /** Of the mapping, with its part's. */
  readonly name: string;

  constructor(
    start: number,
    end: number,
    base: number,
    target: BusTarget,
    mapping: Mapping,
    name = mapping.name,
  ) {
    this.start = start;
    this.end = end;
    this.base = base;
    this.target = target;
    this.mapping = mapping;
    this.name = name;
  }
}

const nowhere: BusTarget = { read: (_offset, width) => maskOf(width), write: () => {} };
const NOWHERE: Mapping = {
  name: 'nowhere',
  start: 0,
  length: 0,
  target: nowhere,
  owner: null,
  priority: 0,
  parts: [],
  partAt: null,
};
/** Matches no access: the cached span of a space that was just changed. */
const NO_SPAN = new Span(0, -1, 0, nowhere, NOWHERE);

/** What a mapping is told; the rest has defaults. */
export type MappingOptions = Pick<Mapping, 'name' | 'start' | 'length' | 'target'> & Partial<Mapping>;

/** A mapping, and its place in the order of mapping. */
interface Entry {
  readonly mapping: Mapping;
  readonly order: number;
}

const endOf = ({ mapping }: Entry) => mapping.start + mapping.length;
/** Above 0 where `a` answers before `b`. */
const precedes = (a: Entry, b: Entry) => a.mapping.priority - b.mapping.priority || b.order - a.order;

/** Appends the spans of one mapping between two addresses. */
function pushSpans(spans: Span[], mapping: Mapping, from: number, to: number): void {
  const { start, parts, name, target } = mapping;
  if (parts.length === 0) {
    spans.push(new Span(from, to, start, target, mapping));
    return;
  }
  for (const part of parts) {
    const first = Math.max(from, start + part.offset);
    const end = Math.min(to, start + part.offset + part.length);
    if (first >= end) continue;
    spans.push(new Span(first, end, start + part.base, part.target, mapping, `${name} ${part.name}`));
  }
}

/**
 * Who answers where from `low` up to `high`, in one sweep over the ends of the mappings there. Those that cover the place
 * of the sweep are kept by rank, the winner last: there are many only where many overlap.
 */
function sweep(entries: readonly Entry[], low: number, high: number): Span[] {
  const starting = [...entries].sort((a, b) => a.mapping.start - b.mapping.start);
  const ending = [...entries].sort((a, b) => endOf(a) - endOf(b));
  const spans: Span[] = [];
  const covering: Entry[] = [];
  let [from, nextStart, nextEnd] = [low, 0, 0];
  while (nextEnd < ending.length) {
    const winner = covering.at(-1);
    const start = starting[nextStart]?.mapping.start ?? Number.POSITIVE_INFINITY;
    const end = endOf(ending[nextEnd]!);
    if (end <= start) covering.splice(covering.indexOf(ending[nextEnd++]!), 1);
    else {
      const entry = starting[nextStart++]!;
      let rank = covering.length;
      while (rank > 0 && precedes(covering[rank - 1]!, entry) > 0) rank--;
      covering.splice(rank, 0, entry);
    }
    if (covering.at(-1) === winner) continue;
    const at = Math.max(low, Math.min(start, end, high));
    if (winner !== undefined && at > from) pushSpans(spans, winner.mapping, from, at);
    from = at;
  }
  return spans;
}

/** Index of the first span that ends after an address. */
function firstAfter(spans: readonly Span[], address: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The part around an address of a span whose mapping is not listed. */
function partOf(
  { start, end, mapping }: Span,
  address: number,
  partAt: NonNullable<Mapping['partAt']>,
): Span {
  const { offset, length, base, target, name } = partAt(address - mapping.start);
  const from = mapping.start + offset;
  const first = Math.max(start, from);
  return new Span(first, Math.min(end, from + length), mapping.start + base, target, mapping, name);
}

/** So many changes are settled one by one; more, in one sweep over the whole space. */
const FEW = 8;

/** A piece of an access that nothing covers whole: at most half of it, so that splitting ends. */
const alignedHalf = (address: number, left: number, width: Width): Width =>
  width === 2 || alignedPiece(address, left) === 1 ? 1 : 2;

/** Reads two or four bytes that no single target covers, as aligned pieces, ascending. */
export function readHalves(from: BusTarget, address: number, width: Width): number {
  let value = 0;
  for (let done = 0; done < width; ) {
    const piece = alignedHalf(address + done, width - done, width);
    value += from.read(address + done, piece) * 2 ** (8 * done);
    done += piece;
  }
  return value;
}

/** Writes two or four bytes that no single target covers, as aligned pieces, ascending. */
export function writeHalves(to: BusTarget, address: number, width: Width, value: number): void {
  for (let done = 0; done < width; ) {
    const piece = alignedHalf(address + done, width - done, width);
    to.write(address + done, piece, ((value >>> (8 * done)) & maskOf(piece)) >>> 0);
    done += piece;
  }
}

/**
 * I/O or memory space: targets at addresses, found by the span hit last and else by binary search. Unclaimed
 * addresses read all ones and drop writes (master abort). An access that leaves its span is carried out as aligned
 * pieces, so no byte reaches the wrong target. Who answers where is worked out at the first access after a change, for
 * all that changed before it and for nothing else.
 */
export class AddressSpace implements BusTarget {
  readonly #entries = new Set<Entry>();
  #made = 0;
  #spans: Span[] = [];
  /** What was mapped or taken away since the spans were worked out. */
  #changed: Mapping[] = [];
  #last = NO_SPAN;

  readonly name: string;
  readonly size: number;

  /** `size` in bytes; addresses at and above it are outside the space. */
  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
  }

  /** In the order in which they were mapped. */
  get mappings(): readonly Mapping[] {
    return Array.from(this.#entries, ({ mapping }) => mapping);
  }

  /**
   * @returns a function that takes the mapping away again (idempotent).
   * @throws AddressRangeError when the range is empty or leaves the space.
   */
  map(options: MappingOptions): () => void {
    const { start, length } = options;
    if (!Number.isInteger(start) || !Number.isInteger(length) || length <= 0)
      throw new AddressRangeError(start, length, 'wants a whole address and a positive length');
    if (start < 0 || start + length > this.size)
      throw new AddressRangeError(
        start,
        length,
        `leaves ${this.name} space of 0x${this.size.toString(16)} bytes`,
      );
    const entry: Entry = {
      mapping: { owner: null, priority: 0, parts: [], partAt: null, ...options },
      order: this.#made++,
    };
    this.#entries.add(entry);
    this.#unsettle(entry.mapping);
    return () => {
      if (this.#entries.delete(entry)) this.#unsettle(entry.mapping);
    };
  }

  #unsettle(mapping: Mapping): void {
    if (this.#changed.length <= FEW) this.#changed.push(mapping);
    this.#last = NO_SPAN;
  }

  #settle(): void {
    const changed = this.#changed;
    this.#changed = [];
    if (changed.length > FEW) this.#spans = sweep([...this.#entries], 0, this.size);
    else for (const { start, length } of changed) this.#settleRange(start, start + length);
  }

  /** Works out anew who answers from `start` up to `end`, and in spans that reach into that. */
  #settleRange(start: number, end: number): void {
    const spans = this.#spans;
    const first = firstAfter(spans, start);
    let after = first;
    while (after < spans.length && spans[after]!.start < end) after++;
    const low = first < after ? Math.min(start, spans[first]!.start) : start;
    const high = first < after ? Math.max(end, spans[after - 1]!.end) : end;
    const there: Entry[] = [];
    for (const entry of this.#entries)
      if (entry.mapping.start < high && endOf(entry) > low) there.push(entry);
    this.#spans = [...spans.slice(0, first), ...sweep(there, low, high), ...spans.slice(after)];
  }

  /** The span that answers at an address, if any. */
  find(address: number): Span | undefined {
    const last = this.#last;
    if (address >= last.start && address < last.end) return last;
    if (this.#changed.length > 0) this.#settle();
    const span = this.#spans[firstAfter(this.#spans, address)];
    if (span === undefined || address < span.start) return undefined;
    const { partAt } = span.mapping;
    return (this.#last = partAt === null ? span : partOf(span, address, partAt));
  }

  /** What answers in a part that is not listed is another from now on. */
  forget(): void {
    this.#last = NO_SPAN;
  }

  /** The span that answers in the end: where a space stands in this one, as behind a bridge, the one that answers in it. */
  answering(address: number): Span | undefined {
    const span = this.find(address);
    return span?.target instanceof AddressSpace ? span.target.answering(address - span.base) : span;
  }

  read(address: number, width: Width): number {
    const last = this.#last;
    if (address >= last.start && address + width <= last.end)
      return last.target.read(address - last.base, width);
    const span = this.find(address);
    if (span !== undefined && address + width <= span.end)
      return span.target.read(address - span.base, width);
    return width === 1 ? 0xff : readHalves(this, address, width);
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
    if (width !== 1) writeHalves(this, address, width, value);
  }
}
