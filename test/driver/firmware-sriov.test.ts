import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { placeFunction, ResourceError, runFirmware } from '../../src/driver/index.ts';
import { Bridge, type Machine } from '../../src/pci/index.ts';
import { addScratch, bareFunction, bridgeAt, configOf, SLOT, smallMachine } from '../pci/support.ts';
import {
  type HandmadeOptions,
  HandmadePhysical,
  memory32,
  memory64,
  sriovAt,
  VF_ENABLE,
  VF_MSE,
} from './support/handmade-sriov.ts';

const OTHER = functionAddress(0, 6);

const placed = (options: HandmadeOptions, machine = smallMachine()) => {
  const physical = new HandmadePhysical(options).plug(machine, SLOT);
  runFirmware(machine);
  return physical;
};

const numbersAt = (machine: Machine, address: number) => {
  const { read } = configOf(machine, address);
  return [read(bridgeAt.secondary, 1), read(bridgeAt.subordinate, 1)];
};

/** Offsets and strides as they are in the field, and the functions that each device has at most. */
const field = [
  ['igb', 384, 2, 7],
  ['an NVMe drive', 32, 1, 64],
  ['ThunderX', 1, 1, 128],
  ['an accelerator', 16, 2, 16],
  ["a DPU's block device", 1144, 1, 255],
] as const;

describe('BARs of virtual functions', () => {
  it('get room for as many functions as there can be, aligned to one of them', () => {
    const physical = placed({ total: 100, bars: [memory64(0, 0x4000), memory32(4, 0x1000)] });
    expect([physical.bar(0) % 0x4000, physical.bar(0) >= 0x80_0000_0000]).toEqual([0, true]);
    expect([physical.bar(4) % 0x1000, physical.bar(4) >= 0xc0000000]).toEqual([0, true]);
    const machine = smallMachine();
    const first = new HandmadePhysical({ total: 100, bars: [memory32(0, 0x4000)] }).plug(machine, SLOT);
    const behind = bareFunction();
    addScratch(behind, 0, 'memory32', 0x1000);
    machine.plug(behind, OTHER);
    runFirmware(machine);
    expect(behind.bars[0]!.address).toBe(first.bar(0) + 100 * 0x4000);
  });

  it('are as long as a page at least', () => {
    const machine = smallMachine();
    const first = new HandmadePhysical({ total: 4, page: 0x10, bars: [memory32(0, 0x100)] }).plug(
      machine,
      SLOT,
    );
    const next = bareFunction();
    addScratch(next, 0, 'memory32', 0x1000);
    machine.plug(next, OTHER);
    runFirmware(machine);
    expect([first.get('page', 4), first.bar(0) % 0x10000]).toEqual([0x10, 0]);
    expect(next.bars[0]!.address).toBe(first.bar(0) + 4 * 0x10000);
  });

  test.each([
    ['one that the function supports stays', 0x10, 0x553, 0x10],
    ['one that it does not support gives way to the smallest', 0x4, 0x553, 0x1],
    ['several at once too', 0x11, 0x550, 0x10],
    ['none at all too', 0, 0x12, 0x2],
    ['where it supports none, nothing is changed', 0x1, 0, 0x1],
  ])('of the page sizes, %s', (_, page, supportedPages, expected) => {
    expect(placed({ page, supportedPages }).get('page', 4)).toBe(expected);
  });

  it('stay where they are when firmware runs again, enabled or not', () => {
    for (const control of [0, VF_ENABLE | VF_MSE]) {
      const machine = smallMachine();
      const physical = new HandmadePhysical({ bars: [memory32(0, 0x1000), memory64(2, 0x1000)] });
      physical.plug(machine, SLOT);
      runFirmware(machine);
      const before = [physical.bar(0), physical.bar(2)];
      const { write, read } = configOf(machine);
      write(physical.at + sriovAt.numVfs, 2, 5);
      write(physical.at + sriovAt.control, 2, control);
      const more = bareFunction();
      addScratch(more, 0, 'memory32', 0x1000);
      machine.plug(more, functionAddress(0, 1));
      runFirmware(machine);
      expect([physical.bar(0), physical.bar(2)]).toEqual(before);
      expect(read(physical.at + sriovAt.control, 2)).toBe(control);
      expect(read(physical.at + sriovAt.numVfs, 2)).toBe(5);
      const own = more.bars[0]!.address;
      expect(own >= before[0]! + 8 * 0x1000 || own + 0x1000 <= before[0]!).toBe(true);
    }
  });

  it('give way where they overlap what is in use', () => {
    const machine = smallMachine();
    const physical = new HandmadePhysical({ bars: [memory32(0, 0x1000)] }).plug(machine, SLOT);
    const used = bareFunction();
    addScratch(used, 0, 'memory32', 0x1000);
    machine.plug(used, OTHER);
    const place = 0xd0004000;
    configOf(machine, OTHER).setBar(0, place);
    configOf(machine, OTHER).command(2);
    // The fifth of eight pieces would stand there.
    configOf(machine).write(physical.at + sriovAt.bar, 4, place - 4 * 0x1000);
    runFirmware(machine);
    expect(used.bars[0]!.address).toBe(place);
    const first = physical.bar(0);
    expect([first > 0, first + 8 * 0x1000 <= place || first >= place + 0x1000]).toEqual([true, true]);
  });

  it('move where everything is to be placed anew', () => {
    const machine = smallMachine();
    const physical = new HandmadePhysical({ bars: [memory32(0, 0x1000)] }).plug(machine, SLOT);
    runFirmware(machine, { memory: { start: 0xd0000000, end: 0xe0000000 } });
    expect(physical.bar(0)).toBe(0xd0000000);
    runFirmware(machine, { reassign: true });
    expect(physical.bar(0)).toBe(0xc0000000);
  });

  it('get no address where firmware is to leave them alone', () => {
    const machine = smallMachine();
    const physical = new HandmadePhysical({ bars: [memory32(0, 0x1000)] }).plug(machine, SLOT);
    runFirmware(machine, { virtualFunctions: false });
    expect(physical.bar(0)).toBe(0);
  });

  it('of 65,535 functions have room beyond 4 GiB, prefetchable or not', () => {
    for (const prefetchable of [true, false]) {
      const physical = placed({ total: 65535, bars: [memory64(0, 0x100000, prefetchable)] });
      expect([physical.bar(0) >= 0x80_0000_0000, physical.bar(0) % 0x100000]).toEqual([true, 0]);
    }
  });

  it('stay below 4 GiB behind a bridge, unless they are prefetchable', () => {
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, SLOT);
    const physical = new HandmadePhysical({ bars: [memory64(0, 0x4000, false), memory64(2, 0x4000)] });
    physical.plug(machine, { behind: port });
    runFirmware(machine);
    expect([physical.bar(0) < 2 ** 32, physical.bar(2) >= 0x80_0000_0000]).toEqual([true, true]);
    const { read } = configOf(machine);
    const [base, limit] = [read(bridgeAt.memoryBase, 2), read(bridgeAt.memoryLimit, 2)];
    expect(physical.bar(0) >= base * 0x10000).toBe(true);
    expect(physical.bar(0) + 8 * 0x4000 <= (limit + 0x10) * 0x10000).toBe(true);
  });

  it('without room leave everything as it was', () => {
    const machine = smallMachine();
    const physical = new HandmadePhysical({ total: 65535, bars: [memory32(0, 0x4000)] }).plug(machine, SLOT);
    const other = bareFunction();
    addScratch(other, 0, 'memory32', 0x1000);
    machine.plug(other, OTHER);
    expect(() => runFirmware(machine)).toThrow(ResourceError);
    expect(() => runFirmware(machine)).toThrow('BAR0 of 65535 virtual functions of 00:04.0');
    expect([physical.bar(0), other.bars[0]!.address]).toEqual([0, 0]);
  });

  test.each([
    ['one that keeps nothing', { index: 0, flags: 0, low: 0 }],
    ['one of 64 bits that keeps nothing', { index: 0, flags: 0x4, low: 0, high: 0 }],
    ['one whose size is no power of two', { index: 0, flags: 0, low: 0xff00f000 }],
    ['one in I/O space', { index: 0, flags: 0x1, low: 0xfffffff0 }],
  ])('leave %s alone', (_, bar) => {
    const physical = placed({ bars: [bar, memory32(2, 0x1000)] });
    expect([physical.bar(0), physical.bar(2) >= 0xc0000000]).toEqual([0, true]);
  });

  it('are placed with a function that was plugged later', () => {
    const machine = smallMachine();
    runFirmware(machine);
    const physical = new HandmadePhysical({ bars: [memory32(0, 0x1000)] }).plug(machine, SLOT);
    placeFunction(machine, SLOT);
    expect(physical.bar(0)).toBe(0xc0000000);
  });
});

describe('bus numbers for virtual functions', () => {
  test.each(field)('%s, %d after it and then every %d, of %d', (_, offset, stride, total) => {
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, functionAddress(0, 2));
    new HandmadePhysical({ total, routing: () => ({ offset, stride }) }).plug(machine, { behind: port });
    const next = new Bridge({ kind: 'root-port' });
    machine.plug(next, functionAddress(0, 3));
    machine.plug(bareFunction(), { behind: next });
    runFirmware(machine);
    const last = 1 + Math.floor((offset + (total - 1) * stride) / 256);
    expect(numbersAt(machine, functionAddress(0, 2))).toEqual([1, last]);
    expect(numbersAt(machine, functionAddress(0, 3))).toEqual([last + 1, last + 1]);
  });

  it('are as many as the worst NumVFs needs, and NumVFs is what it was', () => {
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, functionAddress(0, 2));
    // Few functions are far apart, and many close together.
    const routing = (count: number) => ({ offset: count === 0 ? 1 : Math.floor(1024 / count), stride: 1 });
    const physical = new HandmadePhysical({ total: 16, routing }).plug(machine, { behind: port });
    runFirmware(machine);
    expect(numbersAt(machine, functionAddress(0, 2))).toEqual([1, 5]);
    expect(physical.get('numVfs')).toBe(0);
  });

  it('are left free after a root bus too', () => {
    const machine = smallMachine();
    new HandmadePhysical({ total: 255, routing: () => ({ offset: 1144, stride: 1 }) }).plug(machine, SLOT);
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, functionAddress(0, 2));
    runFirmware(machine);
    expect(numbersAt(machine, functionAddress(0, 2))).toEqual([6, 6]);
  });

  it('are none where firmware leaves virtual functions alone, or offset and stride lead nowhere', () => {
    for (const [options, routing] of [
      [{ virtualFunctions: false }, { offset: 1144, stride: 1 }],
      [{}, { offset: 0, stride: 1 }],
      [{}, { offset: 1, stride: 0 }],
    ] as const) {
      const machine = smallMachine();
      new HandmadePhysical({ total: 255, routing: () => routing }).plug(machine, SLOT);
      machine.plug(new Bridge({ kind: 'root-port' }), functionAddress(0, 2));
      runFirmware(machine, options);
      expect(numbersAt(machine, functionAddress(0, 2))).toEqual([1, 1]);
    }
  });

  it('that bridges have already stay theirs', () => {
    const machine = smallMachine();
    machine.plug(new Bridge({ kind: 'root-port' }), functionAddress(0, 2));
    runFirmware(machine);
    new HandmadePhysical({ total: 255, routing: () => ({ offset: 1144, stride: 1 }) }).plug(machine, SLOT);
    runFirmware(machine);
    expect(numbersAt(machine, functionAddress(0, 2))).toEqual([1, 1]);
    runFirmware(machine, { reassign: true });
    expect(numbersAt(machine, functionAddress(0, 2))).toEqual([6, 6]);
  });

  it('are not looked for anew while virtual functions are enabled', () => {
    const machine = smallMachine();
    const physical = new HandmadePhysical({
      total: 8,
      routing: (count) => ({ offset: 300 * count, stride: 1 }),
    });
    physical.plug(machine, SLOT);
    const { write } = configOf(machine);
    write(physical.at + sriovAt.numVfs, 2, 1);
    write(physical.at + sriovAt.control, 2, VF_ENABLE);
    machine.plug(new Bridge({ kind: 'root-port' }), functionAddress(0, 2));
    const before = physical.get('numVfs');
    runFirmware(machine);
    expect([before, physical.get('numVfs')]).toEqual([1, 1]);
    expect(numbersAt(machine, functionAddress(0, 2))).toEqual([2, 2]);
  });
});
