import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Width } from '../../src/core/index.ts';
import { CAP, scratchFunction, withVirtual } from '../pci/virtual-support.ts';
import { PhysicalModel, TOTAL } from './support/model-virtual.ts';
import { PATIENCE, runs } from './support/runs.ts';

type Operation =
  | { readonly do: 'register'; readonly at: number; readonly width: Width; readonly value: number }
  | { readonly do: 'enable'; readonly count: number; readonly control: number }
  | { readonly do: 'command'; readonly index: number; readonly value: number }
  | {
      readonly do: 'memory';
      readonly bar: number;
      readonly nth: number;
      readonly offset: number;
      readonly value: number;
    }
  | { readonly do: 'reset' | 'assign'; readonly index: number }
  | { readonly do: 'load' };

/** Where nothing else of the machine is; the last two are no addresses that a BAR can be decoded at. */
const lows = [0, 0xc0000000, 0xc0001000, 0xc0008000, 0xfff00000, 0xffffffff];
const highs = [0, 8, 9, 0xffffffff];

const registers: fc.Arbitrary<Operation> = fc
  .oneof(
    fc.record({
      at: fc.constantFrom(0x08, 0x10, 0x20),
      value: fc.constantFrom(0, 1, 2, 3, 8, 9, 0x10, 0x19, 0x400),
    }),
    fc.record({ at: fc.constantFrom(0x24, 0x2c), value: fc.constantFrom(...lows) }),
    fc.record({ at: fc.constant(0x28), value: fc.constantFrom(...highs) }),
    fc.record({ at: fc.integer({ min: 1, max: 8 }).map((n) => 4 * n), value: fc.nat(0x1f) }),
  )
  .chain(({ at, value }) =>
    fc
      .constantFrom<Width>(1, 2, 4, 4)
      .map((width) => ({ do: 'register' as const, at, width: at >= 0x24 ? 4 : width, value })),
  );

const index = fc.integer({ min: 1, max: TOTAL + 1 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: registers },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('enable' as const),
      count: fc.nat(TOTAL + 2),
      control: fc.constantFrom(9, 9, 9, 1, 0x19),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('command' as const), index, value: fc.nat(0xffff) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('memory' as const),
      bar: fc.constantFrom(0, 2),
      nth: fc.nat(TOTAL),
      offset: fc.oneof(fc.integer({ min: 0x3e, max: 0x142 }), fc.constantFrom(0xfff, 0x1040)),
      value: fc.nat(255),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('reset' as const, 'assign' as const), index: fc.nat(TOTAL) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'load' as const }) },
);

type System = ReturnType<typeof withVirtual>;

const make = (live: number) => withVirtual({ total: TOTAL, live, make: scratchFunction });

/** What a bit of time later is the same machine: one that has loaded its state. */
function reloaded(system: System, live: number): System {
  const next = make(live);
  next.machine.load(system.machine.save());
  return next;
}

function apply(system: System, model: PhysicalModel, each: Operation): void {
  const { machine, write, vf, vfs } = system;
  const put = (at: number, width: Width, value: number) => {
    write(CAP + at, width, value);
    model.write(at, width, value);
  };
  if (each.do === 'register') put(each.at, each.width, each.value);
  else if (each.do === 'enable') {
    put(8, 2, 0);
    put(0x10, 2, each.count);
    put(8, 2, each.control);
  } else if (each.do === 'command') {
    vf(each.index).write(4, 2, each.value);
    const fn = model.functions[each.index - 1];
    if (fn !== undefined) fn.busMaster = (each.value & 4) !== 0;
  } else if (each.do === 'memory') {
    const base = Number(model.bars[each.bar as 0 | 2]);
    const address = base + each.nth * model.piece + each.offset;
    if (base === 0 || address >= 2 ** 52) return;
    // Of the other BAR only scratch is modelled.
    if (model.byte(address) === 0xff || each.bar === 0) {
      machine.memoryWrite(address, 1, each.value);
      model.writeByte(address, each.value);
    }
  } else if (each.do === 'reset' && each.index === 0) {
    write(system.read(0x34, 1) + 8, 2, 0x8000);
    model.reset();
  } else if ((each.do === 'reset' || each.do === 'assign') && each.index > 0) {
    if (each.do === 'assign') vfs.assign(each.index, null);
    else if (each.index <= model.count) vf(each.index).write(vf(each.index).read(0x34, 1) + 8, 2, 0x8000);
    const fn = model.functions[each.index - 1];
    if (fn === undefined) return;
    fn.busMaster = false;
    fn.scratch.fill(0);
  }
}

function expectSame(what: string, found: number, expected: number): void {
  if (found !== expected) throw new Error(`${what}: ${found.toString(16)}, model ${expected.toString(16)}`);
}

function compare(system: System, model: PhysicalModel): void {
  const { read, vf, memory, vfs } = system;
  for (let at = 4; at < 0x40; at += 4)
    expectSame(`register ${at}`, read(CAP + at, 4), model.register(at) >>> 0);
  for (let index = 1; index <= TOTAL + 2; index++) {
    const fn = model.functions[index - 1];
    const command = fn === undefined ? 0xffff : fn.busMaster ? 4 : 0;
    expectSame(`command of ${index}`, vf(index).read(4, 2), command);
    expectSame(`id of ${index}`, vf(index).read(0, 2), 0xffff);
  }
  for (const bar of [0, 2] as const)
    for (let nth = 0; nth <= TOTAL; nth++)
      for (const offset of [0, 12, 0x3f, 0x40, 0x41, 0x13f, 0x140, 0xfff]) {
        const base = Number(model.bars[bar]);
        const address = base + nth * model.piece + offset;
        if (base !== 0 && address < 2 ** 52)
          expectSame(`BAR${bar} of ${nth + 1} at ${offset}`, memory(address, 1), model.byte(address));
      }
  expectSame('count', vfs.count, model.count);
}

describe('virtual functions do as PCI Express says, whatever software writes', () => {
  it.each([1, 2, TOTAL])(
    'where %i of them exist as objects',
    (live) => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 40, size: 'max' }), (operations) => {
          let system = make(live);
          const model = new PhysicalModel();
          for (const each of operations) {
            if (each.do === 'load') system = reloaded(system, live);
            else apply(system, model, each);
            compare(system, model);
          }
        }),
        { numRuns: runs(200) },
      );
    },
    PATIENCE,
  );
});
