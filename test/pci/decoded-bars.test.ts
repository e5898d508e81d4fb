import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { type BarKind, Bridge } from '../../src/pci/index.ts';
import { bridgeWindows, type WindowRange, windowRange } from '../../src/pci/layout/index.ts';
import {
  accessesIn,
  addScratch,
  bareFunction,
  bridgeOf,
  configOf,
  SLOT,
  smallMachine,
  watch,
} from './support.ts';

const [MEMORY, MASTER] = [2, 4];
const ALL_ONES = 0xffffffff;
const MEASURED = 'BAR0 was measured while it is decoded';
const MOVED = 'BAR0 was moved by halves while it is decoded';

/** A BAR0 that is decoded at 0xc0000000, or in I/O space at 0xc000; what writes of its registers are said to be. */
function writes(
  kind: BarKind,
  lengthBytes: number,
  registers: readonly (readonly [number, number])[],
  bits = 3,
) {
  const machine = smallMachine();
  const fn = bareFunction();
  addScratch(fn, 0, kind, lengthBytes, 16);
  machine.plug(fn, SLOT);
  const config = configOf(machine);
  config.setBar(0, kind === 'io' ? 0xc000 : lengthBytes > 2 ** 31 ? 0 : 0xc0000000);
  if (lengthBytes > 2 ** 31) config.setBar(1, 0x80);
  config.command(bits);
  const events = watch(machine);
  for (const [register, value] of registers) config.setBar(register, value);
  return events.flatMap((event) =>
    event.kind === 'finding'
      ? [`${event.party} ${event.clause} ${event.message} ${event.value?.toString(16)}`]
      : [],
  );
}

describe('CONF-03: a BAR whose register is written while it is decoded', () => {
  test.each<[string, BarKind, number, [number, number][], string[]]>([
    [
      'measured, and put back',
      'io',
      16,
      [
        [0, ALL_ONES],
        [0, 0xc000],
      ],
      [`${MEASURED} fffffff0`],
    ],
    [
      'measured, and put back',
      'memory32',
      0x1000,
      [
        [0, ALL_ONES],
        [0, 0xc0000000],
      ],
      [`${MEASURED} fffff000`],
    ],
    ['moved at once', 'io', 16, [[0, 0xd000]], []],
    ['moved at once', 'memory32', 0x1000, [[0, 0xd0000000]], []],
    [
      'written as it was',
      'memory64',
      0x1000,
      [
        [0, 0xc0000000],
        [1, 0],
      ],
      [],
    ],
    ['measured, its lower half', 'memory64', 0x1000, [[0, ALL_ONES]], [`${MEASURED} fffff000`]],
    ['measured, its upper half', 'memory64', 0x1000, [[1, ALL_ONES]], [`${MEASURED} ffffffffc0000000`]],
    ['moved, its lower half', 'memory64', 0x1000, [[0, 0xd0000000]], [`${MOVED} d0000000`]],
    ['moved, its upper half', 'memory64', 0x1000, [[1, 0x80]], [`${MOVED} 80c0000000`]],
    // All of its lower half is built in.
    ['measured, its upper half', 'memory64', 2 ** 36, [[1, ALL_ONES]], [`${MEASURED} fffffff000000000`]],
    ['moved, its upper half', 'memory64', 2 ** 36, [[1, 0x90]], [`${MOVED} 9000000000`]],
    ['written in its lower half', 'memory64', 2 ** 36, [[0, ALL_ONES]], []],
  ])('%s (%s, %d bytes)', (_, kind, bytes, registers, expected) => {
    expect(writes(kind, bytes, registers)).toEqual(expected.map((each) => `driver CONF-03 ${each}`));
    // Nothing of it matters while the BAR is not decoded.
    expect(writes(kind, bytes, registers, 0)).toEqual([]);
  });
});

describe('where BARs and windows overlap', () => {
  /** Who answers at 0xc0000000. */
  const who = (machine: ReturnType<typeof smallMachine>) => {
    const events = watch(machine);
    machine.memoryRead(0xc0000000, 1);
    return accessesIn(events)[0]!.replace(/\+.*/, '');
  };

  it('the lower function answers, whatever the numbers of the BARs', () => {
    const machine = smallMachine();
    for (const [fn, bar] of [
      [0, 5],
      [1, 0],
    ] as const) {
      const each = bareFunction();
      addScratch(each, bar, 'memory32', 64);
      machine.plug(each, SLOT + fn);
      const config = configOf(machine, SLOT + fn);
      config.setBar(bar, 0xc0000000);
      config.command(MEMORY);
    }
    expect(who(machine)).toBe('r1 00:04.0 BAR5 scratch5');
  });

  /** A bridge at a device of the root bus, a function behind it, both at 0xc0000000; and one beside them. */
  function bridged(
    device: number,
    number: number,
    machine = smallMachine(),
    build: (bridge: Bridge) => void = () => {},
  ) {
    const place = functionAddress(0, device);
    const bridge = new Bridge({ kind: 'pci-to-pci' });
    build(bridge);
    machine.plug(bridge, place);
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 0x1000);
    machine.plug(fn, { behind: bridge });
    const upper = bridgeOf(machine, place);
    upper.buses(number);
    upper.memory(0xc0000000, 0xc0100000);
    upper.command(MEMORY | MASTER);
    const lower = configOf(machine, functionAddress(number, 0));
    lower.setBar(0, 0xc0000000);
    lower.command(MEMORY);
    return { machine, bridge, upper };
  }

  it('the lower bridge passes the access on', () => {
    const { machine } = bridged(3, 6);
    bridged(2, 5, machine);
    expect(who(machine)).toBe('r1 05:00.0 BAR0 scratch0');
    const { machine: other } = bridged(2, 5);
    bridged(3, 6, other);
    expect(who(other)).toBe('r1 05:00.0 BAR0 scratch0');
  });

  it.each([
    [1, 'r1 00:01.0 BAR0 scratch0'],
    [3, 'r1 05:00.0 BAR0 scratch0'],
  ])('so it is with a bridge at device 2 and a function at device %d', (device, expected) => {
    const { machine } = bridged(2, 5);
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 0x1000);
    machine.plug(fn, functionAddress(0, device));
    const config = configOf(machine, functionAddress(0, device));
    config.setBar(0, 0xc0000000);
    config.command(MEMORY);
    expect(who(machine)).toBe(expected);
  });

  it("a bridge's own BAR answers before its windows", () => {
    const { machine, bridge, upper } = bridged(2, 5, smallMachine(), (bridge) =>
      addScratch(bridge, 1, 'memory32', 0x1000),
    );
    expect(who(machine)).toBe('r1 05:00.0 BAR0 scratch0');
    upper.setBar(1, 0xc0000000);
    expect([who(machine), bridge.bars[0]!.mappedAt]).toEqual(['r1 00:02.0 BAR1 scratch1', 0xc0000000]);
  });
});

describe("a bridge's windows, as its registers say", () => {
  type Row = [
    string,
    keyof typeof bridgeWindows,
    base: number,
    limit: number,
    upper: [number, number],
    WindowRange | null,
  ];
  const rows: Row[] = [
    ['of 16-bit I/O', 'io', 0xc0, 0xd0, [0, 0], { start: 0xc000, end: 0xe000 }],
    [
      'of 16-bit I/O, whatever stands in the upper halves',
      'io',
      0xc0,
      0xd0,
      [1, 2],
      { start: 0xc000, end: 0xe000 },
    ],
    ['of 32-bit I/O', 'io', 0xc1, 0xd1, [1, 2], { start: 0x1c000, end: 0x2e000 }],
    ['of memory', 'memory', 0xc000, 0xc010, [1, 2], { start: 0xc0000000, end: 0xc0200000 }],
    [
      'of memory, which has no type',
      'memory',
      0xc001,
      0xc011,
      [1, 2],
      { start: 0xc0000000, end: 0xc0200000 },
    ],
    [
      'of 32-bit prefetchable memory',
      'prefetchable',
      0xc000,
      0xc000,
      [1, 2],
      { start: 0xc0000000, end: 0xc0100000 },
    ],
    [
      'of 64-bit prefetchable memory',
      'prefetchable',
      0x0001,
      0xfff1,
      [0x80, 0x81],
      { start: 0x80_0000_0000, end: 0x82_0000_0000 },
    ],
    ['closed', 'io', 0xd0, 0xc0, [0, 0], null],
    ['closed by its upper halves', 'prefetchable', 0xc001, 0xc001, [2, 1], null],
  ];
  test.each(rows)('%s', (_, name, base, limit, [upperBase, upperLimit], expected) => {
    const window = bridgeWindows[name];
    const values = new Map<number, number>([
      [window.base.offset, base],
      [window.limit.offset, limit],
      ...(window.upper ?? []).map(({ offset }, i) => [offset, [upperBase, upperLimit][i]!] as const),
    ]);
    expect(windowRange((offset) => values.get(offset)!, window)).toEqual(expected);
  });
});
