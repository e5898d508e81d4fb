import { describe, expect, it, test } from 'vitest';
import { DriverMsix, FunctionConfig } from '../../src/driver/index.ts';
import type { PciFunction } from '../../src/pci/index.ts';
import { accessesIn, bareFunction, configOf, SLOT, smallMachine, watch } from '../pci/support.ts';

const TABLE = 0xd0000800;
const [IN_MEMORY, IN_IO] = [1, 0];

/** A function whose table stands at 0x800 of BAR1 and its pending bits at 0x1800; or MSI-X that points to its I/O BAR. */
function open(vectors: number, bar = IN_MEMORY) {
  const machine = smallMachine();
  const fn: PciFunction = bareFunction();
  fn.addBar({ index: 0, kind: 'io', lengthBytes: 256, regions: [] });
  if (vectors > 0) {
    const msix = fn.placeMsix(vectors, { bar, offset: 0x800 }, { bar, offset: 0x1800 });
    fn.addBar({
      index: 1,
      kind: 'memory32',
      lengthBytes: 0x2000,
      regions: [
        { name: 'table', offset: 0x800, length: msix.tableBytes, target: msix.table },
        { name: 'pending', offset: 0x1800, length: msix.pendingBytes, target: msix.pendingBits },
      ],
    });
  }
  machine.plug(fn, SLOT);
  const config = configOf(machine);
  config.setBar(0, 0xc000);
  if (vectors > 0) config.setBar(1, 0xd0000000);
  config.command(7);
  const msix = new DriverMsix(new FunctionConfig(machine, SLOT));
  const events = watch(machine);
  return { machine, fn, config, msix, events };
}

/** Everything that an owner does with its vectors. */
const everything = (msix: DriverMsix) => {
  msix.aim(msix.vectors, true, () => {});
  msix.enable(true);
  msix.maskAll(() => false);
  msix.mask(0, true);
  msix.takeMasks();
  msix.enable(false);
  return [msix.intact, msix.pendingBits(0)];
};

describe('vectors in the hands of their owner', () => {
  test.each([0, 1, 65])('are as many as the table has: %d', (vectors) => {
    expect(open(vectors).msix.vectors).toBe(vectors);
  });

  it('of a function without any are none, and nothing that is done with them changes it', () => {
    const { msix, events } = open(0);
    expect([everything(msix), msix.anyMasked]).toEqual([[true, 0], false]);
    expect(events.filter((event) => event.kind === 'access' && event.operation === 'write')).toEqual([]);
    expect(accessesIn(events)).toEqual([]);
  });

  it.each<[string, (config: ReturnType<typeof configOf>) => void, number]>([
    ['a BAR without an address', (config) => config.setBar(1, 0), IN_MEMORY],
    ['an I/O BAR', () => {}, IN_IO],
  ])('whose table is in %s are not looked for in memory', (_, change, bar) => {
    const { msix, events, config } = open(2, bar);
    change(config);
    everything(msix);
    expect(accessesIn(events)).toEqual([]);
  });

  it('are found where the table is, wherever its BAR has gone', () => {
    const { machine, msix, config, fn } = open(2);
    msix.aim(2, false, () => {});
    const data = [0, 1].map((vector) => machine.memoryRead(TABLE + 16 * vector + 8, 4));
    expect([fn.msix!.message(0).data, fn.msix!.message(1).data, fn.msix!.isMasked(1)]).toEqual([
      ...data,
      false,
    ]);
    config.setBar(1, 0xd0100000);
    msix.mask(1, true);
    expect([
      fn.msix!.isMasked(0),
      fn.msix!.isMasked(1),
      machine.memoryRead(TABLE + 0x100000 + 28, 4),
    ]).toEqual([false, true, 1]);
  });

  it('have the masks of the table once they were taken from there', () => {
    const { machine, msix, events } = open(3);
    msix.takeMasks();
    expect(accessesIn(events)).toEqual([]);
    msix.aim(3, false, () => {});
    // As after a load: another machine's masks, and reserved bits that are nobody's.
    for (const [vector, mask] of [0, 1, 0].entries()) machine.memoryWrite(TABLE + 16 * vector + 12, 4, mask);
    events.length = 0;
    msix.takeMasks();
    expect(accessesIn(events)).toEqual([
      'r4 00:04.0 BAR1 table+c=0',
      'r4 00:04.0 BAR1 table+1c=1',
      'r4 00:04.0 BAR1 table+2c=0',
    ]);
    expect(msix.anyMasked).toBe(true);
    // What is so already is not written.
    events.length = 0;
    msix.maskAll((vector) => vector === 1);
    expect(accessesIn(events)).toEqual([]);
    msix.maskAll(() => false);
    expect([msix.anyMasked, accessesIn(events)]).toEqual([
      false,
      ['w4 00:04.0 BAR1 table+1c=0', 'r4 00:04.0 BAR1 table+1c=0'],
    ]);
  });

  it('are not its own any more once others have written into the table, or it is nowhere', () => {
    const changes: [string, (under: ReturnType<typeof open>) => void, boolean][] = [
      ['nothing', () => {}, true],
      ['a mask', ({ machine }) => machine.memoryWrite(TABLE + 12, 4, 1), true],
      ['another entry', ({ machine }) => machine.memoryWrite(TABLE + 24, 4, 0x999), true],
      ['its address', ({ machine }) => machine.memoryWrite(TABLE, 4, 0), false],
      ['its data', ({ machine }) => machine.memoryWrite(TABLE + 8, 4, 0x999), false],
      ['its BAR', ({ config }) => config.setBar(1, 0), false],
      ['a reset', ({ fn, config }) => [fn.reset(), config.setBar(1, 0xd0000000), config.command(7)], false],
    ];
    const seen = changes.map(([what, change]) => {
      const under = open(2);
      under.msix.aim(2, false, () => {});
      change(under);
      return [what, under.msix.intact];
    });
    expect(seen).toEqual(changes.map(([what, , intact]) => [what, intact]));
    // Whoever has aimed nothing has nothing to lose.
    expect(open(2).msix.intact).toBe(true);
  });

  it('show pending bits by four bytes, of as many vectors as there are', () => {
    const { fn, msix, events } = open(65);
    msix.aim(65, true, () => {});
    msix.enable(true);
    for (const vector of [1, 33, 64]) fn.msix!.trigger(vector);
    events.length = 0;
    expect([0, 4, 8, 12, 16].map((offset) => msix.pendingBits(offset))).toEqual([2, 2, 1, 0, 0]);
    // Beyond its vectors it does not look.
    expect(accessesIn(events)).toEqual([
      'r4 00:04.0 BAR1 pending+0=2',
      'r4 00:04.0 BAR1 pending+4=2',
      'r4 00:04.0 BAR1 pending+8=1',
    ]);
  });
});
