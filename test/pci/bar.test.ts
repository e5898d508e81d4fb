import { describe, expect, it, test } from 'vitest';
import { FOUR_GIB, functionAddress } from '../../src/core/index.ts';
import { BarError, type BarIndex, type BarKind } from '../../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../../src/virtio/index.ts';
import {
  accessesIn,
  addScratch,
  at,
  bareFunction,
  configOf,
  Scratch,
  SLOT,
  smallMachine,
  watch,
} from './support.ts';

const IO = 1;
const MEMORY = 2;

/** A plugged function with one BAR filled by a scratch target. */
function plugged(index: BarIndex, kind: BarKind, lengthBytes: number, regionBytes = lengthBytes) {
  const machine = smallMachine();
  const fn = bareFunction();
  const target = addScratch(fn, index, kind, lengthBytes, regionBytes);
  machine.plug(fn, SLOT);
  return { machine, fn, target, config: configOf(machine) };
}

describe('a base address register (PCI-BUS-01)', () => {
  test.each([
    [0, 'io', 4, 0xfffffffd, undefined],
    [0, 'io', 256, 0xffffff01, undefined],
    [1, 'memory32', 16, 0xfffffff0, undefined],
    [5, 'memory32', 0x1000, 0xfffff000, undefined],
    [2, 'memory32', 2 ** 31, 0x80000000, undefined],
    [4, 'memory64', 0x4000, 0xffffc004, 0xffffffff],
    [4, 'memory64', 2 ** 32, 0x00000004, 0xffffffff],
    [0, 'memory64', 2 ** 36, 0x00000004, 0xfffffff0],
  ] as const)('BAR%d, %s of %d bytes, measures as its size', (index, kind, length, low, high) => {
    const { config } = plugged(index, kind, length, 16 > length ? length : 16);
    const first = at.bar + 4 * index;
    config.write(first, 4, 0xffffffff);
    expect(config.read(first, 4)).toBe(low);
    if (high === undefined) return;
    config.write(first + 4, 4, 0xffffffff);
    expect(config.read(first + 4, 4)).toBe(high);
  });

  test.each([
    ['a 64-bit BAR in the last register', { index: 5, kind: 'memory64', lengthBytes: 16 }, /next register/],
    ['a size that is no power of two', { index: 0, kind: 'memory32', lengthBytes: 48 }, /power of two/],
    ['a memory BAR of 8 bytes', { index: 0, kind: 'memory32', lengthBytes: 8 }, /at least/],
    ['an I/O BAR of 2 bytes', { index: 0, kind: 'io', lengthBytes: 2 }, /at least/],
    ['an I/O BAR of 512 bytes', { index: 0, kind: 'io', lengthBytes: 512 }, /at most 256/],
  ] as const)('refuses %s', (_, options, reason) => {
    const add = () => bareFunction().addBar({ ...options, regions: [] });
    expect(add).toThrow(BarError);
    expect(add).toThrow(reason);
  });

  it('refuses a region outside it, and a register that is taken', () => {
    const fn = bareFunction();
    const target = { read: () => 0, write: () => {} };
    const region = { name: 'r', offset: 8, length: 16, target };
    expect(() => fn.addBar({ index: 0, kind: 'memory32', lengthBytes: 16, regions: [region] })).toThrow(
      /r ends outside/,
    );
    addScratch(fn, 2, 'memory64', 16);
    for (const index of [2, 3] as const)
      expect(() => addScratch(fn, index, 'io', 16)).toThrow(/taken already/);
    addScratch(fn, 4, 'memory32', 16);
    expect(() => addScratch(fn, 3, 'memory64', 16)).toThrow(BarError);
    expect(fn.bars.map(({ index }) => index)).toEqual([2, 4]);
  });

  it('answers only while its decode bit is set and it has an address', () => {
    const { machine, config, target, fn } = plugged(0, 'io', 16);
    config.command(IO);
    expect(fn.bars[0]!.mappedAt).toBeNull();
    config.setBar(0, 0xc000);
    expect([fn.bars[0]!.mappedAt, fn.bars[0]!.address]).toEqual([0xc000, 0xc000]);
    machine.ioWrite(0xc004, 2, 0xbeef);
    expect(machine.ioRead(0xc004, 2)).toBe(0xbeef);
    config.command(MEMORY);
    machine.ioWrite(0xc004, 2, 1);
    expect(machine.ioRead(0xc004, 2)).toBe(0xffff);
    config.command(IO | MEMORY);
    config.setBar(0, 0xd000);
    expect([machine.ioRead(0xc004, 2), machine.ioRead(0xd004, 2)]).toEqual([0xffff, 0xbeef]);
    expect(target.log).toEqual(['w2@4=beef', 'r2@4', 'r2@4']);
  });

  it('reads 0 in the part of it that nothing fills, and keeps accesses from what stands beside', () => {
    const { machine, config, target } = plugged(0, 'memory32', 64, 16);
    config.command(MEMORY);
    config.setBar(0, 0xc0000000);
    machine.memoryWrite(0xc0000020, 4, 7);
    expect([machine.memoryRead(0xc0000020, 4), machine.memoryRead(0xc0000040, 4)]).toEqual([0, 0xffffffff]);
    target.bytes.fill(0xaa);
    expect(machine.memoryRead(0xc000000e, 4)).toBe(0x0000aaaa);
  });

  it('is not decoded where software writes while it measures, and where 32 bits end', () => {
    const { fn, config } = plugged(0, 'memory32', 0x1000);
    config.command(MEMORY);
    for (const address of [0, 0xfffff000, 0xffffffff]) {
      config.setBar(0, address);
      expect(fn.bars[0]!.mappedAt, address.toString(16)).toBeNull();
    }
    config.setBar(0, 0xffffe000);
    expect(fn.bars[0]!.mappedAt).toBe(0xffffe000);
  });

  it('of 64 bits decodes above 4 GiB, each half written on its own', () => {
    const { machine, fn, config, target } = plugged(2, 'memory64', 0x1000, 16);
    config.command(MEMORY);
    config.setBar(2, 0xc0000000);
    expect(fn.bars[0]!.mappedAt).toBe(0xc0000000);
    config.setBar(3, 0x80);
    expect(fn.bars[0]!.mappedAt).toBe(0x80 * FOUR_GIB + 0xc0000000);
    machine.memoryWrite(0x80_c000_0004, 4, 5);
    expect([machine.memoryRead(0x80_c000_0004, 4), machine.memoryRead(0xc0000004, 4)]).toEqual([
      5, 0xffffffff,
    ]);
    expect(target.log).toEqual(['w4@4=5', 'r4@4']);
    // Beyond 2^53 there is nobody, and nothing breaks.
    config.setBar(3, 0xffffffff);
    expect(fn.bars[0]!.mappedAt).toBeNull();
    config.setBar(3, 0);
    expect(fn.bars[0]!.mappedAt).toBe(0xc0000000);
  });

  it('measured with decoding on, is back afterwards and lost nothing', () => {
    const { machine, fn, config, target } = plugged(0, 'memory64', 0x1000, 16);
    target.bytes[3] = 9;
    config.command(MEMORY);
    config.setBar(0, 0xc0000000);
    for (const register of [0, 1]) {
      const before = config.read(at.bar + 4 * register, 4);
      config.setBar(register, 0xffffffff);
      config.setBar(register, before);
    }
    expect([fn.bars[0]!.mappedAt, machine.memoryRead(0xc0000003, 1)]).toEqual([0xc0000000, 9]);
  });
});

describe('a BAR as a target', () => {
  const bar = () => {
    const fn = bareFunction();
    const [first, second] = [new Scratch(6), new Scratch(8)];
    const regions = [
      { name: 'second', offset: 8, length: 8, target: second },
      { name: 'first', offset: 0, length: 6, target: first },
    ];
    first.bytes.fill(0xaa);
    second.bytes.fill(0xbb);
    return { bar: fn.addBar({ index: 0, kind: 'memory32', lengthBytes: 32, regions }), first, second };
  };

  it('says what stands where', () => {
    const names = Array.from({ length: 33 }, (_, at) => bar().bar.regionAt(at)?.name ?? '-');
    expect(names).toEqual([
      ...Array(6).fill('first'),
      '-',
      '-',
      ...Array(8).fill('second'),
      ...Array(17).fill('-'),
    ]);
    expect(bar().bar.regionAt(-1)).toBeUndefined();
  });

  it('answers at offsets of its own, plugged or not, and splits what no region has whole', () => {
    const { bar: under, first, second } = bar();
    expect([under.read(8, 4), under.read(4, 4), under.read(5, 2), under.read(30, 4)]).toEqual([
      0xbbbbbbbb, 0x0000aaaa, 0x00aa, 0,
    ]);
    under.write(4, 4, 0x44332211);
    under.write(7, 2, 0x6655);
    under.write(40, 4, 1);
    expect([...first.bytes.subarray(4), second.bytes[0]]).toEqual([0x11, 0x22, 0x66]);
    expect([under.widthAt(8), under.widthAt(20)]).toEqual([1, 1]);
  });

  it('is one mapping of its space', () => {
    const machine = smallMachine();
    const { pci } = virtioFunction(new EntropyDevice(), { kind: 'modern', vectors: 0 });
    const before = machine.memory.mappings.length;
    machine.plug(pci, SLOT);
    const config = configOf(machine);
    config.command(MEMORY);
    config.setBar(pci.bars[0]!.index, 0xc0000000);
    expect(machine.memory.mappings).toHaveLength(before + 1);
  });
});

describe('BARs at one place', () => {
  it('answer by function first and BAR second, the reserved rest of a lower one included', () => {
    const machine = smallMachine();
    const [low, high] = [bareFunction(), bareFunction()];
    const other = functionAddress(0, 3);
    addScratch(high, 0, 'memory32', 64, 64);
    addScratch(low, 0, 'memory32', 64, 16);
    addScratch(low, 1, 'memory32', 64, 64);
    machine.plug(high, SLOT);
    machine.plug(low, other);
    const events = watch(machine);
    configOf(machine).command(MEMORY);
    configOf(machine).setBar(0, 0xc0000000);
    const config = configOf(machine, other);
    config.command(MEMORY);
    config.setBar(1, 0xc0000000);
    const who = (offset: number) => {
      machine.memoryRead(0xc0000000 + offset, 1);
      return accessesIn(events).at(-1)!.replace(/\+.*/, '');
    };
    expect([who(0), who(32)]).toEqual(Array(2).fill('r1 00:03.0 BAR1 scratch1'));
    config.setBar(0, 0xc0000000);
    expect([who(0), who(32)]).toEqual(['r1 00:03.0 BAR0 scratch0', 'r1 00:03.0 BAR0 reserved']);
    config.command(0);
    expect([who(0), who(32)]).toEqual(Array(2).fill('r1 00:04.0 BAR0 scratch0'));
  });

  it('never hide RAM or the configuration ports', () => {
    const machine = smallMachine();
    const fn = bareFunction();
    const memory = addScratch(fn, 0, 'memory32', 0x1000, 16);
    const ports = addScratch(fn, 1, 'io', 256);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, 0x1000);
    config.setBar(1, 0xc00);
    config.command(IO | MEMORY);
    machine.memoryWrite(0x1000, 4, 0x11223344);
    machine.ioWrite(0xcf8, 4, 0x80002000);
    expect(machine.ram.read(0x1000, 1)[0]).toBe(0x44);
    expect(machine.ioRead(0xcfc, 2)).toBe(0x1234);
    expect([memory.log, ports.log]).toEqual([[], []]);
  });
});
