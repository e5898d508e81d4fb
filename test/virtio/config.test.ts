import { describe, expect, it, test } from 'vitest';
import { RegisterMapError, registers, ro, rw, StateMismatchError } from '../../src/core/index.ts';
import { DeviceConfig } from '../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const map = registers({
  capacity: ro(0, 8),
  mode: rw(8, 1),
  queues: ro(10, 2),
  mac: rw(12, 1, '', { count: 6 }),
});

describe('device configuration', () => {
  it('sets and gets fields as numbers, 64-bit ones up to 2^53', () => {
    const config = new DeviceConfig(map);
    config.set('capacity', 0x12_3456_789a_bcde);
    config.set('queues', 0x1234);
    config.set('mode', 0x1ff);
    config.setBytes('mac', Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect([config.get('capacity'), config.get('queues'), config.get('mode')]).toEqual([
      0x12_3456_789a_bcde, 0x1234, 0xff,
    ]);
    expect([config.little.read(0, 4), config.little.read(4, 4), config.little.read(12, 4)]).toEqual([
      0x789abcde, 0x00123456, 0x04030201,
    ]);
    expect([config.big.read(0, 4), config.big.read(10, 2), config.big.read(12, 2)]).toEqual([
      0x56341200, 0x3412, 0x0201,
    ]);
  });

  it('PCI-COM-06: shows another generation after a change, the same as long as nothing changes', () => {
    const config = new DeviceConfig(map);
    const first = config.readGeneration();
    expect(config.readGeneration()).toBe(first);
    config.set('queues', 2);
    config.set('queues', 3);
    const second = config.readGeneration();
    expect(second).not.toBe(first);
    expect(config.readGeneration()).toBe(second);
    config.little.write(8, 1, 1);
    expect(config.readGeneration()).toBe(second);
    for (let i = 0; i < 300; i++) {
      const before = config.readGeneration();
      config.set('queues', i);
      expect(config.readGeneration()).toBe((before + 1) % 256);
    }
  });

  test.each([
    ['a field itself', 8, 1, ['mode']],
    ['a word that begins with it', 8, 2, ['mode']],
    ['a dword around two fields, one of them read-only', 8, 4, ['mode']],
    ['an unaligned access across it', 7, 2, ['mode']],
    ['one element of an array', 14, 2, ['mac']],
    ['a byte beside it', 9, 1, []],
    ['past the end', 18, 1, []],
    ['across the end', 16, 4, []],
  ] as const)('runs the hook of what a write reached: %s', (_, offset, width, hooks) => {
    const config = new DeviceConfig(map);
    const log: string[] = [];
    for (const name of ['mode', 'mac'] as const) config.onWrite(name, () => log.push(name));
    config.little.write(offset, width, 0);
    expect(log).toEqual(hooks);
  });

  it.each([
    ['the field', 4, 4, 0xffffffff],
    ['its first byte', 4, 1, 0xff],
    ['its last byte', 7, 1, 0xff000000],
    ['two bytes in it, unaligned', 5, 2, 0xffff00],
    ['bytes before it and its first', 2, 4, 0xffff],
    ['bytes beside it', 8, 4, 0],
  ] as const)('tells the hook which bits of the field were written: by %s', (_, offset, width, bits) => {
    const written = (order: 'little' | 'big') => {
      const config = new DeviceConfig(registers({ before: ro(0, 4), level: rw(4, 4), behind: rw(8, 4) }));
      let seen = 0;
      config.onWrite('level', (each) => (seen |= each));
      config[order].write(offset, width, 0);
      return seen >>> 0;
    };
    const swapped = new DataView(new ArrayBuffer(4));
    swapped.setUint32(0, bits, true);
    expect([written('little'), written('big')]).toEqual([bits, swapped.getUint32(0, false)]);
  });

  it('takes of a write what may be written, in both byte orders', () => {
    const masked = registers({ level: rw(0, 4, '', { writable: 0x00ff_0f01 }), fixed: ro(4, 2) });
    for (const [order, level] of [
      ['little', 0x00bb_0c01],
      // A big-endian guest's store of 0xddccbbaa.
      ['big', 0x00cc_0b00],
    ] as const) {
      const config = new DeviceConfig(masked);
      config[order].write(0, 4, 0xaabb_ccdd);
      config[order].write(4, 2, 0xffff);
      expect([config.get('level'), config.get('fixed')]).toEqual([level, 0]);
      config[order].write(0, 4, 0);
      expect(config.get('level')).toBe(0);
    }
  });

  it('names a field that it is too short for', () => {
    const config = new DeviceConfig(map, 10);
    for (const use of [() => config.get('queues'), () => config.set('queues', 1)]) {
      expect(use).toThrow(RegisterMapError);
      expect(use).toThrow(/queues.*ends after byte 10/);
    }
    config.set('mode', 1);
    expect(config.get('mode')).toBe(1);
  });

  it('says which fields are settled, and takes no state in which they are others', () => {
    const made = (queues: number) => {
      const config = new DeviceConfig(map, 14);
      config.set('capacity', 2 ** 33 + 1);
      config.set('queues', queues);
      config.setBytes('mac', Uint8Array.of(7, 8));
      config.vary(['mode', 'capacity']);
      return config;
    };
    const config = made(3);
    expect([config.fixed, new DeviceConfig(map).fixed]).toEqual([{ queues: 3, mac: 7 }, {}]);
    expect(() => made(3).load(config.save())).not.toThrow();
    const other = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte + 1 : byte));
    const saved = config.save();
    for (const [at, name] of [
      [11, 'queues'],
      [13, 'mac'],
    ] as const) {
      const bytes = other(saved.bytes, at);
      expect(() => made(3).load({ ...saved, bytes })).toThrow(`.bytes[${at}] (${name})`);
      expect(() => made(3).load({ ...saved, held: bytes })).toThrow(`.held[${at}] (${name})`);
    }
    for (const at of [0, 8])
      expect(() => made(3).load({ ...saved, bytes: other(saved.bytes, at) })).not.toThrow();
    const part = { path: 'device', config: saved.bytes };
    expect(() => config.expectSaved('capacity', part, 2 ** 33 + 1)).not.toThrow();
    expect(() => config.expectSaved('capacity', part, 1)).toThrow(
      'device.config.bytes (capacity): found 8589934593, expected 1',
    );
  });

  it('shows what it was while it is held, and takes no writes then; so does one that was loaded', () => {
    const config = new DeviceConfig(map);
    config.set('queues', 1);
    config.hold();
    const generation = config.readGeneration();
    config.set('queues', 2);
    config.little.write(8, 1, 0xff);
    const loaded = new DeviceConfig(map);
    loaded.load(config.save());
    for (const each of [config, loaded]) {
      const shown = () => [
        each.little.read(10, 2),
        each.little.read(8, 1),
        each.readGeneration() - generation,
      ];
      expect([shown(), each.get('queues')]).toEqual([[1, 0, 0], 2]);
      each.release();
      expect(shown()).toEqual([2, 0, 1]);
      each.little.write(8, 1, 5);
      expect([each.get('mode'), each.save().held]).toEqual([5, null]);
    }
  });

  it('shares no bytes with a state', () => {
    const config = new DeviceConfig(map);
    config.hold();
    const saved = config.save();
    const before = structuredClone(saved);
    const loaded = new DeviceConfig(map);
    loaded.load(saved);
    for (const each of [config, loaded]) {
      each.set('queues', 9);
      each.release();
      each.little.write(8, 1, 9);
    }
    expect(saved).toEqual(before);
  });

  it('reads ones past its end, for a piece that crosses it as a whole', () => {
    const config = new DeviceConfig(map);
    expect(config.length).toBe(18);
    expect([
      config.little.read(16, 2),
      config.little.read(16, 4),
      config.little.read(18, 1),
      config.little.read(15, 4),
    ]).toEqual([0, 0xffffffff, 0xff, 0xff000000]);
    config.little.write(16, 4, 0xffffffff);
    expect(config.little.read(16, 2)).toBe(0);
  });

  it('may end before the table does', () => {
    const config = new DeviceConfig(map, 10);
    expect([config.little.read(8, 2), config.little.read(10, 2), config.big.read(8, 1)]).toEqual([
      0, 0xffff, 0,
    ]);
  });

  it('saves its content and generation, and loads them into one of its own length', () => {
    const config = new DeviceConfig(map);
    config.set('capacity', 7);
    config.readGeneration();
    config.set('queues', 1);
    const fresh = new DeviceConfig(map);
    fresh.load(config.save());
    expect([fresh.get('capacity'), fresh.readGeneration(), fresh.readGeneration()]).toEqual([7, 2, 2]);
    expect(() => new DeviceConfig(map, 10).load(config.save())).toThrow(StateMismatchError);
  });
});

describe('a configuration change', () => {
  it('PCI-ISR-02, OPER-01: sets ISR bit 1 and interrupts; another generation shows through the modern window', () => {
    const config = new DeviceConfig(map);
    const guest = new ModernGuest(new Probe({ config }));
    guest.start();
    const before = guest.block.get('configGeneration');
    config.set('capacity', 9);
    guest.device.configChanged();
    expect(guest.interrupts()).toEqual(['line 11 up']);
    expect(guest.block.get('configGeneration')).not.toBe(before);
    expect(guest.machine.memoryRead(guest.structure(4), 4)).toBe(9);
    expect(guest.isr()).toBe(2);
  });

  it('LEG-INIT-02: writes before any status or feature are honoured', () => {
    const config = new DeviceConfig(map);
    const guest = new LegacyGuest(new Probe({ config }));
    guest.block.writeAt(20 + 8, 1, 0x5a);
    expect([config.get('mode'), guest.block.readAt(28, 1)]).toEqual([0x5a, 0x5a]);
  });
});
