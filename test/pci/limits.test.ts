import { describe, expect, it, test } from 'vitest';
import { GuestMemory, OptionError, RegisterMapError, registers, ro } from '../../src/core/index.ts';
import {
  BarError,
  type BarIndex,
  type BarKind,
  type BarRegion,
  CapabilitySpaceError,
  capabilityHeader,
  extendedHeader,
  FunctionOptionsError,
  Machine,
  MachineOptionError,
  type PciFunctionOptions,
  VectorCountError,
} from '../../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../../src/virtio/index.ts';
import { Probe } from '../virtio/support/probe.ts';
import { bareFunction, configOf, Scratch, SLOT, smallMachine } from './support.ts';

describe('MSI-X vectors (PCI Local Bus 3.0, section 6.8.2)', () => {
  test.each([1, 2, 64, 65, 127, 128, 129, 2047, 2048])(
    'may be %d, and are enabled by software only',
    (vectors) => {
      const machine = smallMachine();
      const fn = bareFunction();
      const msix = fn.addMsix(1, vectors);
      machine.plug(fn, SLOT);
      const { read } = configOf(machine);
      const [control, table, pending] = [read(0x42, 2), read(0x44, 4), read(0x48, 4)];
      expect([(control & 0x7ff) + 1, control & 0xf800, table]).toEqual([vectors, 0, 1]);
      // Table and pending bits do not overlap, and end inside the BAR.
      const { lengthBytes } = fn.bars[0]!;
      expect([msix.tableBytes, msix.pendingBytes]).toEqual([16 * vectors, 8 * Math.ceil(vectors / 64)]);
      expect([
        pending & 7,
        pending - 1 >= msix.tableBytes,
        pending - 1 + msix.pendingBytes <= lengthBytes,
      ]).toEqual([1, true, true]);
    },
  );

  test.each([0, -1, 2049, 0x8001, 0x10001, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'cannot be %d: an error names the number, and the function stays as it was',
    (vectors) => {
      const fn = bareFunction();
      expect(() => fn.addMsix(1, vectors)).toThrow(VectorCountError);
      expect(() => fn.addMsix(1, vectors)).toThrow(
        expect.objectContaining({
          option: 'vectors',
          value: vectors,
          message: expect.stringContaining('1..2048'),
        }),
      );
      expect([fn.bars.length, fn.capabilities.offsets.length, fn.msix]).toEqual([0, 0, null]);
      fn.addMsix(1, 1);
    },
  );

  it('stand in one table', () => {
    const fn = bareFunction();
    fn.addMsix(1, 2);
    expect(() => fn.addMsix(2, 3)).toThrow(FunctionOptionsError);
    expect([fn.bars.length, fn.msix!.vectors]).toEqual([1, 2]);
  });

  test.each([-1, 2049, Number.NaN])('of a virtio function cannot be %d either', (vectors) => {
    expect(() => virtioFunction(new EntropyDevice(), { kind: 'modern', vectors })).toThrow(OptionError);
  });

  it('of a virtio function are none, or as many as its queues ask for and a table has', () => {
    const none = virtioFunction(new EntropyDevice(), { kind: 'modern', vectors: 0 });
    expect(none.pci.msix).toBeNull();
    const many = (queues: number) =>
      virtioFunction(new Probe({ queueSizes: new Array(queues).fill(1) }), { kind: 'modern' }).pci.msix!
        .vectors;
    expect([many(1), many(2047), many(2048), many(3000)]).toEqual([2, 2048, 2048, 2048]);
  });
});

describe('a base address register', () => {
  const add = (
    index: number,
    kind: string,
    lengthBytes: number,
    regions: BarRegion[] = [],
    prefetchable = false,
  ) =>
    bareFunction().addBar({
      index: index as BarIndex,
      kind: kind as BarKind,
      lengthBytes,
      prefetchable,
      regions,
    });
  const region = (offset: number, length: number, name = 'here'): BarRegion => ({
    name,
    offset,
    length,
    target: new Scratch(0),
  });

  test.each([
    ['io', 4],
    ['io', 256],
    ['memory32', 16],
    ['memory32', 2 ** 31],
    ['memory64', 16],
    ['memory64', 2 ** 51],
  ])('of kind %s may have %d bytes', (kind, bytes) => {
    expect(add(0, kind, bytes).lengthBytes).toBe(bytes);
  });

  test.each([
    ['index', 6, 'memory32', 64],
    ['index', -1, 'memory32', 64],
    ['index', 0.5, 'memory32', 64],
    ['64-bit', 5, 'memory64', 64],
    ['kind rom', 0, 'rom', 64],
    ['2 bytes', 0, 'io', 2],
    ['512 bytes', 0, 'io', 512],
    ['8 bytes', 0, 'memory32', 8],
    ['4294967296 bytes', 0, 'memory32', 2 ** 32],
    ['8 bytes', 0, 'memory64', 8],
    ['4503599627370496 bytes', 0, 'memory64', 2 ** 52],
    ['100 bytes', 0, 'memory32', 100],
    ['-16 bytes', 0, 'memory32', -16],
    ['0 bytes', 0, 'memory32', 0],
    ['NaN bytes', 0, 'memory32', Number.NaN],
    ['Infinity bytes', 0, 'memory64', Number.POSITIVE_INFINITY],
  ])('cannot be: %s', (reason, index, kind, bytes) => {
    expect(() => add(index, kind, bytes)).toThrow(BarError);
    expect(() => add(index, kind, bytes)).toThrow(
      expect.objectContaining({ index, reason: expect.stringContaining(reason) }),
    );
  });

  it('of I/O space cannot be prefetchable', () => {
    expect(() => add(0, 'io', 32, [], true)).toThrow(BarError);
    expect(add(0, 'memory32', 32, [], true).prefetchable).toBe(true);
  });

  test.each([
    ['at a place before the BAR', [region(-4, 8)]],
    ['at no whole byte', [region(0.5, 4)]],
    ['of no bytes', [region(0, 0)]],
    ['of a negative length', [region(16, -4)]],
    ['of no whole length', [region(0, 1.5)]],
    ['over the end', [region(60, 5)]],
    ['over another', [region(32, 8, 'second'), region(0, 33, 'first')]],
    ['over the end of another', [region(0, 33, 'first'), region(32, 8, 'second')]],
    ['at the place of another', [region(0, 4, 'first'), region(0, 4, 'second')]],
  ])('has no region %s', (_, regions) => {
    expect(() => add(0, 'memory32', 64, regions)).toThrow(BarError);
  });

  it('has regions side by side, told in any order, to its end', () => {
    const [first, second, last] = [region(0, 32, 'first'), region(32, 28, 'second'), region(60, 4, 'last')];
    expect(add(0, 'memory32', 64, [last, first, second]).regions).toEqual([first, second, last]);
  });
});

describe('ids and shape of a function', () => {
  const most = {
    vendorId: 0xfffe,
    deviceId: 0xffff,
    revisionId: 0xff,
    classCode: 0xffffff,
    subsystemVendorId: 0xffff,
    subsystemId: 0xffff,
    interruptPin: 4,
  };

  it('may be as large as their fields', () => {
    const { config } = bareFunction(most as Partial<PciFunctionOptions>);
    expect([0x00, 0x08, 0x2c, 0x3c].map((offset) => config.get(offset, 4))).toEqual([
      0xfffffffe, 0xffffffff, 0xffffffff, 0x0400,
    ]);
  });

  test.each(
    Object.entries(most).flatMap(([option, value]) =>
      [-1, 0.5, Number.NaN, value + 1].map((bad) => [option, bad] as const),
    ),
  )('cannot be: %s %d', (option, value) => {
    expect(() => bareFunction({ [option]: value })).toThrow(FunctionOptionsError);
    expect(() => bareFunction({ [option]: value })).toThrow(expect.objectContaining({ option, value }));
  });

  it('has power management once', () => {
    const fn = bareFunction();
    fn.addPowerManagement();
    expect(() => fn.addPowerManagement()).toThrow(FunctionOptionsError);
    expect(fn.capabilities.offsets).toHaveLength(1);
  });
});

describe('capabilities', () => {
  const header = registers({ ...capabilityHeader, more: ro(2, 2) });

  it('fill configuration space to its last byte', () => {
    const { capabilities } = bareFunction();
    expect(capabilities.add(0x09, header, {}, 0xc0)).toBe(0x40);
    expect(() => capabilities.add(0x09, header, {})).toThrow(/only 0 bytes are free/);
    const { capabilities: others } = bareFunction();
    expect(() => others.add(0x09, header, {}, 0xc1)).toThrow(CapabilitySpaceError);
    expect(others.offsets).toEqual([]);
  });

  test.each([
    [0x100, 4],
    [-1, 4],
    [0x09, 3],
    [0x09, 4.5],
    [0.5, 4],
  ])('of id %d and %d bytes cannot be', (id, length) => {
    const fn = bareFunction();
    expect(() => fn.capabilities.add(id, header, {}, length)).toThrow(
      expect.objectContaining({ capability: id, lengthBytes: length }),
    );
    expect(fn.config.get(0x34, 1)).toBe(0);
  });

  test.each([
    [0x10000, 1],
    [-1, 1],
    [0.5, 1],
    [0x0b, 16],
    [0x0b, -1],
    [0x0b, 0.5],
  ])('extended ones of id %d and version %d cannot be', (id, version) => {
    const { extendedCapabilities } = bareFunction({ express: true });
    expect(() => extendedCapabilities.add(id, version, extendedHeader, {})).toThrow(CapabilitySpaceError);
    expect(extendedCapabilities.offsets).toEqual([]);
  });

  it('extended ones reach their largest id and version, and the last byte of the space', () => {
    const { config, extendedCapabilities } = bareFunction({ express: true });
    expect(
      extendedCapabilities.add(
        0xffff,
        0xf,
        registers({ ...extendedHeader, rest: ro(0x4, 1, '', { count: 0xefc }) }),
        {},
      ),
    ).toBe(0x100);
    expect(config.get(0x100, 4)).toBe(0x000fffff);
    expect(() => extendedCapabilities.add(1, 1, extendedHeader, {})).toThrow(/no room/);
  });

  test.each([0x10000, -1, 0.5])('hold no value that does not fit its field: %d', (more) => {
    expect(() => bareFunction().capabilities.add(0x09, header, { more })).toThrow(RegisterMapError);
  });

  it('hold the largest value that does, and have the largest id', () => {
    const { capabilities, config } = bareFunction();
    capabilities.add(0xff, header, { more: 0xffff });
    expect([config.get(0x40, 1), config.get(0x42, 2)]).toEqual([0xff, 0xffff]);
  });
});

describe('memory-mapped configuration', () => {
  const ram = () => GuestMemory.allocate({ start: 0x10_0000, length: 0x10_0000 });

  test.each([0, 0x20_0000, 0xe000_0000, 2 ** 40])('may stand at 0x%x', (ecamBase) => {
    const machine = new Machine({ ram: ram(), ecamBase });
    expect(machine.memoryRead(ecamBase, 4)).toBe(0x00081b36);
  });

  test.each([0x10_0000, 0x8_0000, 0xe000_1000, -0x10_0000, 2 ** 53, Number.NaN])(
    'cannot stand at %d',
    (ecamBase) => {
      expect(() => new Machine({ ram: ram(), ecamBase })).toThrow(MachineOptionError);
      expect(() => new Machine({ ram: ram(), ecamBase })).toThrow(
        expect.objectContaining({ option: 'ecamBase', value: ecamBase }),
      );
    },
  );

  it('has room for as many buses as its user wants, at a multiple of its size', () => {
    const machine = new Machine({ ram: ram(), ecamBase: 0xe000_0000, ecamBuses: 256 });
    expect(machine.memory.find(0xe000_0000)?.mapping.length).toBe(0x1000_0000);
    expect([machine.memoryRead(0xe000_0000, 4), machine.memoryRead(0xe010_0000, 4)]).toEqual([
      0x00081b36, 0xffffffff,
    ]);
    expect(() => new Machine({ ram: ram(), ecamBase: 0x10_0000 * 3, ecamBuses: 2 })).toThrow(
      expect.objectContaining({ option: 'ecamBase' }),
    );
  });

  test.each([0, 3, 512, 1.5, Number.NaN])('has no room for %d buses', (ecamBuses) => {
    expect(() => new Machine({ ram: ram(), ecamBuses })).toThrow(
      expect.objectContaining({
        option: 'ecamBuses',
        value: ecamBuses,
        message: expect.stringContaining('a power of two up to 256'),
      }),
    );
  });

  it('can be left out: the configuration ports remain', () => {
    const machine = new Machine({ ram: ram(), ecamBase: null });
    expect([machine.ecamBase, machine.memoryRead(0xe000_0000, 4)]).toEqual([null, 0xffffffff]);
    machine.ioWrite(0xcf8, 4, 0x80000000);
    expect(machine.ioRead(0xcfc, 4)).toBe(0x00081b36);
  });
});
