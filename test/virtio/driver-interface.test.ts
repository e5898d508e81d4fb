import { describe, expect, it, test } from 'vitest';
import { deviceStatus, NetworkDevice, type NetworkLink } from '../../src/virtio/index.ts';
import { BUFFERS, type Guest, LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import type { RawRing } from './support/ring.ts';

const { acknowledge, driver, driverOk, featuresOk } = deviceStatus;
const WRITE = 2;

/** Offers one buffer and kicks. @returns the used index and the interrupts that followed. */
function kick(guest: LegacyGuest | ModernGuest, ring: RawRing): [used: number, interrupts: string[]] {
  ring.describe(0, { address: BUFFERS, length: 16, flags: WRITE });
  ring.offer(0);
  guest.kick();
  const interrupts = guest.interrupts();
  return [ring.usedIndex, interrupts];
}

describe('a driver that speaks by the common configuration', () => {
  test.each(['modern', 'transitional'] as const)(
    'BF-STAT-05: is not served before DRIVER_OK by a %s function, whatever it has accepted, and is told so',
    (kind) => {
      for (const status of [0, acknowledge, acknowledge | driver]) {
        const guest = new ModernGuest(new Probe({ complete: 1 }), { kind });
        if (status !== 0) guest.block.set('deviceStatus', status);
        const ring = guest.setUp(0);
        ring.describe(0, { address: BUFFERS, length: 16, flags: WRITE });
        ring.offer(0);
        guest.kick();
        expect([ring.usedIndex, guest.isr(), guest.clauses()]).toEqual([0, 0, ['INIT-08']]);
      }
    },
  );

  test.each(['modern', 'transitional'] as const)(
    'PCI-CFG, LEG-LAY-05: has everything little-endian on a %s function of a big-endian guest, from the first write on',
    (kind) => {
      const guest = new ModernGuest(new Probe(), { kind, guestEndian: 'big' });
      expect([guest.device.legacyDriver, guest.device.littleEndian]).toEqual([false, true]);
      for (const write of [
        () => guest.block.set('deviceStatus', 1),
        () => guest.block.set('driverFeature', 0),
        () => guest.block.set('queueSelect', 0),
        () => guest.kick(),
        () => guest.machine.memoryWrite(guest.structure(4), 1, 0),
      ]) {
        guest.block.set('deviceStatus', 0);
        write();
        expect([guest.device.legacyDriver, guest.device.littleEndian]).toEqual([false, true]);
      }
    },
  );

  it('NET-RX-03: has the long network header on a modern-only function before any feature is accepted', () => {
    const link: NetworkLink = { offloads: false, attach: () => {}, transmit: () => {} };
    const guest = new ModernGuest(new NetworkDevice({ link }), { kind: 'modern' });
    guest.negotiate([]);
    const ring = guest.setUp(0);
    guest.block.set('deviceStatus', 15);
    // 14 bytes of a frame behind 12 of a header fit exactly.
    ring.describe(0, { address: BUFFERS, length: 26, flags: WRITE });
    ring.offer(0);
    guest.kick();
    const frame = Uint8Array.from({ length: 14 }, (_, i) => i * 2);
    expect((guest.device.behaviour as NetworkDevice).receive(frame, 0, 14, null)).toBe(true);
    expect(ring.used()).toEqual([[0, 26]]);
  });

  it('LEG-FEAT-02, RF-15: is refused without VERSION_1 on a transitional function too', () => {
    const guest = new ModernGuest(new Probe({ features: [3], complete: 1 }));
    expect([guest.negotiate([3], false), guest.clauses()]).toEqual([acknowledge | driver, ['RF-01']]);
    expect([guest.device.legacyDriver, guest.device.has(3)]).toEqual([false, false]);
  });
});

describe('a driver that speaks by a legacy window', () => {
  it('LEG-INIT-03: is served before DRIVER_OK, at status 0 even', () => {
    const guest = new LegacyGuest(new Probe({ complete: 1 }));
    expect(kick(guest, guest.setUp(0))).toEqual([1, ['line 11 up']]);
  });

  test.each([
    ['status', (guest: LegacyGuest) => guest.block.set('deviceStatus', 1)],
    ['features', (guest: LegacyGuest) => guest.block.set('driverFeatures', 0)],
    ['a queue address', (guest: LegacyGuest) => guest.block.set('queueAddress', 1)],
    ['a kick', (guest: LegacyGuest) => guest.block.set('queueNotify', 0)],
    // LEG-INIT-02: before anything else.
    ['configuration', (guest: LegacyGuest) => guest.block.writeAt(20, 1, 0)],
  ])('is a legacy one by its first write, which is %s', (_, write) => {
    const guest = new LegacyGuest(new Probe(), { guestEndian: 'big' });
    write(guest);
    expect([guest.device.legacyDriver, guest.device.littleEndian]).toEqual([true, false]);
    guest.block.set('deviceStatus', 0);
    expect([guest.device.legacyDriver, guest.device.littleEndian]).toEqual([false, true]);
  });

  it('reads what it likes without being taken for one', () => {
    const guest = new LegacyGuest(new Probe());
    for (let offset = 0; offset < 24; offset++) guest.block.readAt(offset, 1);
    expect(guest.device.features.spoken).toBe(null);
  });
});

/** Writes of both windows of one transitional function. */
class Both extends ModernGuest {
  legacyWrite(offset: number, width: 1 | 2 | 4, value: number): void {
    this.machine.ioWrite(this.bar(0) + offset, width, value);
  }
}

describe('a function with both windows', () => {
  it('takes the first that is written to for the one that is spoken, until a reset', () => {
    const guest = new Both(new Probe());
    guest.block.set('deviceStatus', 1);
    guest.legacyWrite(0x12, 1, 3);
    expect(guest.device.legacyDriver).toBe(false);
    guest.legacyWrite(0x12, 1, 0);
    guest.legacyWrite(0x12, 1, 1);
    guest.block.set('queueSelect', 0);
    expect(guest.device.legacyDriver).toBe(true);
  });

  it('LEG-LAY-10: goes over to a driver that accepts features by the other', () => {
    const guest = new Both(new Probe({ features: [3] }));
    guest.negotiate([3]);
    guest.legacyWrite(4, 4, 0);
    expect([guest.device.legacyDriver, guest.device.has(3), guest.device.has(32)]).toEqual([
      true,
      false,
      false,
    ]);
    guest.block.set('driverFeatureSelect', 1);
    guest.block.set('driverFeature', 1);
    expect([guest.device.legacyDriver, guest.device.has(32)]).toEqual([false, true]);
  });

  test.each(['legacy', 'modern', null] as const)('keeps in a saved state that %s was spoken', (spoken) => {
    const made = () => new Both(new Probe(), { guestEndian: 'big' });
    const before = made();
    if (spoken === 'legacy') before.legacyWrite(0x12, 1, 1);
    if (spoken === 'modern') before.block.set('deviceStatus', 1);
    const after = made();
    after.machine.load(structuredClone(before.machine.save()));
    expect(after.device.features.spoken).toBe(spoken);
    expect(after.device.littleEndian).toBe(spoken !== 'legacy');
  });
});

describe('features that were accepted and are not agreed on', () => {
  const OFFERED = [28, 40];
  const SUSPEND = 16;

  /** Accepts features, offered or not, sets FEATURES_OK and, whatever the device says to that, DRIVER_OK. */
  function insisting(
    features: readonly number[],
    asks = true,
  ): { guest: ModernGuest; probe: Probe; ring: RawRing } {
    const probe = new Probe({ features: [3], complete: 1 });
    const guest = new ModernGuest(probe, { transportFeatures: OFFERED });
    guest.negotiate(features);
    if (!asks) guest.block.set('deviceStatus', 0);
    guest.clauses();
    const ring = guest.setUp(0);
    guest.block.set('deviceStatus', acknowledge | driver | featuresOk | driverOk);
    return { guest, probe, ring };
  }

  test.each([
    ['a packed ring', [34]],
    ['buffers in order', [35]],
    ['suspension', [43]],
    ['a bit of the type', [9]],
  ])('BF-FEAT-11: are in force for nothing: %s, which was not offered', (_, bits) => {
    const { guest, probe, ring } = insisting([3, 28, 40, ...bits]);
    for (const bit of [3, 28, 32, 40, ...bits]) expect(guest.device.has(bit)).toBe(false);
    expect(kick(guest, ring)).toEqual([0, []]);
    expect([probe.handled, probe.told.includes('started')]).toEqual([[], false]);
  });

  it('INIT-05: a driver that goes on although FEATURES_OK does not stand is told so, and not served', () => {
    const { guest, ring } = insisting([34]);
    expect(guest.clauses()).toEqual(['BF-FEAT-01', 'INIT-05']);
    ring.describe(0, { address: BUFFERS, length: 16, flags: WRITE });
    ring.offer(0);
    guest.kick();
    expect(guest.clauses()).toEqual(['INIT-05']);
    guest.device.configChanged();
    expect([ring.usedIndex, guest.isr(), guest.interrupts()]).toEqual([0, 0, []]);
  });

  it('INIT-05: the same where it never asked for FEATURES_OK', () => {
    const guest = new ModernGuest(new Probe({ complete: 1 }));
    guest.block.set('driverFeatureSelect', 1);
    guest.block.set('driverFeature', 1);
    const ring = guest.setUp(0);
    guest.block.set('deviceStatus', acknowledge | driver | driverOk);
    expect(guest.clauses()).toEqual(['INIT-05']);
    expect(kick(guest, ring)).toEqual([0, []]);
    // One that comes to its senses works from then on.
    guest.block.set('deviceStatus', acknowledge | driver | driverOk | featuresOk);
    expect([ring.usedIndex, guest.clauses()]).toEqual([1, []]);
  });

  it('SUSP-07: do not let the device be suspended', () => {
    const { guest } = insisting([43]);
    const status = guest.block.get('deviceStatus');
    guest.block.set('deviceStatus', status | SUSPEND);
    expect([guest.block.get('deviceStatus'), guest.device.suspended]).toEqual([status, false]);
    // Nor does what is accepted after that, as long as nobody agrees to it.
    const late = new ModernGuest(new Probe(), { transportFeatures: [43] });
    late.block.set('deviceStatus', 7);
    late.block.set('driverFeatureSelect', 1);
    late.block.set('driverFeature', (1 << 11) | 1);
    late.block.set('deviceStatus', 7 | SUSPEND);
    expect([late.block.get('deviceStatus'), late.device.suspended]).toEqual([7, false]);
  });

  it('show in the registers while the driver accepts them, as far as they were offered', () => {
    const guest = new ModernGuest(new Probe({ features: [3], queueSizes: [8] }), {
      transportFeatures: [34, 40],
    });
    for (const [word, bits] of [
      [0, 0b11000],
      [1, 0b1111],
    ] as const) {
      guest.block.set('driverFeatureSelect', word);
      guest.block.set('driverFeature', bits);
    }
    expect([3, 4, 32, 33, 34, 35].map((bit) => guest.device.has(bit))).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    guest.block.set('queueSize', 5);
    expect(guest.block.get('queueSize')).toBe(5);
  });

  it('are accepted anew by a driver that was refused, and found in a saved state as they were left', () => {
    const { guest } = insisting([3, 28, 34]);
    const twin = new ModernGuest(new Probe({ features: [3], complete: 1 }), { transportFeatures: OFFERED });
    twin.machine.load(structuredClone(guest.machine.save()));
    for (const each of [guest, twin]) {
      expect([each.device.has(3), each.device.has(28)]).toEqual([false, false]);
      each.block.set('driverFeatureSelect', 1);
      each.block.set('driverFeature', 1);
      expect([each.device.has(3), each.device.has(28)]).toEqual([true, true]);
    }
  });

  it('stay agreed on where the driver takes FEATURES_OK back, as NuttX does', () => {
    const probe = new Probe({ features: [3], complete: 1 });
    const guest = new ModernGuest(probe);
    guest.negotiate([3]);
    const ring = guest.setUp(0);
    guest.block.set('deviceStatus', driverOk);
    expect([guest.device.has(3), probe.told.filter((each) => each === 'started')]).toEqual([
      true,
      ['started'],
    ]);
    expect(kick(guest, ring)[0]).toBe(1);
    guest.clauses();
    guest.block.set('driverFeatureSelect', 0);
    guest.block.set('driverFeature', 0);
    expect([guest.clauses(), guest.device.has(3)]).toEqual([['INIT-04'], true]);
  });
});

describe('going on after FAILED', () => {
  const failed = deviceStatus.failed;
  const legacySteps: readonly (readonly [string, (guest: LegacyGuest) => void])[] = [
    ['another status', (guest) => guest.block.set('deviceStatus', failed | 7)],
    ['features', (guest) => guest.block.set('driverFeatures', 0)],
    ['a queue', (guest) => guest.block.set('queueAddress', 16)],
    ['a kick', (guest) => guest.block.set('queueNotify', 0)],
  ];
  const modernSteps: readonly (readonly [string, (guest: ModernGuest) => void])[] = [
    ['another status', (guest) => guest.block.set('deviceStatus', failed | 7)],
    ['features', (guest) => guest.block.set('driverFeature', 0)],
    ['a queue', (guest) => guest.block.set('queueEnable', 1)],
    ['a kick', (guest) => guest.kick()],
  ];
  const told = (guest: Guest) => guest.clauses().filter((clause) => clause === 'BF-STAT-03').length;

  test.each(legacySteps)('BF-STAT-03: with %s by a legacy window is reported', (_, step) => {
    const guest = new LegacyGuest(new Probe());
    guest.block.set('deviceStatus', failed | 3);
    step(guest);
    expect(told(guest)).toBe(1);
    guest.block.set('deviceStatus', 0);
    step(guest);
    expect(told(guest)).toBe(0);
  });

  test.each(modernSteps)('BF-STAT-03: with %s by the common configuration is reported', (_, step) => {
    const guest = new ModernGuest(new Probe());
    guest.block.set('deviceStatus', failed | 3);
    step(guest);
    expect(told(guest)).toBe(1);
    guest.block.set('deviceStatus', 0);
    step(guest);
    expect(told(guest)).toBe(0);
  });

  it('BF-STAT-03, BF-STAT-02: by dropping FAILED is both', () => {
    const guest = new LegacyGuest(new Probe());
    guest.block.set('deviceStatus', failed | 3);
    guest.block.set('deviceStatus', 3);
    expect(guest.clauses()).toEqual(['BF-STAT-02', 'BF-STAT-03']);
  });

  it('is not what a driver does that says FAILED again, or takes its queues down', () => {
    const guest = new LegacyGuest(new Probe());
    guest.start();
    guest.block.set('deviceStatus', failed | 7);
    guest.block.set('deviceStatus', failed | 7);
    guest.block.set('queueAddress', 0);
    expect(guest.clauses()).toEqual([]);
  });
});

describe('NEEDS_RESET from the driver', () => {
  it.each([64 | 3, 64 | 7, 64])(
    'BF-STAT-01: status %d is reported, and nothing is broken by it',
    (written) => {
      for (const guest of [new LegacyGuest(new Probe()), new ModernGuest(new Probe())]) {
        guest.block.set('deviceStatus', 3);
        guest.clauses();
        guest.block.set('deviceStatus', written);
        // Kept as it came, like any status: QEMU does so too.
        expect([guest.block.get('deviceStatus'), guest.device.statusRegister.broken]).toEqual([
          written,
          false,
        ]);
        expect(guest.clauses()).toContain('BF-STAT-01');
      }
    },
  );

  it('is no mistake where the device said it first', () => {
    const guest = new LegacyGuest(new Probe());
    guest.start();
    guest.device.fail('SPL-DESC-05', 'broken for the test');
    guest.clauses();
    guest.block.set('deviceStatus', 64 | 7 | 128);
    expect([guest.block.get('deviceStatus'), guest.clauses()]).toEqual([64 | 7 | 128, []]);
  });
});

describe('a queue that does not exist', () => {
  it('LEG-VQ-02: given an address by a legacy window, is reported; taken down, it is not', () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [8, 0] }));
    for (const queue of [1, 2]) {
      guest.block.set('queueSelect', queue);
      guest.block.set('queueAddress', 0);
      expect(guest.clauses()).toEqual([]);
      guest.block.set('queueAddress', 16);
      expect([guest.clauses(), guest.block.get('queueAddress')]).toEqual([['LEG-VQ-02'], 0]);
    }
  });

  test.each([
    ['queueDescriptorLow', 0x1000],
    ['queueDriverHigh', 1],
    ['queueDeviceLow', 0x1000],
    ['queueSize', 4],
    ['queueEnable', 1],
  ] as const)('PCI-VQ-01: with %s written by the common configuration, is reported', (field, value) => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8, 0] }));
    for (const queue of [1, 2]) {
      guest.block.set('queueSelect', queue);
      guest.block.set(field, value);
      expect([guest.clauses(), guest.block.get(field)]).toEqual([['PCI-VQ-01'], 0]);
    }
  });
});
