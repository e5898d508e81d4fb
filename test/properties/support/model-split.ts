import {
  Bytes,
  type DeviceSide,
  type DriverSide,
  due,
  Exposures,
  type Layout,
  type ModelBuffer,
  type ModelChain,
  type ModelPlace,
  type ModelUsed,
  type RingShape,
  runsOf,
  Turns,
  type Wish,
  writableBytes,
} from './model-ring.ts';

const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
/** Places in memory are shown modulo this. */
const ROUND = 0x10000;
const TABLE_BYTES = 0x200;

/** Where the fields of a split ring stand (chapter Split Virtqueues). */
class SplitFields {
  readonly memory: Bytes;
  readonly place: ModelPlace;
  readonly shape: RingShape;

  constructor(bytes: Uint8Array, place: ModelPlace, shape: RingShape) {
    this.memory = new Bytes(bytes, shape.littleEndian);
    this.place = place;
    this.shape = shape;
  }

  readonly availableFlags = () => this.place.driver;
  readonly availableIndex = () => this.place.driver + 2;
  readonly availableEntry = (n: number) => this.place.driver + 4 + 2 * (n % this.shape.size);
  readonly usedEvent = () => this.place.driver + 4 + 2 * this.shape.size;
  readonly usedFlags = () => this.place.device;
  readonly usedIndex = () => this.place.device + 2;
  readonly usedElement = (n: number) => this.place.device + 4 + 8 * (n % this.shape.size);
  readonly availEvent = () => this.place.device + 4 + 8 * this.shape.size;
}

export class SplitModelDriver implements DriverSide {
  wish: Wish;
  readonly #at: SplitFields;
  readonly #shape: RingShape;
  readonly #exposures: Exposures;
  readonly #free: number[];
  readonly #descriptors = new Map<number, number[]>();
  /** Available entries filled, and shown; used entries looked at. */
  #filled = 0;
  #shown = 0;
  #seen = 0;
  #ready: ModelUsed[] = [];

  constructor(bytes: Uint8Array, place: ModelPlace, shape: RingShape) {
    this.#at = new SplitFields(bytes, place, shape);
    this.#shape = shape;
    this.#exposures = new Exposures(shape.inOrder);
    this.#free = [...Array(shape.size).keys()];
    // Zeroes mean: always, or at entry 0.
    this.wish = shape.eventIndex ? { at: 0 } : 'always';
  }

  /** Takes descriptors from wherever, or in ring order where SPL-DESC-06 wants that. */
  #takeFree(count: number, pick: number): number[] {
    return Array.from({ length: count }, () => {
      const index = this.#shape.inOrder ? 0 : pick % this.#free.length;
      return this.#free.splice(index, 1)[0]!;
    });
  }

  #write(table: number, index: number, { address, length }: ModelBuffer, flags: number, next: number): void {
    const { memory } = this.#at;
    const at = table + 16 * index;
    memory.put(at, 8, address);
    memory.put(at + 8, 4, length);
    memory.put(at + 12, 2, flags);
    memory.put(at + 14, 2, next);
  }

  add(buffers: readonly ModelBuffer[], layout: Layout, pick: number) {
    const { place } = this.#at;
    const direct = layout === 'direct' ? buffers.length : layout === 'table' ? 0 : buffers.length - 1;
    const inTable = buffers.slice(direct);
    const needed = direct + (inTable.length > 0 ? 1 : 0);
    if (needed > this.#free.length) return null;
    const taken = this.#takeFree(needed, pick);
    const flags = ({ writable }: ModelBuffer) => (writable ? WRITE : 0);
    for (const [i, buffer] of buffers.slice(0, direct).entries()) {
      const next = taken[i + 1];
      this.#write(
        place.descriptor,
        taken[i]!,
        buffer,
        flags(buffer) | (next === undefined ? 0 : NEXT),
        next ?? 0,
      );
    }
    if (inTable.length > 0) {
      const last = taken.at(-1)!;
      const table = place.tables + TABLE_BYTES * last;
      for (const [i, buffer] of inTable.entries()) {
        const more = i < inTable.length - 1;
        this.#write(table, i, buffer, flags(buffer) | (more ? NEXT : 0), more ? i + 1 : 0);
      }
      // SPL-IND-06: the device ignores WRITE here.
      const stray = pick % 2 === 0 ? WRITE : 0;
      const whole = { address: table, length: 16 * inTable.length, writable: false };
      this.#write(place.descriptor, last, whole, INDIRECT | stray, 0);
    }
    const name = taken[0]!;
    this.#descriptors.set(name, taken);
    this.#exposures.add(name, 1, buffers);
    this.#at.memory.put(this.#at.availableEntry(this.#filled++), 2, name);
    return { name, places: 1 };
  }

  publish(): boolean {
    const { memory } = this.#at;
    const from = this.#shown;
    this.#shown = this.#filled;
    memory.put(this.#at.availableIndex(), 2, this.#shown % ROUND);
    // SPL-ANS-03..07
    const wish: Wish = this.#shape.eventIndex
      ? { at: memory.get(this.#at.availEvent(), 2) }
      : memory.get(this.#at.usedFlags(), 2) % 2 === 1
        ? 'never'
        : 'always';
    return due(wish, from, this.#shown, ROUND);
  }

  take(): ModelUsed | null {
    const { memory } = this.#at;
    if (this.#ready.length === 0 && memory.get(this.#at.usedIndex(), 2) !== this.#seen % ROUND) {
      const at = this.#at.usedElement(this.#seen);
      this.#ready = this.#exposures.used(memory.get(at, 4), memory.get(at + 4, 4));
      this.#seen += this.#ready.length;
    }
    const used = this.#ready.shift();
    if (used === undefined) return null;
    this.#free.push(...this.#descriptors.get(used.name)!);
    return { name: used.name, length: used.length };
  }

  /** SPL-UNS-01..05. */
  ask(when: 'always' | 'never' | number): void {
    const { memory } = this.#at;
    if (this.#shape.eventIndex) {
      const ahead = when === 'always' ? 0 : when === 'never' ? ROUND - 1 : when;
      this.wish = { at: this.#seen + ahead };
      memory.put(this.#at.usedEvent(), 2, this.wish.at % ROUND);
    } else if (typeof when === 'string') {
      this.wish = when;
      memory.put(this.#at.availableFlags(), 2, when === 'never' ? 1 : 0);
    }
  }
}

export class SplitModelDevice implements DeviceSide {
  wish: Wish;
  readonly #at: SplitFields;
  readonly #shape: RingShape;
  readonly #turns: Turns;
  readonly #bytes = new Map<number, number>();
  #taken = 0;
  #used = 0;

  constructor(bytes: Uint8Array, place: ModelPlace, shape: RingShape) {
    this.#at = new SplitFields(bytes, place, shape);
    this.#shape = shape;
    this.#turns = new Turns(shape.inOrder);
    this.wish = shape.eventIndex ? { at: 0 } : 'always';
  }

  serve(): ModelChain[] {
    const { memory } = this.#at;
    const chains: ModelChain[] = [];
    while (memory.get(this.#at.availableIndex(), 2) !== this.#taken % ROUND) {
      const name = memory.get(this.#at.availableEntry(this.#taken++), 2);
      const buffers = this.#walk(this.#at.place.descriptor, name, this.#shape.size);
      chains.push({ name, buffers });
      this.#turns.take(name);
      this.#bytes.set(name, writableBytes(buffers));
    }
    if (this.#shape.eventIndex) this.ask(0);
    return chains;
  }

  #walk(table: number, index: number, entries: number): ModelBuffer[] {
    const { memory } = this.#at;
    if (index >= entries) throw new Error(`descriptor ${index} of ${entries}`);
    const at = table + 16 * index;
    const [address, length] = [memory.get(at, 8), memory.get(at + 8, 4)];
    const [flags, next] = [memory.get(at + 12, 2), memory.get(at + 14, 2)];
    if ((flags & INDIRECT) !== 0) return this.#walk(address, 0, length / 16);
    // SPL-DESC-06, SPL-IND-05
    if ((flags & NEXT) !== 0 && this.#shape.inOrder && next !== (index + 1) % entries)
      throw new Error(`descriptor ${index} is followed by ${next}`);
    const rest = (flags & NEXT) !== 0 ? this.#walk(table, next, entries) : [];
    return [{ address, length, writable: (flags & WRITE) !== 0 }, ...rest];
  }

  complete(ended: readonly ModelUsed[]): boolean {
    const { memory } = this.#at;
    const used = ended.flatMap((each) => this.#turns.end(each));
    const runs = this.#shape.inOrder
      ? runsOf(used, (name) => this.#bytes.get(name)!)
      : used.map((each) => [each]);
    const from = this.#used;
    for (const run of runs) {
      const { name, length } = run.at(-1)!;
      const at = this.#at.usedElement(this.#used);
      memory.put(at, 4, name);
      memory.put(at + 4, 4, length);
      this.#used += run.length;
    }
    memory.put(this.#at.usedIndex(), 2, this.#used % ROUND);
    // SPL-UNS-06..11
    const wish: Wish = this.#shape.eventIndex
      ? { at: memory.get(this.#at.usedEvent(), 2) }
      : memory.get(this.#at.availableFlags(), 2) % 2 === 1
        ? 'never'
        : 'always';
    return due(wish, from, this.#used, ROUND);
  }

  /** SPL-ANS-09..11. */
  ask(when: 'always' | 'never' | number): void {
    const { memory } = this.#at;
    if (this.#shape.eventIndex) {
      const ahead = when === 'always' ? 0 : when === 'never' ? ROUND - 1 : when;
      this.wish = { at: this.#taken + ahead };
      memory.put(this.#at.availEvent(), 2, this.wish.at % ROUND);
    } else if (typeof when === 'string') {
      this.wish = when;
      memory.put(this.#at.usedFlags(), 2, when === 'never' ? 1 : 0);
    }
  }

  move(): null {
    return null;
  }
}
