import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, test } from 'vitest';
import { judgeConfig } from '../../src/conformance/config.ts';
import { StateMismatchError } from '../../src/core/index.ts';
import {
  ConfigImage,
  findFunction,
  findStructures,
  ModernTransport,
  runFirmware,
} from '../../src/driver/index.ts';
import { mmrFunction } from '../../src/mmr/index.ts';
import { BarError, CapabilitySpaceError } from '../../src/pci/index.ts';
import {
  commonConfig,
  commonConfigState,
  type FunctionShape,
  feature,
  ShapeError,
  StructurePlaceError,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { dumped, imageOf } from '../conformance/support.ts';
import { SLOT, smallMachine } from '../pci/support.ts';
import { Guest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const made = (shape: FunctionShape) =>
  virtioFunction(new Probe({ queueSizes: [8, 8, 8] }), { kind: 'modern', shape });

describe('a shape that no function can have', () => {
  const withData = { transportFeatures: [feature.notificationData] };
  type Refused = readonly [string, FunctionShape, new (...args: never[]) => Error, RegExp, boolean?];
  const refused: readonly Refused[] = [
    [
      'PCI-NOT-03: multiplier 1',
      { notify: { multiplier: 1 } },
      ShapeError,
      /multiplier 1: wants 0 or a power of two of 2/,
    ],
    ['PCI-NOT-03: multiplier 6', { notify: { multiplier: 6 } }, ShapeError, /multiplier 6/],
    [
      'PCI-NOT-06: 2 with NOTIFICATION_DATA',
      { notify: { multiplier: 2 } },
      ShapeError,
      /of 4 at least, as/,
      true,
    ],
    ['an offset of 17 bits', { notify: { offsets: [0, 0x10000] } }, ShapeError, /offsets\[1\] 65536/],
    [
      'offsets too far apart',
      { notify: { multiplier: 2 ** 20, offsets: [0xffff] } },
      ShapeError,
      /smaller offsets/,
    ],
    [
      'PCI-COM-01: common at 2',
      { structures: { common: [{ bar: 4, offset: 2 }] } },
      ShapeError,
      /multiple of 4/,
    ],
    [
      'PCI-NOT-02: notify at 1',
      { structures: { notify: [{ bar: 4, offset: 1 }] } },
      ShapeError,
      /multiple of 2/,
    ],
    [
      'PCI-NOT-07: notify at 2 with NOTIFICATION_DATA',
      { structures: { notify: [{ bar: 4, offset: 2 }] } },
      ShapeError,
      /multiple of 4/,
      true,
    ],
    [
      'PCI-NOT-05: a short notify',
      { structures: { notify: [{ bar: 4, length: 8 }] } },
      ShapeError,
      /12 bytes at least/,
    ],
    ['a short common', { structures: { common: [{ bar: 4, length: 56 }] } }, ShapeError, /64 bytes at least/],
    [
      'a multiplier of ISR',
      { structures: { isr: [{ bar: 4, multiplier: 4 }] } },
      ShapeError,
      /a notify structure/,
    ],
    ['a structure nowhere', { structures: { isr: [] } }, StructurePlaceError, /at least one/],
    ['BAR 6', { structures: { isr: [{ bar: 6 as 0 }] } }, BarError, /index of 0\.\.5/],
    [
      'two structures in one place',
      { structures: { isr: [{ bar: 3, offset: 0 }], device: [{ bar: 3, offset: 0 }] } },
      BarError,
      /overlaps/,
    ],
    [
      'a BAR that is too small',
      { bars: { 4: { kind: 'memory32', lengthBytes: 4096 } } },
      BarError,
      /ends outside/,
    ],
    ['the upper half of a BAR', { structures: { isr: [{ bar: 5 }] } }, BarError, /taken already/],
    [
      'MSI-X in I/O space',
      {
        bars: { 3: { kind: 'io' } },
        msix: { table: { bar: 3, offset: 0 }, pendingBits: { bar: 1, offset: 0 } },
      },
      ShapeError,
      /msix\.table\.bar 3: wants a memory BAR/,
    ],
    [
      'MSI-X that is not aligned',
      { msix: { table: { bar: 1, offset: 0 }, pendingBits: { bar: 1, offset: 0x84 } } },
      ShapeError,
      /pendingBits\.offset 132: wants a multiple of 8/,
    ],
    [
      'table over pending bits',
      { msix: { table: { bar: 1, offset: 0 }, pendingBits: { bar: 1, offset: 8 } } },
      BarError,
      /overlaps/,
    ],
    ['padding without end', { capabilities: { padding: 60 } }, CapabilitySpaceError, /are free/],
    ['no padding at all', { capabilities: { padding: -1 } }, ShapeError, /padding -1/],
    ['an odd gap', { capabilities: { gap: 6 } }, ShapeError, /gap 6: wants a multiple of 4/],
    ['bytes that are none', { capabilities: { others: [{ id: 3, bytes: [256] }] } }, ShapeError, /bytes 256/],
    ['an id of 9 bits', { capabilities: { others: [{ id: 0x100, bytes: [] }] } }, ShapeError, /id 256/],
    ['half a read', { resetReads: 0.5 }, ShapeError, /resetReads 0.5/],
  ];
  for (const [name, shape, error, message, data] of refused)
    it(`is refused, and the behaviour free: ${name}`, () => {
      const options = data === true ? withData : {};
      const probe = new Probe({ queueSizes: [8, 8, 8] });
      const attempt = () => virtioFunction(probe, { kind: 'modern', shape, ...options });
      expect(attempt).toThrow(error);
      expect(attempt).toThrow(message);
      expect(() => virtioFunction(probe, { kind: 'modern' })).not.toThrow();
    });

  it('is one whose legacy block is not where its kind has it', () => {
    const bars = (kind: 'io' | 'memory64') => ({ 0: { kind } }) as const;
    const build = (kind: 'legacy' | 'legacy-memory', bar: 'io' | 'memory64') => () =>
      virtioFunction(new Probe(), { kind, shape: { bars: bars(bar) } });
    expect(build('legacy', 'memory64')).toThrow(/bars\[0\]\.kind memory64: wants io/);
    expect(build('legacy-memory', 'io')).toThrow(/bars\[0\]\.kind io: wants memory32/);
  });
});

describe('a legacy block in memory as clouds have it', () => {
  const cloud = {
    bars: {
      0: { kind: 'memory64', prefetchable: true },
      2: { kind: 'memory64', prefetchable: true, lengthBytes: 4096 },
    },
    msix: { table: { bar: 2, offset: 0 }, pendingBits: { bar: 2, offset: 0xc00 } },
    interruptPin: 0,
  } as const satisfies FunctionShape;

  /** What the machine's software has set: command, BARs' addresses, interrupt line. */
  const programmed = [4, 5, 0x11, 0x12, 0x13, 0x19, 0x1a, 0x1b, 0x3c];

  test.each([
    ['block', 'cloud-blk-1001-legacy-memory-bar0-64'],
    ['network', 'cloud-net-1000-legacy-memory-bar0-64'],
  ] as const)('of a %s device has the header of %s, byte by byte', (type, name) => {
    const { image } = dumped(name);
    const own = virtioFunction(new Probe({ type, queueSizes: [8] }), {
      kind: 'legacy-memory',
      shape: cloud,
    }).pci;
    const bytes = imageOf(own, 256);
    for (let at = 0; at < 64; at++)
      if (!programmed.includes(at)) expect([at, bytes[at]]).toEqual([at, image.read(at, 1)]);
  });

  it('has MSI-X alone in BAR2, its pending bits at 0xc00', () => {
    const guest = new Guest(new Probe(), { kind: 'legacy-memory', shape: cloud });
    expect(guest.found.bars.map(({ index, kind, size }) => [index, kind, size])).toEqual([
      [0, 'memory64', 4096],
      [2, 'memory64', 4096],
    ]);
    const at = guest.found.capabilities.find(({ id }) => id === 0x11)!.offset;
    expect([guest.config.read(at + 4, 4), guest.config.read(at + 8, 4)]).toEqual([2, 0xc02]);
  });
});

describe('notify places', () => {
  test.each<readonly [string, NonNullable<FunctionShape['notify']>, readonly number[]]>([
    ['as they are by default', {}, [0, 4, 8]],
    ['two bytes apart', { multiplier: 2 }, [0, 2, 4]],
    ['a page apart', { multiplier: 4096 }, [0, 0x1000, 0x2000]],
    ['all in one', { multiplier: 0 }, [0, 0, 0]],
    ['shared by two queues', { offsets: [1, 0, 1] }, [4, 0, 4]],
    ['sparse, and in no order', { multiplier: 8, offsets: [9, 100, 3] }, [72, 800, 24]],
    ['far', { multiplier: 4, offsets: [0xffff, 0, 0x8000] }, [0x3fffc, 0, 0x20000]],
    ['at their own number where none is named', { multiplier: 16, offsets: [5] }, [80, 16, 32]],
  ])('%s (PCI-NOT-03, PCI-NOT-05)', (_, notify, places) => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8, 8, 8] }), { shape: { notify } });
    guest.start([], [0, 1, 2]);
    const found = findStructures(guest.machine, guest.found);
    const seen = places.map((_place, queue) => {
      guest.block.set('queueSelect', queue);
      return guest.block.get('queueNotifyOffset') * found.notifyMultiplier;
    });
    expect(seen).toEqual(places);
    expect(found.notify.length).toBeGreaterThanOrEqual(Math.max(...places) + 2);
    guest.clauses();
    for (const [queue, place] of places.entries())
      guest.machine.memoryWrite(found.notify.address + place, 2, queue);
    expect(guest.clauses()).toEqual([]);
    // A place that is no queue's.
    guest.machine.memoryWrite(found.notify.address + Math.max(...places) + 2, 2, 1);
    expect(guest.clauses()).toEqual(['PCI-KICK-03']);
  });
});

describe('capabilities', () => {
  const shape = {
    capabilities: {
      padding: 4,
      gap: 8,
      others: [
        { id: 0x09, bytes: [8, 9, 0x34, 0x12, 0xaa, 0xbb] },
        { id: 0xfe, bytes: [1] },
      ],
    },
  } as const satisfies FunctionShape;

  it('have padding, gaps, and those of others in between (PCI-CAP-01, PCI-CAP-16)', () => {
    const guest = new Guest(new Probe(), { kind: 'modern', shape });
    const list = guest.found.capabilities.map(({ id, offset }) => [
      id,
      offset,
      id === 9 ? guest.config.read(offset + 2, 1) : 0,
    ]);
    expect(list).toEqual([
      [0x11, 0x40, 0],
      [9, 0x54, 8],
      [9, 0x64, 20],
      [0xfe, 0x80, 0],
      [9, 0x8c, 20],
      [9, 0xa8, 20],
      [9, 0xc4, 24],
      [9, 0xe4, 24],
    ]);
  });

  it('break nothing, and lead a driver to the same places (PCI-CAP-07, PCI-CAP-09)', () => {
    const guest = new Guest(new Probe(), { kind: 'modern', shape });
    const plain = new Guest(new Probe(), { kind: 'modern' });
    const places = ({ machine, found }: Guest) => {
      const { common, notify, isr, device } = findStructures(machine, found);
      return [common, notify, isr, device].map((each) => [each?.address, each?.length]);
    };
    expect(places(guest)).toEqual(places(plain));
    expect(judgeConfig(ConfigImage.of(imageOf(guest.function.pci, 256))).findings).toEqual([]);
  });

  it('of a type that is reserved are passed over by drivers (PCI-CAP-07), and held against the device (PCI-CAP-02)', () => {
    const strange = { capabilities: { others: [{ id: 0x09, bytes: [16, 0x77, ...new Uint8Array(12)] }] } };
    const guest = new Guest(new Probe(), { kind: 'modern', shape: strange });
    expect(new ModernTransport(guest.machine, guest.found).status).toBe(0);
    const { findings } = judgeConfig(ConfigImage.of(imageOf(guest.function.pci, 256)));
    expect(findings.map(({ clause }) => clause)).toEqual(['PCI-CAP-02']);
  });
});

describe('several structures of a type', () => {
  it('are offered in their order, and the first is taken (PCI-CAP-03, PCI-CAP-08)', () => {
    const structures = { common: [{ bar: 3, offset: 0x40 }, 'memory', 'io'] } as const;
    const guest = new Guest(new Probe(), { kind: 'modern', shape: { structures } });
    const { common } = findStructures(guest.machine, guest.found);
    expect(common.address).toBe(guest.bar(3) + 0x40);
    const status = commonConfig.deviceStatus.offset;
    guest.machine.memoryWrite(common.address + status, 1, 3);
    expect([
      guest.machine.memoryRead(guest.bar(4) + status, 1),
      guest.machine.ioRead(guest.bar(0) + status, 1),
    ]).toEqual([3, 3]);
  });
});

describe('MSI-X', () => {
  test.each<readonly [string, FunctionShape]>([
    [
      'in front of the structures',
      { msix: { table: { bar: 4, offset: 0 }, pendingBits: { bar: 4, offset: 0x800 } } },
    ],
    [
      'its pending bits elsewhere',
      { msix: { table: { bar: 3, offset: 0x1238 }, pendingBits: { bar: 1, offset: 0x40 } } },
    ],
    ['pending bits first', { msix: { table: { bar: 1, offset: 0x10 }, pendingBits: { bar: 1, offset: 0 } } }],
  ])('%s interrupts and keeps what is masked', (_, shape) => {
    for (const kind of ['modern', 'transitional-memory', 'legacy'] as const) {
      const guest = new Guest(new Probe({ queueSizes: [8] }), { kind, shape });
      const { table, pendingBits } = shape.msix!;
      const at = guest.found.capabilities.find(({ id }) => id === 0x11)!.offset;
      expect([guest.config.read(at + 4, 4), guest.config.read(at + 8, 4)]).toEqual([
        table.offset + table.bar,
        pendingBits.offset + pendingBits.bar,
      ]);
      const entry = guest.bar(table.bar) + table.offset;
      guest.machine.memoryWrite(entry, 4, 0xfee00000);
      guest.machine.memoryWrite(entry + 8, 4, 5);
      guest.config.write(at + 2, 2, 0x8000);
      guest.function.interrupts.configVector = 0;
      guest.events.length = 0;
      guest.function.interrupts.config();
      expect([
        guest.interrupts(),
        guest.machine.memoryRead(guest.bar(pendingBits.bar) + pendingBits.offset, 4),
      ]).toEqual([[], 1]);
      guest.machine.memoryWrite(entry + 12, 4, 0);
      expect([
        guest.interrupts(),
        guest.machine.memoryRead(guest.bar(pendingBits.bar) + pendingBits.offset, 4),
      ]).toEqual([['message 5'], 0]);
    }
  });
});

it('the BAR of the structures stays what it is, whoever else stands in it', () => {
  const msix = { table: { bar: 4, offset: 0 }, pendingBits: { bar: 4, offset: 0x800 } } as const;
  const structures = {
    common: [{ bar: 4, offset: 0x40 }],
    isr: [{ bar: 4 }],
    device: [{ bar: 4 }],
    notify: [{ bar: 4 }],
  } as const;
  for (const shape of [{}, { msix }, { structures }] as const)
    expect(made(shape).pci.bars.find(({ index }) => index === 4)).toMatchObject({
      kind: 'memory64',
      prefetchable: true,
    });
});

describe('an MMR function', () => {
  it('may have a shape as well', () => {
    const shape = { notify: { multiplier: 64 }, structures: { notify: ['io', 'memory'] } } as const;
    const machine = smallMachine();
    machine.plug(mmrFunction(new Probe({ queueSizes: [8, 8] }), { shape }).pci, SLOT);
    runFirmware(machine);
    const found = findFunction(machine, SLOT)!;
    expect(found.bars.map(({ index, kind }) => [index, kind])).toEqual([
      [0, 'memory32'],
      [1, 'memory32'],
      [2, 'io'],
      [4, 'memory64'],
    ]);
    expect(findStructures(machine, found).notify.space).toBe('io');
  });
});

it('a shape that is no other than the usual one changes nothing', () => {
  const [plain, shaped] = [
    made({}),
    made({ structures: { common: ['memory'] }, notify: { multiplier: 4 }, resetReads: 0 }),
  ];
  expect(imageOf(shaped.pci, 256)).toEqual(imageOf(plain.pci, 256));
});

describe('a saved state', () => {
  const guest = (notify: NonNullable<FunctionShape['notify']>) =>
    new ModernGuest(new Probe({ queueSizes: [8, 8] }), { shape: { notify } });

  it('goes with the notify places that a driver remembers', () => {
    const saved = guest({ offsets: [3, 1] });
    saved.start([], [0]);
    const state = saved.machine.save();
    expect(() => guest({ offsets: [1, 3] }).machine.load(state)).toThrow(/notifyOffsets.*3, 1/);
    expect(() => guest({}).machine.load(state)).toThrow(StateMismatchError);
    const fresh = guest({ offsets: [3] });
    fresh.machine.load(state);
    fresh.machine.memoryWrite(fresh.structure(2) + 12, 2, 0);
    expect(fresh.clauses()).toEqual([]);
  });

  it('of before there were such places is one of the usual', () => {
    const { notifyOffsets: _, ...older } = commonConfigState.parse(commonState(guest({})));
    const window = guest({}).function.pci.parts.get('common')!;
    window.load({ ...older, version: 1 });
    expect(() =>
      guest({ offsets: [7] })
        .function.pci.parts.get('common')!
        .load({ ...older, version: 1 }),
    ).toThrow(StateMismatchError);
  });

  const commonState = ({ function: fn }: ModernGuest) => fn.pci.parts.get('common')!.save();
});

it('the one that docs/shapes.md shows can be, and breaks nothing', () => {
  const text = readFileSync(new URL('../../docs/shapes.md', import.meta.url), 'utf8');
  const literal = /^ {2}shape: (\{.*?^ {2}\}),$/ms.exec(text)![1]!;
  const shape = runInNewContext(`(${literal})`) as FunctionShape;
  expect(Object.keys(shape).length).toBeGreaterThan(4);
  const { pci } = made(shape);
  expect(judgeConfig(ConfigImage.of(imageOf(pci, 256))).findings).toEqual([]);
});
