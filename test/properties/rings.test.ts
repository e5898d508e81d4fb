import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { GuestMemory } from '../../src/core/index.ts';
import {
  type DeviceSide,
  type DriverSide,
  due,
  type Layout,
  type ModelBuffer,
  type ModelPlace,
  type ModelUsed,
  type RingShape,
  roundOf,
  Turns,
  writableBytes,
} from './support/model-ring.ts';
import { deviceSide, driverSide, OurDevice, type Who } from './support/ring-sides.ts';
import { PATIENCE, runs, shared } from './support/runs.ts';

/*
 * Our rings, split and packed, device side and driver side, against a model of the other side (support/model-*.ts) that is
 * written from the clauses alone, and against each other. Whatever is done in whatever order: every chain arrives as it was
 * sent, comes back once, in the order in which it was used and with the length that was told; either side is notified
 * exactly when it asked for it; and neither writes where the other one is at home.
 */
type Step =
  | {
      readonly do: 'add';
      readonly buffers: readonly ModelBuffer[];
      readonly layout: Layout;
      readonly pick: number;
    }
  | { readonly do: 'publish' | 'serve' | 'move' | 'reset' }
  | { readonly do: 'complete'; readonly picks: readonly { pick: number; part: number }[] }
  | { readonly do: 'take'; readonly count: number }
  | { readonly do: 'ask'; readonly side: 'driver' | 'device'; readonly when: 'always' | 'never' | number }
  /** So many single buffers all the way, to get around the ring. */
  | { readonly do: 'cycle'; readonly count: number };

const place: ModelPlace = { descriptor: 0x1000, driver: 0x2000, device: 0x2800, tables: 0x4000 };
const RAM_BYTES = 0x10000;
const MAX_SIZE = 32;

const shapes: fc.Arbitrary<RingShape> = fc.boolean().chain((packed) =>
  fc.record({
    packed: fc.constant(packed),
    size: packed
      ? fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: MAX_SIZE }))
      : fc.constantFrom(4, 1, 2, 8, 16, MAX_SIZE),
    littleEndian: packed ? fc.constant(true) : fc.boolean(),
    eventIndex: fc.boolean(),
    indirect: fc.boolean(),
    inOrder: fc.boolean(),
  }),
);

const buffers = fc
  .array(
    fc.record({
      address: fc.oneof(fc.nat(0xffff), fc.integer({ min: 0, max: 2 ** 52 })),
      length: fc.oneof(fc.nat(20), fc.nat(0xffff), fc.constant(0x7fffffff / 8)).map(Math.floor),
      writable: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6, size: 'max' },
  )
  // SPL-FRM-03, PKD-SG-03
  .map((list) => list.sort((a, b) => Number(a.writable) - Number(b.writable)));

const picks = fc.array(fc.record({ pick: fc.nat(31), part: fc.constantFrom(1, 1, 1, 0, 0.5) }), {
  minLength: 1,
  maxLength: 8,
});

const steps = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      buffers,
      layout: fc.constantFrom<Layout>('direct', 'table', 'tail'),
      pick: fc.nat(1000),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ do: 'publish' }) },
  { weight: 6, arbitrary: fc.constant({ do: 'serve' }) },
  { weight: 10, arbitrary: picks.map((list) => ({ do: 'complete', picks: list })) },
  { weight: 8, arbitrary: fc.constantFrom(1, 2, 100).map((count) => ({ do: 'take', count })) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      side: fc.constantFrom('driver' as const, 'device' as const),
      when: fc.oneof(fc.constantFrom('always' as const, 'never' as const), fc.nat(MAX_SIZE)),
    }),
  },
  { weight: 2, arbitrary: fc.nat(40).map((count) => ({ do: 'cycle', count })) },
  { weight: 3, arbitrary: fc.constantFrom<Step[]>({ do: 'move' }, { do: 'reset' }) },
);

interface Sent {
  readonly name: number;
  readonly buffers: readonly ModelBuffer[];
  readonly places: number;
}

/** A chain's name and buffers, for comparison. */
const plain = ({ name, buffers: list }: Pick<Sent, 'name' | 'buffers'>) => [
  name,
  list.map(({ address, length, writable }) => [address, length, writable]),
];

function expectSame(what: string, got: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

/** Two sides of one ring, and what has to come of it. */
class Exchange {
  readonly #who: { driver: Who; device: Who };
  readonly #shape: RingShape;
  readonly #memory = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  readonly #bytes = this.#memory.ranges[0]!.bytes;
  #driver!: DriverSide;
  #device!: DeviceSide;
  #turns!: Turns;
  /** Chains by where they are: written, shown, with the device, used. */
  #added: Sent[] = [];
  #shown: Sent[] = [];
  #flying: Sent[] = [];
  #used: ModelUsed[] = [];
  readonly #sent = new Map<number, Sent>();
  /** Places from the beginning. */
  #addedTo = 0;
  #shownTo = 0;
  #usedTo = 0;

  constructor(who: { driver: Who; device: Who }, shape: RingShape) {
    this.#who = who;
    this.#shape = shape;
    this.#begin(null);
  }

  #reset(): void {
    this.#bytes.fill(0);
    const device = this.#device;
    if (device instanceof OurDevice) device.reset();
    expectSame(
      'bytes written after a reset',
      this.#bytes.find((byte) => byte !== 0),
      undefined,
    );
    this.#begin(device instanceof OurDevice ? device : null);
  }

  /** A fresh ring, with the device of before where that was reset. */
  #begin(device: DeviceSide | null): void {
    this.#driver = driverSide(this.#who.driver, this.#who.device, this.#memory, place, this.#shape);
    this.#device = device ?? deviceSide(this.#who.device, this.#memory, place, this.#shape);
    this.#turns = new Turns(this.#shape.inOrder);
    this.#added = [];
    this.#shown = [];
    this.#flying = [];
    this.#used = [];
    this.#sent.clear();
    this.#addedTo = this.#shownTo = this.#usedTo = 0;
  }

  run(step: Step): void {
    switch (step.do) {
      case 'add':
        this.#byDriver(() => this.#add(step.buffers, step.layout, step.pick));
        break;
      case 'publish':
        this.#byDriver(() => this.#publish());
        break;
      case 'serve':
        this.#byDevice(() => this.#serve());
        break;
      case 'complete':
        this.#byDevice(() => this.#complete(step.picks));
        break;
      case 'take':
        this.#byDriver(() => this.#take(step.count));
        break;
      case 'ask':
        if (step.side === 'driver') this.#byDriver(() => this.#driver.ask(step.when));
        else this.#byDevice(() => this.#device.ask(step.when));
        break;
      case 'cycle':
        for (let i = 0; i < step.count; i++) this.#cycle(i);
        break;
      case 'move':
        this.#byDevice(() => this.#move());
        break;
      case 'reset':
        this.#reset();
        break;
    }
  }

  /** Everything back to the driver. */
  settle(): void {
    this.run({ do: 'publish' });
    this.run({ do: 'serve' });
    while (this.#flying.length > 0) this.run({ do: 'complete', picks: [{ pick: 3, part: 1 }] });
    this.run({ do: 'take', count: 1000 });
    expectSame('chains that never came back', [...this.#sent.keys()], []);
  }

  #cycle(i: number): void {
    const single = [{ address: 16 * i, length: 4, writable: true }];
    this.#add(single, 'direct', i);
    this.#publish();
    this.#serve();
    this.#complete([{ pick: i, part: 1 }]);
    this.#take(100);
  }

  #add(list: readonly ModelBuffer[], wanted: Layout, pick: number): void {
    const { indirect, packed } = this.#shape;
    const tail = wanted === 'tail' && (packed || list.length === 1) ? 'table' : wanted;
    const added = this.#driver.add(list, indirect ? tail : 'direct', pick);
    if (added === null) return;
    if (this.#sent.has(added.name)) throw new Error(`${added.name} names two chains`);
    const sent = { ...added, buffers: list };
    this.#sent.set(added.name, sent);
    this.#added.push(sent);
    this.#addedTo += added.places;
  }

  #publish(): void {
    const owed = due(this.#device.wish, this.#shownTo, this.#addedTo, roundOf(this.#shape));
    expectSame('kick', this.#driver.publish(), owed);
    this.#shownTo = this.#addedTo;
    this.#shown.push(...this.#added);
    this.#added = [];
  }

  #serve(): void {
    expectSame('chains taken', this.#device.serve().map(plain), this.#shown.map(plain));
    for (const { name } of this.#shown) this.#turns.take(name);
    this.#flying.push(...this.#shown);
    this.#shown = [];
  }

  #complete(list: readonly { pick: number; part: number }[]): void {
    const ended: ModelUsed[] = [];
    for (const { pick, part } of list) {
      const [sent] = this.#flying.splice(pick % Math.max(1, this.#flying.length), 1);
      if (sent !== undefined)
        ended.push({ name: sent.name, length: Math.floor(writableBytes(sent.buffers) * part) });
    }
    const used = ended.flatMap((each) => this.#turns.end(each));
    const from = this.#usedTo;
    for (const { name } of used) this.#usedTo += this.#sent.get(name)!.places;
    const owed = due(this.#driver.wish, from, this.#usedTo, roundOf(this.#shape));
    expectSame('interrupt', this.#device.complete(ended), owed);
    this.#used.push(...used);
  }

  #take(count: number): void {
    for (let i = 0; i < count; i++) {
      const expected = this.#used.shift() ?? null;
      expectSame('chain back', this.#driver.take(), expected);
      if (expected === null) return;
      this.#sent.delete(expected.name);
    }
  }

  #move(): void {
    const again = this.#device.move();
    if (again !== null) expectSame('chains handled again', again.map(plain), this.#flying.map(plain));
  }

  #byDriver(act: () => void): void {
    const before = this.#bytes.slice();
    const from = this.#shownTo;
    act();
    this.#expectUntouched('the device area', before, place.device, place.tables);
    if (this.#shape.packed) this.#expectSlots('the driver', before, from, this.#addedTo);
  }

  #byDevice(act: () => void): void {
    const before = this.#bytes.slice();
    const from = this.#usedTo;
    act();
    this.#expectUntouched('the driver area', before, place.driver, place.device);
    this.#expectUntouched('tables', before, place.tables, RAM_BYTES);
    // SPL-DESC-02; PKD-DESC-04 and PKD-DESC-05 for either side.
    if (this.#shape.packed) this.#expectSlots('the device', before, from, this.#usedTo);
    else this.#expectUntouched('descriptors', before, place.descriptor, place.driver);
  }

  #expectUntouched(what: string, before: Uint8Array, from: number, to: number): void {
    if (Buffer.compare(before.subarray(from, to), this.#bytes.subarray(from, to)) !== 0)
      throw new Error(`${what} changed`);
  }

  /** Slots of other places than these have not changed. */
  #expectSlots(who: string, before: Uint8Array, from: number, to: number): void {
    const { size } = this.#shape;
    for (let slot = 0; slot < size; slot++) {
      const own = to - from >= size || (slot - (from % size) + size) % size < to - from;
      const at = place.descriptor + 16 * slot;
      if (!own) this.#expectUntouched(`slot ${slot}, by ${who},`, before, at, at + 16);
    }
  }
}

const pairs: readonly { driver: Who; device: Who }[] = [
  { driver: 'model', device: 'ours' },
  { driver: 'ours', device: 'model' },
  { driver: 'ours', device: 'ours' },
  { driver: 'model', device: 'model' },
];

describe.each(pairs)('the driver is $driver, the device $device', (who) => {
  it(
    'any exchange over any ring',
    () =>
      fc.assert(
        fc.property(shapes, fc.array(steps, { maxLength: 60, size: 'max' }), (shape, list) => {
          const exchange = new Exchange(who, shape);
          for (const step of list) exchange.run(step);
          exchange.settle();
        }),
        { numRuns: shared(2000, pairs.length) },
      ),
    PATIENCE,
  );

  it(
    'past index 65535 of a split ring',
    () =>
      fc.assert(
        fc.property(
          shapes.filter(({ packed }) => !packed),
          fc.nat(40),
          fc.array(steps, { maxLength: 60, size: 'max' }),
          (shape, before, list) => {
            const exchange = new Exchange(who, shape);
            exchange.run({ do: 'cycle', count: 0x10000 - before });
            for (const step of list) exchange.run(step);
            exchange.settle();
          },
        ),
        { numRuns: runs(3) },
      ),
    PATIENCE,
  );
});
