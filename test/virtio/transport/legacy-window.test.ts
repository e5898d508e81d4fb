import { describe, expect, it, test } from 'vitest';
import { lengthOf, registers, ro, rw, type Width } from '../../../src/core/index.ts';
import {
  DeviceConfig,
  type FunctionKind,
  LegacyWindow,
  legacyHeader,
  legacyHeaderWithVectors,
  type VirtioFunction,
} from '../../../src/virtio/index.ts';
import { BlockModel } from '../../core/register-model.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const map = registers({ first: ro(0, 4), second: rw(4, 2), third: ro(6, 1), fourth: ro(7, 1) });

function config() {
  const made = new DeviceConfig(map);
  made.set('first', 0x44332211);
  made.set('second', 0x6655);
  made.set('third', 0x77);
  made.set('fourth', 0x88);
  return made;
}

const guestWith = (options: ConstructorParameters<typeof LegacyGuest>[1] = {}) =>
  new LegacyGuest(new Probe({ features: [1], queueSizes: [256, 0, 64], config: config() }), options);

/** Reads without the clearing of ISR: this window has nothing in it. */
const naturally = (window: { read(offset: number, width: Width): number }, table: typeof legacyHeader) =>
  Object.fromEntries(
    Object.entries(table).map(([name, { offset, width }]) => [name, window.read(offset, width as Width)]),
  );

const windowOf = (fn: VirtioFunction) => fn.pci.bars.find(({ index }) => index === 0)!.regions[0]!.target;

describe('the legacy register block', () => {
  it('LEG-LAY-07, LEG-LAY-09: enabling MSI-X inserts the vectors at 20 and moves configuration to 24', () => {
    const guest = guestWith();
    const bytes = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => guest.block.readAt(from + i, 1));
    const shown = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
    expect(bytes(20, 29)).toEqual([...shown, 0xff]);
    guest.enableMsix();
    // Narrow reads at the second byte of a vector register reach nothing.
    expect(bytes(20, 33)).toEqual([0xff, 0xff, 0xff, 0xff, ...shown, 0xff]);
    guest.disableMsix();
    expect(bytes(20, 29)).toEqual([...shown, 0xff]);
  });

  it('writes configuration where it stands', () => {
    const guest = guestWith();
    guest.block.writeAt(24, 2, 0x0102);
    expect(guest.device.config.little.read(4, 2)).toBe(0x0102);
    guest.enableMsix();
    guest.block.writeAt(24 + 4, 2, 0x0304);
    guest.block.writeAt(24, 2, 0x0506);
    expect([guest.device.config.little.read(4, 2), guest.device.config.little.read(0, 4)]).toEqual([
      0x0304, 0x44332211,
    ]);
  });

  test.each([
    ['off', 19, 2, 0x1100],
    ['off', 17, 4, 0x110000ff],
    ['off', 18, 4, 0x22110000],
    ['off', 19, 4, 0x33221100],
    ['off', 21, 2, 0x3322],
    ['on', 23, 2, 0x11ff],
    ['on', 22, 4, 0x2211ffff],
    ['on', 21, 4, 0x11ffffff],
    ['on', 19, 2, 0xff00],
  ] as const)(
    'LEG-LAY-03, MSI-X %s: a read at %d of %d bytes reaches both sides of the header',
    (msix, at, width, value) => {
      const guest = guestWith();
      if (msix === 'on') guest.enableMsix();
      expect(guest.block.readAt(at, width)).toBe(value);
    },
  );

  it('LEG-LAY-03: a write across the end of the header reaches both sides', () => {
    const writable = new DeviceConfig(registers({ a: rw(0, 4) }));
    const guest = new LegacyGuest(new Probe({ config: writable }));
    guest.block.writeAt(18, 4, 0xbbaa0003);
    expect([guest.block.get('deviceStatus'), writable.get('a')]).toEqual([3, 0xbbaa]);
    guest.enableMsix();
    guest.block.writeAt(22, 4, 0x22110001);
    expect([guest.block.get('queueMsixVector'), writable.get('a')]).toEqual([1, 0x2211]);
  });

  test.each([
    ['off', legacyHeader],
    ['on', legacyHeaderWithVectors],
  ] as const)(
    'PCI-LAY-01, MSI-X %s: table and behaviour agree at every offset and width of the header',
    (msix, table) => {
      const guest = guestWith();
      if (msix === 'on') guest.enableMsix();
      const window = windowOf(guest.function);
      window.write(4, 4, 2);
      window.write(14, 2, 2);
      window.write(8, 4, 0x345);
      const length = lengthOf(table);
      const model = new BlockModel(table, naturally(window, table), length, 'ones');
      for (let offset = 0; offset < length; offset++)
        for (const width of [1, 2, 4] as const)
          if (offset + width <= length)
            expect(window.read(offset, width), `${width} bytes at ${offset}`).toBe(
              model.read(offset, width).value,
            );
    },
  );

  it.each(Object.entries(legacyHeader).filter(([, { access }]) => access !== 'rw'))(
    'LEG-LAY-06: %s cannot be written',
    (_, { offset, width }) => {
      const guest = guestWith();
      const before = guest.block.readAt(offset, width as Width);
      guest.block.writeAt(offset, width as Width, ~before >>> 0);
      expect(guest.block.readAt(offset, width as Width)).toBe(before);
    },
  );

  it('LEG-VQ-02, LEG-VQ-03: shows size and address of the selected queue, nothing of an absent one', () => {
    const { block } = guestWith();
    const rows = [0, 1, 2, 3, 0xffff].map((queue) => {
      block.set('queueSelect', queue);
      block.set('queueAddress', 0x100 + queue);
      block.set('queueSize', 1);
      return [block.get('queueSelect'), block.get('queueSize'), block.get('queueAddress')];
    });
    expect(rows).toEqual([
      [0, 256, 0x100],
      [1, 0, 0],
      [2, 64, 0x102],
      [3, 0, 0],
      [0xffff, 0, 0],
    ]);
    block.set('queueSelect', 0);
    expect(block.get('queueAddress')).toBe(0x100);
    block.set('queueAddress', 0);
    expect([block.get('queueAddress'), block.get('deviceStatus')]).toEqual([0, 0]);
    block.set('queueSelect', 2);
    expect(block.get('queueAddress')).toBe(0x102);
  });

  it('LEG-VQ-02: takes a page number of 32 bits', () => {
    const guest = guestWith();
    guest.block.set('queueAddress', 0xffffffff);
    expect(guest.block.get('queueAddress')).toBe(0xffffffff);
    expect(guest.device.queue(0)!.addresses.get('descriptor')).toBe(0xfff_ffff_f000);
  });

  it('shows the state that the modern window made', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [256] }));
    guest.start([], [0], 32);
    const legacy = windowOf(guest.function);
    expect([legacy.read(12, 2), legacy.read(8, 4), legacy.read(18, 1), legacy.read(4, 4)]).toEqual([
      32, 0x10, 0x0f, 0,
    ]);
  });

  it('keeps its vectors at 20 whatever MSI-X is, where a draft says so', () => {
    const guest = guestWith();
    const fixed = new LegacyWindow(guest.device, guest.function.interrupts, 'fixed');
    const seen = () => [fixed.read(20, 2), fixed.read(22, 2), fixed.read(24, 4)];
    expect(seen()).toEqual([0xffff, 0xffff, 0x44332211]);
    guest.enableMsix();
    fixed.write(22, 2, 1);
    expect(seen()).toEqual([0xffff, 1, 0x44332211]);
  });

  it('carries its selector in a saved state', () => {
    const guest = guestWith();
    guest.block.set('queueSelect', 2);
    const fresh = guestWith();
    fresh.machine.load(guest.machine.save());
    expect([fresh.block.get('queueSelect'), fresh.block.get('queueSize')]).toEqual([2, 64]);
  });
});

describe('where the block stands (LEG-LAY-01, LEG-DET-01)', () => {
  const kinds: readonly [FunctionKind, number[], string][] = [
    ['legacy', [0, 1], 'io'],
    ['transitional', [0, 1, 4], 'io'],
    ['modern', [1, 4], 'memory32'],
    ['legacy-memory', [0, 1], 'memory32'],
    ['transitional-memory', [0, 1, 4], 'memory32'],
  ];
  test.each(kinds)('a %s function has BARs %j, the first %s', (kind, bars, first) => {
    const guest = new LegacyGuest(new Probe(), { kind });
    expect(guest.found.bars.map(({ index }) => index)).toEqual(bars);
    expect(guest.found.bars[0]!.kind).toBe(first);
    expect(guest.found.capabilities.some(({ id }) => id === 0x09)).toBe(!/^legacy/.test(kind));
  });

  test.each([
    [0, 32],
    [8, 32],
    [9, 64],
    [36, 64],
    [60, 128],
  ])('with %d bytes of configuration it takes %d bytes', (length, size) => {
    const long = new DeviceConfig(registers({ bytes: ro(0, 1, '', { count: Math.max(1, length) }) }), length);
    expect(new LegacyGuest(new Probe({ config: long })).found.bars[0]).toMatchObject({ kind: 'io', size });
  });
});
