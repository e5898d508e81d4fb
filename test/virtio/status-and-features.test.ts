import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { deviceStatus } from '../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const { acknowledge, driver, driverOk, featuresOk, needsReset, failed } = deviceStatus;
const STARTED = acknowledge | driver | driverOk;

describe('device status', () => {
  test.each([acknowledge, 3, 7, 0x0f, failed, 0x80 | 7])('keeps what is written: %d', (value) => {
    const guest = new LegacyGuest(new Probe());
    guest.block.set('deviceStatus', value);
    expect(guest.block.get('deviceStatus')).toBe(value);
    expect(guest.clauses()).toEqual([]);
  });

  it('BF-STAT-02: a bit that is cleared without a reset is reported', () => {
    const guest = new LegacyGuest(new Probe());
    guest.block.set('deviceStatus', 7);
    guest.block.set('deviceStatus', 3);
    expect([guest.clauses(), guest.block.get('deviceStatus')]).toEqual([['BF-STAT-02'], 3]);
    guest.block.set('deviceStatus', 0);
    guest.block.set('deviceStatus', 1);
    expect(guest.clauses()).toEqual([]);
  });

  it('tells the device when DRIVER_OK rises, once, and when it is reset', () => {
    const probe = new Probe();
    const guest = new LegacyGuest(probe);
    probe.told.length = 0;
    for (const value of [1, 3, 7, 7, 0x87, 0, 7]) guest.block.set('deviceStatus', value);
    expect(probe.told).toEqual(['started', 'reset', 'started']);
  });

  it('BF-RST-01: writing 0 leaves nothing of what the driver set', () => {
    const guest = new LegacyGuest(new Probe({ features: [5], queueSizes: [8, 4] }));
    guest.enableMsix();
    guest.start(1 << 5, [0, 1]);
    guest.block.set('queueMsixVector', 1);
    guest.block.set('configMsixVector', 0);
    guest.function.interrupts.config();
    guest.block.set('deviceStatus', 0);
    expect(guest.block.get('queueSelect')).toBe(0);
    for (const queue of [0, 1]) {
      guest.block.set('queueSelect', queue);
      expect([guest.block.get('queueAddress'), guest.block.get('queueMsixVector')]).toEqual([0, 0xffff]);
    }
    expect([
      guest.block.get('deviceStatus'),
      guest.block.get('driverFeatures'),
      guest.block.get('configMsixVector'),
      guest.block.get('isrStatus'),
    ]).toEqual([0, 0, 0xffff, 0]);
  });

  it('PCI-COM-07, PCI-COM-08: the same through the common configuration', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8, 4] }));
    guest.start([], [0, 1], 4);
    const { block } = guest;
    for (const select of ['deviceFeatureSelect', 'driverFeatureSelect'] as const) block.set(select, 1);
    block.set('deviceStatus', 0);
    expect(
      (
        [
          'deviceStatus',
          'deviceFeatureSelect',
          'driverFeatureSelect',
          'driverFeature',
          'queueSelect',
        ] as const
      ).map((name) => block.get(name)),
    ).toEqual([0, 0, 0, 0, 0]);
    for (const queue of [0, 1]) {
      block.set('queueSelect', queue);
      expect([block.get('queueSize'), block.get('queueEnable'), block.get('queueDeviceLow')]).toEqual([
        [8, 4][queue],
        0,
        0,
      ]);
    }
  });
});

describe('an error that only a reset mends', () => {
  // BF-STAT-06, BF-STAT-07: the interrupt comes only once the driver said that it is ready.
  test.each([
    ['before DRIVER_OK', acknowledge | driver, []],
    ['after DRIVER_OK', STARTED, ['line 11 up']],
  ])('%s raises NEEDS_RESET', (_, status, interrupts) => {
    const guest = new LegacyGuest(new Probe());
    guest.block.set('deviceStatus', status);
    guest.device.fail('SPL-DESC-05', 'broken for the test', { what: 'a number', value: 1, queue: 0 });
    expect(guest.block.get('deviceStatus')).toBe(status | needsReset);
    expect(guest.events.filter(({ kind }) => kind === 'finding')).toEqual([
      {
        kind: 'finding',
        clause: 'SPL-DESC-05',
        party: 'driver',
        address: functionAddress(0, 4),
        subject: 'virtio-rng',
        queue: 0,
        descriptor: null,
        message: 'broken for the test',
        value: 1,
        what: 'a number',
      },
    ]);
    expect(guest.interrupts()).toEqual(interrupts);
    expect(guest.isr()).toBe(interrupts.length === 0 ? 0 : 2);
  });

  it('stays until a reset, stops every queue, and interrupts once', () => {
    const probe = new Probe({ queueSizes: [8, 8], complete: 0 });
    const guest = new LegacyGuest(probe);
    const [ring] = guest.start(0, [0, 1]);
    guest.device.fail('SPL-DESC-05', 'broken');
    guest.device.fail('SPL-DESC-05', 'again');
    expect(guest.interrupts()).toEqual(['line 11 up']);
    guest.block.set('deviceStatus', STARTED);
    expect(guest.block.get('deviceStatus')).toBe(STARTED | needsReset);
    ring!.describe(0, { address: 0x1000, length: 1 });
    ring!.offer(0);
    guest.kick();
    expect([probe.handled, ring!.usedIndex]).toEqual([[], 0]);
    guest.block.set('deviceStatus', 0);
    expect(guest.block.get('deviceStatus')).toBe(0);
    const [again] = guest.start();
    again!.availableIndex = 0;
    again!.offer(0);
    guest.kick();
    expect(probe.handled).toEqual(['0:0']);
  });
});

describe('feature negotiation through the legacy register', () => {
  const FEATURES = [3, 5, 31];
  const OFFERED = ((1 << 3) | (1 << 5) | (1 << 24) | (1 << 27) | (1 << 28) | (1 << 29)) >>> 0;

  it('LEG-RF-01, LEG-RF-03, LEG-RF-05: offers bits 24, 27 and 30 beside those of the type', () => {
    const guest = new LegacyGuest(new Probe({ features: FEATURES }));
    expect(guest.block.get('deviceFeatures')).toBe((OFFERED + 2 ** 30 + 2 ** 31) % 2 ** 32);
  });

  test.each([
    ['what is offered', 0x28, 0x28, []],
    ['nothing', 0, 0, []],
    ['what was not offered is left out (BF-FEAT-01)', 0x2f, 0x28, ['BF-FEAT-01']],
    ['bit 30 betrays a broken driver (LEG-RF-06)', 0x40000028, 0x08, ['LEG-RF-06']],
    ['every bit, 30 among them', 0xffffffff, 0x08, ['LEG-RF-06']],
    ['bit 31', 0x80000000, 0x80000000, []],
  ])('%s', (_, written, accepted, clauses) => {
    const guest = new LegacyGuest(new Probe({ features: FEATURES, brokenDriverFeatures: [3, 9] }));
    guest.block.set('driverFeatures', written);
    expect([guest.block.get('driverFeatures'), guest.clauses()]).toEqual([accepted, clauses]);
  });

  it('works at any time, and shows in what the device is asked', () => {
    const guest = new LegacyGuest(new Probe({ features: FEATURES }));
    guest.block.set('deviceStatus', STARTED);
    guest.block.set('driverFeatures', 0x20);
    expect([guest.device.has(5), guest.device.has(3), guest.device.legacyDriver]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('LEG-LAY-10: what was accepted above bit 31 is accepted no more', () => {
    const guest = new ModernGuest(new Probe({ features: FEATURES }));
    guest.negotiate([3]);
    expect(guest.device.legacyDriver).toBe(false);
    guest.machine.ioWrite(guest.bar(0) + 4, 4, 0x20);
    guest.block.set('driverFeatureSelect', 1);
    expect([guest.device.legacyDriver, guest.block.get('driverFeature')]).toEqual([true, 0]);
  });

  test.each([
    ['bit 30', 0x40000028, 'LEG-RF-06'],
    ['bits that were not offered', 0x2f, 'BF-FEAT-01'],
  ])("%s are judged as a legacy driver's, though it spoke otherwise before", (_, written, clause) => {
    const guest = new ModernGuest(new Probe({ features: FEATURES, brokenDriverFeatures: [3, 9] }));
    guest.negotiate([3]);
    const judged: [string, boolean][] = [];
    guest.machine.events = (event) => {
      if (event.kind === 'finding') judged.push([event.clause, guest.device.legacyDriver]);
    };
    guest.machine.ioWrite(guest.bar(0) + 4, 4, written);
    expect(judged).toEqual([[clause, true]]);
  });
});

describe('feature negotiation through the common configuration', () => {
  const guest = (kind: 'transitional' | 'modern' = 'transitional') =>
    new ModernGuest(new Probe({ features: [3, 70] }), { kind });

  it('PCI-COM-03, RF-14: shows each word of the offer, VERSION_1 in it, and 0 beyond', () => {
    const { block } = guest();
    const words = [0, 1, 2, 3, 4, 0x80000000, 0xffffffff].map((word) => {
      block.set('deviceFeatureSelect', word);
      return block.get('deviceFeature');
    });
    expect(words).toEqual([(1 << 3) | (1 << 28) | (1 << 29), 0x101, 1 << 6, 0, 0, 0, 0]);
  });

  it('PCI-COM-04: reads back what was accepted by word, and keeps nothing beyond the last word', () => {
    const { block } = guest();
    for (const word of [0, 2, 4, 0xffffffff]) {
      block.set('driverFeatureSelect', word);
      block.set('driverFeature', 0x100 + (word % 16));
      expect(block.get('driverFeature')).toBe(word < 4 ? 0x100 + word : 0);
    }
  });

  // BF-FEAT-11, BF-FEAT-10
  test.each([
    ['transitional', 'nothing but VERSION_1', [], true, true, []],
    ['transitional', 'what is offered', [3, 28, 29], true, true, []],
    ['transitional', 'a bit of word 2', [3], true, true, []],
    ['transitional', 'no VERSION_1 (RF-15)', [3], false, false, ['RF-01']],
    ['transitional', 'legacy bits', [3, 27, 24], false, false, ['BF-FEAT-01']],
    ['transitional', 'a bit that is not offered', [4], true, false, ['BF-FEAT-01']],
    ['transitional', 'a legacy bit beside VERSION_1', [27], true, false, ['BF-FEAT-01']],
    ['transitional', 'a bit of word 1 that is not offered', [33], true, false, ['BF-FEAT-01']],
    ['modern', 'nothing but VERSION_1', [], true, true, []],
    ['modern', 'no VERSION_1 (RF-15)', [3], false, false, ['RF-01']],
  ] as const)('%s: %s', (kind, _, features, version1, accepted, clauses) => {
    const under = guest(kind);
    const status = under.negotiate(features, version1);
    expect(status).toBe(acknowledge | driver | (accepted ? featuresOk : 0));
    expect(under.clauses()).toEqual(clauses);
  });

  it('a driver that is refused may try again', () => {
    const under = guest();
    expect(under.negotiate([4]) & featuresOk).toBe(0);
    under.block.set('driverFeatureSelect', 0);
    under.block.set('driverFeature', 1 << 3);
    under.block.set('deviceStatus', acknowledge | driver | featuresOk);
    expect(under.block.get('deviceStatus') & featuresOk).toBe(featuresOk);
  });

  it('INIT-04: features written after FEATURES_OK change nothing and are reported', () => {
    const under = guest();
    under.negotiate([3]);
    under.clauses();
    under.block.set('driverFeatureSelect', 0);
    under.block.set('driverFeature', 0);
    expect([under.block.get('driverFeature'), under.device.has(3), under.clauses()]).toEqual([
      1 << 3,
      true,
      ['INIT-04'],
    ]);
  });
});
