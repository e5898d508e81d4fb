import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { ResourceError, runFirmware, type Window } from '../../src/driver/index.ts';
import type { BarIndex, BarKind } from '../../src/pci/index.ts';
import { addScratch, at, bareFunction, configOf, SLOT, smallMachine } from '../pci/support.ts';

const windowOf = (kind: BarKind, prefetchable: boolean) =>
  kind === 'io' ? 'io' : kind === 'memory64' && prefetchable ? 'prefetchable64' : 'memory';

describe('the firmware', () => {
  test.each([
    ['io', false, 0xc000, 0x10000],
    ['memory32', false, 0xc0000000, 0xe0000000],
    ['memory32', true, 0xc0000000, 0xe0000000],
    ['memory64', false, 0xc0000000, 0xe0000000],
    ['memory64', true, 0x80_0000_0000, 0x100_0000_0000],
  ] as const)(
    'puts a BAR of kind %s, prefetchable %s, where it belongs',
    (kind, prefetchable, start, end) => {
      const machine = smallMachine();
      const fn = bareFunction();
      fn.addBar({ index: 0, kind, lengthBytes: 64, prefetchable, regions: [] });
      machine.plug(fn, SLOT);
      const found = runFirmware(machine).find(({ address }) => address === SLOT)!;
      const { address } = found.bars[0]!;
      expect([address >= start, address + 64 <= end, fn.bars[0]!.mappedAt]).toEqual([true, true, address]);
    },
  );

  test.each([
    [[], 0],
    [['io'], 1],
    [['memory32'], 2],
    [['io', 'memory32'], 3],
    [['memory64'], 2],
  ] as const)(
    'switches on the decoding that BARs of kinds %j need, and no bus mastering',
    (kinds, command) => {
      const machine = smallMachine();
      const fn = bareFunction();
      for (const [i, kind] of kinds.entries()) addScratch(fn, (2 * i) as BarIndex, kind, 16);
      machine.plug(fn, SLOT);
      runFirmware(machine);
      expect(configOf(machine).read(at.command, 2)).toBe(command);
    },
  );

  test.each([
    ['I/O', 'io', { io: { start: 0xc000, end: 0xc020 } }],
    ['memory', 'memory32', { memory: { start: 0xc0000000, end: 0xc0000020 } }],
  ] as const)('says when %s space is full', (_, kind, options) => {
    const machine = smallMachine();
    for (const device of [4, 5, 6]) {
      const fn = bareFunction();
      addScratch(fn, 0, kind, 16);
      machine.plug(fn, functionAddress(0, device));
    }
    expect(() => runFirmware(machine, options)).toThrow(ResourceError);
  });

  it('gives every BAR a place of its own, aligned to its size, inside the window of its kind', () => {
    const size = (kind: BarKind) =>
      (kind === 'io' ? fc.integer({ min: 2, max: 8 }) : fc.integer({ min: 4, max: 16 })).map(
        (bits) => 2 ** bits,
      );
    const bar = fc
      .constantFrom<BarKind>('io', 'memory32', 'memory64')
      .chain((kind) =>
        fc.record({ kind: fc.constant(kind), lengthBytes: size(kind), prefetchable: fc.boolean() }),
      );
    const windows: Record<'io' | 'memory' | 'prefetchable64', Window> = {
      io: { start: 0x1234, end: 0xffff },
      memory: { start: 0x9000_0001, end: 0xb000_0000 },
      prefetchable64: { start: 0x12_3456_7890, end: 0x13_0000_0000 },
    };
    fc.assert(
      fc.property(
        fc.array(fc.array(bar, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        (functions) => {
          const machine = smallMachine();
          for (const [i, bars] of functions.entries()) {
            const fn = bareFunction();
            for (const [j, options] of bars.entries())
              fn.addBar({
                ...options,
                prefetchable: options.kind !== 'io' && options.prefetchable,
                index: (2 * j) as BarIndex,
                regions: [],
              });
            machine.plug(fn, functionAddress(0, i + 1));
          }
          const placed = runFirmware(machine, windows).flatMap(({ bars }) => bars);
          expect(placed).toHaveLength(functions.flat().length);
          for (const [i, { address, size, kind, prefetchable }] of placed.entries()) {
            const window = windows[windowOf(kind, prefetchable)];
            expect([address % size, address >= window.start, address + size <= window.end]).toEqual([
              0,
              true,
              true,
            ]);
            for (const other of placed.slice(i + 1))
              if ((other.kind === 'io') === (kind === 'io'))
                expect(address + size <= other.address || other.address + other.size <= address).toBe(true);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});
