import { describe, expect, it } from 'vitest';
import { feature } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';
import { type Parts, RawRing } from './support/ring.ts';

/*
 * Whoever keeps a log of dirty memory hears of every byte that a ring's device side writes, before it is written: places and
 * lengths as the specification draws the rings (sections 2.7.8 and 2.8.14).
 */

const SIZE = 8;
type Told = readonly (readonly [address: number, length: number])[];

/** Two chains are used one after the other. @returns what was told. */
function observed(guest: ModernGuest | LegacyGuest, offer: (name: number) => void) {
  const { ram } = guest.machine;
  const told: [number, number][] = [];
  let seen = ram.read(0, 0x100000);
  guest.function.pci.slot.dma.observer = (address, length) => {
    told.push([address, length]);
    // It is told before: what stands there is what stood there.
    expect(ram.read(address, length)).toEqual(seen.subarray(address, address + length));
  };
  for (const name of [5, 2]) {
    offer(name);
    seen = ram.read(0, 0x100000);
    guest.kick();
  }
  return told;
}

const used = (device: number, slot: number) => [device + 4 + 8 * slot, 8] as const;
const usedIndex = (device: number) => [device + 2, 2] as const;
const availEvent = (device: number) => [device + 4 + 8 * SIZE, 2] as const;

const ALIGNED: Parts = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };
/** No driver should choose such places; the fast ways are not for them. */
const ODD: Parts = { descriptor: 0x10008, driver: 0x12001, device: 0x12803 };

describe('a split ring', () => {
  it.each([
    ['as it should be', ALIGNED, [] as number[]],
    ['at odd places', ODD, []],
    ['with EVENT_IDX', ALIGNED, [feature.ringEventIndex]],
    ['with EVENT_IDX, at odd places', ODD, [feature.ringEventIndex]],
  ])('tells of used elements, index and avail_event: %s', (_, parts, features) => {
    const guest = new ModernGuest(new Probe({ queueSizes: [SIZE], complete: 1 }));
    guest.negotiate(features);
    guest.setUp(0, SIZE, parts);
    guest.block.set('deviceStatus', 0x0f);
    const ring = new RawRing(guest.machine.ram, SIZE, parts);
    const event = features.length === 0 ? [] : [availEvent(parts.device)];
    const told: Told = observed(guest, (head) => {
      ring.describe(head, { address: BUFFERS, length: 1, flags: 2 });
      ring.offer(head);
    });
    expect(told).toEqual(
      [0, 1].flatMap((slot) => [used(parts.device, slot), ...event, usedIndex(parts.device)]),
    );
    expect(ring.used()).toEqual([
      [5, 1],
      [2, 1],
    ]);
  });

  it('tells the same of a big-endian one', () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [SIZE], complete: 1 }), { guestEndian: 'big' });
    const ring = guest.start()[0]!;
    const { device } = ring.parts;
    const told: Told = observed(guest, (head) => {
      ring.describe(head, { address: BUFFERS, length: 1, flags: 2 });
      ring.offer(head);
    });
    expect(told).toEqual([0, 1].flatMap((slot) => [used(device, slot), usedIndex(device)]));
  });
});

describe('a packed ring', () => {
  it.each([
    ['without EVENT_IDX', []],
    ['with EVENT_IDX', [feature.ringEventIndex]],
  ])('tells of used descriptors, their first flags, and the event structure: %s', (_, features: number[]) => {
    const guest = new ModernGuest(new Probe({ queueSizes: [SIZE], complete: 1 }), {
      transportFeatures: [feature.ringPacked, feature.ringEventIndex],
    });
    guest.negotiate([...features, feature.ringPacked]);
    guest.setUp(0, SIZE, ALIGNED);
    guest.block.set('deviceStatus', 0x0f);
    const ring = new RawPackedRing(guest.machine.ram, SIZE, ALIGNED);
    const event = features.length === 0 ? [] : [[ALIGNED.device, 4]];
    const told: Told = observed(guest, (id) => ring.offer(id, { address: BUFFERS, length: 1, flags: 2 }));
    expect(told).toEqual(
      [0, 1].flatMap((slot) => [
        [ALIGNED.descriptor + 16 * slot + 8, 8],
        ...event,
        [ALIGNED.descriptor + 16 * slot + 14, 2],
      ]),
    );
    expect([ring.used(0), ring.used(1)]).toEqual([
      [5, 1],
      [2, 1],
    ]);
  });
});
