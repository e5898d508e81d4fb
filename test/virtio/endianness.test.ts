import { describe, expect, it, test } from 'vitest';
import { registers, ro, rw } from '../../src/core/index.ts';
import { DeviceConfig } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const map = registers({ wide: ro(0, 4), half: rw(4, 2), byte: ro(6, 1) });

function probe() {
  const config = new DeviceConfig(map);
  config.set('wide', 0x11223344);
  config.set('half', 0x5566);
  config.set('byte', 0x77);
  return new Probe({ config, features: [3], complete: 0x010203 });
}

describe('a big-endian legacy guest', () => {
  it('LEG-VEND-01: has its rings in its own order', () => {
    const guest = new LegacyGuest(probe(), { guestEndian: 'big' });
    const ring = guest.start(1 << 29)[0]!;
    ring.describe(3, { address: BUFFERS, length: 0x20000, flags: 2 });
    ring.usedEvent = 0;
    ring.offer(3);
    guest.kick();
    expect(ring.used()).toEqual([[3, 0x010203]]);
    expect(ring.availEvent).toBe(1);
    expect([...guest.machine.ram.read(ring.parts.device, 12)]).toEqual([0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 2, 3]);
    expect(guest.interrupts()).toEqual(['line 11 up']);
  });

  it('LEG-LAY-05, LEG-CFG-01: has little-endian registers and configuration in its own order', () => {
    const guest = new LegacyGuest(probe(), { guestEndian: 'big' });
    const bytes = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => guest.block.readAt(from + i, 1));
    expect(bytes(20, 7)).toEqual([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]);
    // On the bus a big-endian guest's store of 0x5566 is the little-endian number 0x6655.
    expect([guest.block.readAt(20, 4), guest.block.readAt(24, 2)]).toEqual([0x44332211, 0x6655]);
    guest.block.writeAt(24, 2, 0x3412);
    expect((guest.device.config as DeviceConfig<typeof map>).get('half')).toBe(0x1234);
    expect([guest.block.get('deviceFeatures') & 0xff, guest.block.get('queueSize')]).toEqual([8, 8]);
  });

  it('with VERSION_1 is as little-endian as any', () => {
    const guest = new ModernGuest(probe(), { guestEndian: 'big' });
    const ring = guest.start()[0]!;
    ring.describe(3, { address: BUFFERS, length: 0x20000, flags: 2 });
    ring.offer(3);
    guest.kick();
    expect(ring.used()).toEqual([[3, 0x010203]]);
    expect(guest.machine.memoryRead(guest.structure(4), 4)).toBe(0x11223344);
  });
});

describe('the order of what a driver of the common configuration shares with its device', () => {
  test.each([
    ['little', false, true],
    ['little', true, true],
    ['big', false, true],
    ['big', true, true],
  ] as const)('%s-endian guest, VERSION_1 %s: little-endian %s', (guestEndian, version1, little) => {
    const guest = new ModernGuest(probe(), { guestEndian });
    guest.negotiate([], version1);
    expect(guest.device.littleEndian).toBe(little);
  });
});
