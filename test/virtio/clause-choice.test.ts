import { describe, expect, it } from 'vitest';
import {
  framingClause,
  namingClause,
  reachClause,
  type Speaker,
  shapeClause,
  strictFraming,
  umbrellaClause,
} from '../../src/virtio/clauses.ts';
import { feature } from '../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, LegacyGuest, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';

/*
 * One thing that a driver does breaks one clause or another, by what it is and what it has accepted: a legacy driver is bound
 * by the sections on the legacy interface only.
 */

const { anyLayout, accessPlatform, notificationData, notificationConfigData } = feature;

const speaker = (legacyDriver: boolean, ...features: readonly number[]): Speaker => ({
  legacyDriver,
  has: (bit) => features.includes(bit),
});
const [legacy, modern] = [speaker(true), speaker(false)];

describe('the clause that is broken', () => {
  it('by a request of another shape is that on the layout for a legacy driver that did not accept any', () => {
    const loose = speaker(true, anyLayout);
    const speakers = [legacy, loose, modern, speaker(false, anyLayout)];
    expect(speakers.map(strictFraming)).toEqual([true, false, false, false]);
    expect(speakers.map((each) => framingClause(each, 'LEG-BLK-01'))).toEqual([
      'LEG-BLK-01',
      'LEG-FEAT-04',
      'CONF-01',
      'CONF-01',
    ]);
    expect(speakers.map(shapeClause)).toEqual(['LEG-FEAT-04', 'LEG-FEAT-04', 'CONF-01', 'CONF-01']);
  });

  it('where none is about that alone, is what binds either side to all of its chapters', () => {
    expect(
      [legacy, modern].flatMap((each) =>
        (['driver', 'device'] as const).map((party) => umbrellaClause(each, party)),
      ),
    ).toEqual(['LEG-FEAT-04', 'LEG-FEAT-04', 'CONF-01', 'CONF-02']);
  });

  it("by a kick that names the wrong queue is that of the kick's form", () => {
    expect(
      [[], [notificationData], [notificationConfigData], [notificationData, notificationConfigData]].map(
        (features) => namingClause(speaker(false, ...features)),
      ),
    ).toEqual(['PCI-KICK-03', 'PCI-KICK-04', 'PCI-KICK-05', 'PCI-KICK-06']);
  });

  it('by an address out of reach depends on ACCESS_PLATFORM', () => {
    expect([modern, speaker(false, accessPlatform)].map(reachClause)).toEqual(['RF-05', 'RF-04']);
  });
});

const OUTSIDE = 0x8000_0000;
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };
/** A function that reaches some memory only offers ACCESS_PLATFORM. */
const windows = [{ start: 0, length: 0x90000, write: true }];

/** A ring out of reach, and an indirect table. @returns the clauses of both. */
function broken(features: readonly number[], options: GuestOptions = {}): string[] {
  return [{ descriptor: OUTSIDE }, {}].map((part) => {
    const guest = new ModernGuest(new Probe({ queueSizes: [8] }), options);
    guest.negotiate(features);
    const parts = { ...PARTS, ...part };
    const ring = guest.setUp(0, 8, parts);
    guest.block.set('deviceStatus', 15);
    if (features.includes(feature.ringPacked)) {
      if (parts.descriptor !== OUTSIDE)
        new RawPackedRing(guest.machine.ram, 8, parts).offer(0, { address: OUTSIDE, length: 16, flags: 4 });
    } else if (parts.descriptor !== OUTSIDE) {
      ring.describe(0, { address: OUTSIDE, length: 16, flags: 4 });
      ring.offer(0);
    }
    guest.kick();
    return guest.clauses()[0]!;
  });
}

describe('a ring, and an indirect table, outside the memory that the function reaches', () => {
  const { ringPacked, ringIndirectDescriptors } = feature;
  const transportFeatures = [ringIndirectDescriptors, ringPacked];

  it.each([
    ['split', [ringIndirectDescriptors]],
    ['packed', [ringIndirectDescriptors, ringPacked]],
  ])('breaks what ACCESS_PLATFORM says where that was accepted: %s', (_, features) => {
    expect(broken(features, { transportFeatures })).toEqual(['RF-05', 'RF-05']);
    const limited = { transportFeatures, windows };
    expect(broken([...features, accessPlatform], limited)).toEqual(['RF-04', 'RF-04']);
    expect(broken(features, limited)).toEqual(['RF-05', 'RF-05']);
  });

  it('breaks the legacy clause on the page of a ring, where a legacy driver does it', () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [8] }));
    guest.start(0, []);
    guest.block.set('queueAddress', OUTSIDE / 4096);
    guest.kick();
    expect(guest.clauses()[0]).toBe('LEG-VQ-02');
    const other = new LegacyGuest(new Probe({ queueSizes: [8] }));
    const ring = other.start(1 << ringIndirectDescriptors)[0]!;
    ring.describe(0, { address: OUTSIDE, length: 16, flags: 4 });
    ring.offer(0);
    other.kick();
    expect(other.clauses()[0]).toBe('RF-05');
  });
});

describe('a kick at the wrong time', () => {
  it('is said to be for a queue that is not set up, a device that is broken, or one without bus mastering, each once', () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [8, 8], complete: 0 }));
    const [ring] = guest.start(0, [0]);
    const kicks = (queue: number) => {
      guest.clauses();
      for (let i = 0; i < 2; i++) guest.kick(queue);
      return guest.clauses();
    };
    expect([kicks(1), kicks(1), kicks(0)]).toEqual([['LEG-INIT-01'], [], []]);
    guest.config.command(3);
    expect([kicks(1), kicks(0), kicks(0)]).toEqual([[], ['LEG-INIT-01'], []]);
    ring!.describe(0, { address: BUFFERS, length: 1 });
    ring!.offer(9);
    guest.config.command(7);
    // What broke it is said when bus mastering lets it be seen.
    expect([guest.clauses(), kicks(0), kicks(0), kicks(1), kicks(1)]).toEqual([
      ['SPL-DESC-05'],
      ['BF-STAT-04'],
      [],
      ['BF-STAT-04'],
      [],
    ]);
    guest.block.set('deviceStatus', 0);
    expect([kicks(0), kicks(1)]).toEqual([['LEG-INIT-01'], ['LEG-INIT-01']]);
  });
});
