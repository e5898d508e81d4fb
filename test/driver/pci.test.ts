import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { enumerate, FunctionConfig, findFunction, setCommand } from '../../src/driver/index.ts';
import type { BarKind } from '../../src/pci/index.ts';
import { addScratch, at, bareFunction, configOf, SLOT, smallMachine, watch } from '../pci/support.ts';

describe('looking at a function', () => {
  const bars: readonly [BarKind, number, boolean][] = [
    ['io', 4, false],
    ['io', 256, false],
    ['memory32', 16, false],
    ['memory32', 0x8000_0000, true],
    ['memory64', 16, false],
    ['memory64', 0x4000, true],
    ['memory64', 2 ** 32, true],
    ['memory64', 2 ** 40, false],
  ];
  test.each(bars)('measures a BAR of kind %s and %d bytes, prefetchable: %s', (kind, size, prefetchable) => {
    const machine = smallMachine();
    const fn = bareFunction();
    fn.addBar({ index: 2, kind, lengthBytes: size, prefetchable, regions: [] });
    machine.plug(fn, SLOT);
    expect(findFunction(machine, SLOT)!.bars).toEqual([{ index: 2, kind, size, prefetchable, address: 0 }]);
  });

  it('leaves addresses and command register as they were, and decodes nothing meanwhile', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'io', 16);
    addScratch(fn, 1, 'memory32', 0x1000, 16);
    addScratch(fn, 4, 'memory64', 0x1000, 16);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, 0xc000);
    config.setBar(1, 0xc0000000);
    config.setBar(4, 0xd0000000);
    config.setBar(5, 0x12);
    config.command(0x7);
    const decoded = new Set<string>();
    machine.events = (event) => {
      if (event.kind === 'access' && event.offset >= at.bar && event.offset < 0x28)
        decoded.add(fn.bars.map(({ mappedAt }) => mappedAt).join());
    };
    const found = findFunction(machine, SLOT)!;
    expect([...decoded]).toEqual([',,']);
    expect(found.bars.map(({ index, address }) => [index, address])).toEqual([
      [0, 0xc000],
      [1, 0xc0000000],
      [4, 0x12_d000_0000],
    ]);
    expect(fn.bars.map(({ mappedAt }) => mappedAt)).toEqual([0xc000, 0xc0000000, 0x12_d000_0000]);
    expect(config.read(at.command, 2)).toBe(0x7);
  });

  it('measures one BAR of a space: none of another space, none of an upper half', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'io', 64);
    addScratch(fn, 1, 'memory32', 0x2000);
    addScratch(fn, 2, 'memory64', 0x4000);
    machine.plug(fn, SLOT);
    const config = new FunctionConfig(machine, SLOT);
    const bytes = (space: 'io' | 'memory') => Array.from({ length: 6 }, (_, i) => config.barBytes(i, space));
    expect([bytes('io'), bytes('memory')]).toEqual([
      [64, 0, 0, 0, 0, 0],
      [0, 0x2000, 0x4000, 0, 0, 0],
    ]);
  });

  it('finds ids and interrupt routing, and nothing in an empty slot', () => {
    const machine = smallMachine();
    machine.plug(bareFunction({ revisionId: 2, subsystemId: 9, interruptPin: 2 }), SLOT);
    expect(findFunction(machine, SLOT)).toMatchObject({
      address: SLOT,
      vendorId: 0x1234,
      deviceId: 0x5678,
      revisionId: 2,
      classCode: 0xff0102,
      subsystemId: 9,
      interruptLine: 10,
      interruptPin: 2,
    });
    expect(findFunction(machine, SLOT + 8)).toBeNull();
  });
});

describe('enumeration', () => {
  it('finds every device and function of a bus', () => {
    const machine = smallMachine();
    const places = [
      [1, 0],
      [1, 3],
      [31, 0],
      [31, 7],
    ] as const;
    for (const [device, fn] of places) machine.plug(bareFunction(), functionAddress(0, device, fn));
    expect(enumerate(machine).map(({ address }) => address)).toEqual([
      0,
      functionAddress(0, 1),
      functionAddress(0, 1, 3),
      functionAddress(0, 31),
      functionAddress(0, 31, 7),
    ]);
    expect(enumerate(machine, 1)).toEqual([]);
  });
});

it('bits of the command register are set and cleared without touching the others', () => {
  const machine = smallMachine();
  machine.plug(bareFunction(), SLOT);
  const config = configOf(machine);
  config.command(0x441);
  const events = watch(machine);
  setCommand(machine, SLOT, 0x6, 0x400);
  expect(config.read(at.command, 2)).toBe(0x47);
  expect(events.filter((event) => event.kind === 'access' && event.operation === 'write')).toMatchObject([
    { offset: at.command, width: 2 },
  ]);
});
