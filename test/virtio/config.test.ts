import { describe, expect, it, test } from 'vitest';
import { registers, ro, rw, StateMismatchError } from '../../src/core/index.ts';
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
