import {
  Bytes,
  type DeviceSide,
  type DriverSide,
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
const [AVAIL, USED] = [0x80, 0x8000];
const TABLE_BYTES = 0x200;

/** Where the fields of a packed ring stand, and what a place is in it (chapter Packed Virtqueues). */
class PackedFields {
  readonly memory: Bytes;
  readonly place: ModelPlace;
  readonly shape: RingShape;

  constructor(bytes: Uint8Array, place: ModelPlace, shape: RingShape) {
    this.memory = new Bytes(bytes, true);
    this.place = place;
    this.shape = shape;
  }

  /** The wrap counter at a place: 1 in the first round, then 0, then 1 (PKD-EVT-04). */
  readonly wrap = (place: number) => Math.floor(place / this.shape.size) % 2 === 0;
  readonly slot = (place: number) => place % this.shape.size;
  readonly descriptor = (place: number) => this.place.descriptor + 16 * this.slot(place);
  readonly flags = (place: number) => this.memory.get(this.descriptor(place) + 14, 2);

  /** Writes an event structure (PKD-EVT-01). */
  ask(at: number, wish: Wish): void {
    const place = typeof wish === 'string' ? 0 : wish.at;
    this.memory.put(at, 2, this.slot(place) + (this.wrap(place) ? 0x8000 : 0));
    this.memory.put(at + 2, 2, wish === 'always' ? 0 : wish === 'never' ? 1 : 2);
  }

  /** Whether the event structure at `at` wants a notification from somebody who went that far. */
  due(at: number, from: number, to: number): boolean {
    const [position, flags] = [this.memory.get(at, 2), this.memory.get(at + 2, 2)];
    if (flags === 0) return to > from;
    if (flags === 1) return false;
    if (flags !== 2 || !this.shape.eventIndex) throw new Error(`event flags ${flags}`);
    const [slot, wrap] = [position % 0x8000, position >= 0x8000];
    for (let place = from; place < to; place++)
      if (this.slot(place) === slot && this.wrap(place) === wrap) return true;
    return false;
  }
}

export class PackedModelDriver implements DriverSide {
  wish: Wish = 'always';
  readonly #at: PackedFields;
  readonly #shape: RingShape;
  readonly #exposures: Exposures;
  readonly #names: number[];
  /** Writes of flags that make chains available, which wait to be published. */
  #hidden: (() => void)[] = [];
  #filled = 0;
  #shown = 0;
  #seen = 0;
  #freed = 0;
  #ready: { name: number; places: number; length: number }[] = [];
  readonly #strays: boolean;

  /** @param strays sets bits that a driver has to leave alone and a device has to ignore (PKD-IND-02, PKD-IND-05). */
  constructor(bytes: Uint8Array, place: ModelPlace, shape: RingShape, strays: boolean) {
    this.#at = new PackedFields(bytes, place, shape);
    this.#shape = shape;
    this.#strays = strays;
    this.#exposures = new Exposures(shape.inOrder);
    // Any 16 bits are a name: the device gives them back as they came.
    this.#names = Array.from({ length: shape.size }, (_, i) => (i * 40503 + 7) % 0x10000);
  }

  #write(at: number, { address, length }: ModelBuffer, name: number, flags: number): void {
    const { memory } = this.#at;
    memory.put(at, 8, address);
    memory.put(at + 8, 4, length);
    memory.put(at + 12, 2, name);
    memory.put(at + 14, 2, flags);
  }

  add(buffers: readonly ModelBuffer[], layout: Layout, pick: number) {
    const { shape, place } = this.#at;
    const table = layout === 'direct' ? null : place.tables + TABLE_BYTES * this.#at.slot(this.#filled);
    const places = table === null ? buffers.length : 1;
    if (this.#filled + places - this.#freed > shape.size) return null;
    const name = this.#names.splice(pick % this.#names.length, 1)[0]!;
    const elements = table === null ? buffers : [{ address: table, length: 16 * buffers.length }];
    if (table !== null)
      for (const [i, buffer] of buffers.entries()) {
        const stray = this.#strays && pick % 3 === 0 ? NEXT | INDIRECT | AVAIL : 0;
        this.#write(table + 16 * i, buffer, pick % 0x10000, (buffer.writable ? WRITE : 0) | stray);
      }
    for (const [i, element] of elements.entries()) {
      const at = this.#filled + i;
      let flags = this.#at.wrap(at) ? AVAIL : USED;
      if (i < elements.length - 1) flags |= NEXT;
      if (table !== null) flags |= INDIRECT | (pick % 2 === 0 ? WRITE : 0);
      else if (buffers[i]!.writable) flags |= WRITE;
      const last = i === elements.length - 1;
      const write = () =>
        this.#write(this.#at.descriptor(at), { writable: false, ...element }, last ? name : 0xdead, flags);
      // PKD-SG-06: the first element comes last, here even after all of the other chains.
      if (i === 0) this.#hidden.push(write);
      else write();
    }
    this.#filled += places;
    this.#exposures.add(name, places, buffers);
    return { name, places };
  }

  publish(): boolean {
    for (const write of this.#hidden.reverse()) write();
    this.#hidden = [];
    const from = this.#shown;
    this.#shown = this.#filled;
    return this.#at.due(this.#at.place.device, from, this.#shown);
  }

  take(): ModelUsed | null {
    const bits = this.#at.flags(this.#seen) & (AVAIL | USED);
    const used = bits === (this.#at.wrap(this.#seen) ? AVAIL | USED : 0);
    if (this.#ready.length === 0 && used && this.#seen < this.#shown) {
      const at = this.#at.descriptor(this.#seen);
      const wrote = (this.#at.flags(this.#seen) & WRITE) !== 0;
      const { memory } = this.#at;
      this.#ready = this.#exposures.used(memory.get(at + 12, 2), wrote ? memory.get(at + 8, 4) : 0);
      for (const { places } of this.#ready) this.#seen += places;
    }
    const chain = this.#ready.shift();
    if (chain === undefined) return null;
    this.#freed += chain.places;
    this.#names.push(chain.name);
    return { name: chain.name, length: chain.length };
  }

  ask(when: 'always' | 'never' | number): void {
    if (typeof when === 'number' && !this.#shape.eventIndex) return;
    this.wish = typeof when === 'string' ? when : { at: this.#seen + when };
    this.#at.ask(this.#at.place.driver, this.wish);
  }
}

export class PackedModelDevice implements DeviceSide {
  wish: Wish = 'always';
  readonly #at: PackedFields;
  readonly #shape: RingShape;
  readonly #turns: Turns;
  readonly #chains = new Map<number, { places: number; bytes: number }>();
  #taken = 0;
  #used = 0;

  constructor(bytes: Uint8Array, place: ModelPlace, shape: RingShape) {
    this.#at = new PackedFields(bytes, place, shape);
    this.#shape = shape;
    this.#turns = new Turns(shape.inOrder);
  }

  #available(place: number): boolean {
    return (this.#at.flags(place) & (AVAIL | USED)) === (this.#at.wrap(place) ? AVAIL : USED);
  }

  serve(): ModelChain[] {
    const { memory } = this.#at;
    const chains: ModelChain[] = [];
    while (this.#taken < this.#used + this.#shape.size && this.#available(this.#taken)) {
      const from = this.#taken;
      const buffers: ModelBuffer[] = [];
      for (let more = true; more; this.#taken++) {
        // PKD-LAY-01
        if (!this.#available(this.#taken)) throw new Error(`a list breaks off at place ${this.#taken}`);
        const flags = this.#at.flags(this.#taken);
        buffers.push(...this.#element(this.#at.descriptor(this.#taken)));
        more = (flags & NEXT) !== 0;
      }
      const name = memory.get(this.#at.descriptor(this.#taken - 1) + 12, 2);
      this.#chains.set(name, { places: this.#taken - from, bytes: writableBytes(buffers) });
      this.#turns.take(name);
      chains.push({ name, buffers });
    }
    if (this.#shape.eventIndex) this.ask(0);
    return chains;
  }

  #element(at: number): ModelBuffer[] {
    const { memory } = this.#at;
    const [address, length, flags] = [memory.get(at, 8), memory.get(at + 8, 4), memory.get(at + 14, 2)];
    if ((flags & INDIRECT) === 0) return [{ address, length, writable: (flags & WRITE) !== 0 }];
    // PKD-IND-02, PKD-IND-04
    if ((flags & NEXT) !== 0) throw new Error('a table in a list');
    return Array.from({ length: length / 16 }, (_, i) => {
      const entry = address + 16 * i;
      const inside = memory.get(entry + 14, 2);
      if ((inside & ~WRITE) !== 0) throw new Error(`flags ${inside} in a table`);
      const [start, bytes] = [memory.get(entry, 8), memory.get(entry + 8, 4)];
      return { address: start, length: bytes, writable: inside !== 0 };
    });
  }

  complete(ended: readonly ModelUsed[]): boolean {
    const { memory } = this.#at;
    const used = ended.flatMap((each) => this.#turns.end(each));
    const runs = this.#shape.inOrder
      ? runsOf(used, (name) => this.#chains.get(name)!.bytes)
      : used.map((each) => [each]);
    const from = this.#used;
    const hidden: (() => void)[] = [];
    for (const run of runs) {
      const { name, length } = run.at(-1)!;
      const place = this.#used;
      for (const each of run) this.#used += this.#chains.get(each.name)!.places;
      const bits = (this.#at.wrap(place) ? AVAIL | USED : 0) | (length > 0 ? WRITE : 0);
      // PKD-LAY-02: the driver ignores NEXT, and a length without WRITE.
      const [stray, shown] = length > 0 ? [NEXT, length] : [0, 0x12345];
      hidden.push(() => {
        const at = this.#at.descriptor(place);
        memory.put(at + 8, 4, shown);
        memory.put(at + 12, 2, name);
        memory.put(at + 14, 2, bits | stray);
      });
    }
    // PKD-LAY-06: once begun, writes may be reordered.
    for (const write of hidden.reverse()) write();
    return this.#at.due(this.#at.place.driver, from, this.#used);
  }

  ask(when: 'always' | 'never' | number): void {
    if (typeof when === 'number' && !this.#shape.eventIndex) return;
    this.wish = typeof when === 'string' ? when : { at: this.#taken + when };
    this.#at.ask(this.#at.place.device, this.wish);
  }

  move(): null {
    return null;
  }
}
