import { describe, expect, it, test } from 'vitest';
import { feature } from '../../src/virtio/index.ts';
import { BUFFERS, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';
import { RawRing } from './support/ring.ts';

const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };
const TABLE = 0x40000;
const MAX_SIZE = 8;
const OFFERED = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringPacked,
  feature.ringReset,
];
const buffer = { address: BUFFERS, length: 8, flags: WRITE };

function started(features: readonly number[], size: number, complete: number | null = 1) {
  const probe = new Probe({ queueSizes: [MAX_SIZE], ...(complete === null ? {} : { complete }) });
  const guest = new ModernGuest(probe, { transportFeatures: OFFERED });
  guest.negotiate(features);
  guest.setUp(0, size, PARTS);
  guest.block.set('deviceStatus', 15);
  return { probe, guest };
}

describe('a packed ring of any size', () => {
  const sizes = [1, 2, 3, 5, 6, 7, 8];

  test.each(sizes)('PKD-EVT-04: goes round and round: %d descriptors, lists of every length', (size) => {
    for (let length = 1; length <= size; length++) {
      const { guest } = started([34], size);
      const ring = new RawPackedRing(guest.machine.ram, size, PARTS);
      // Lists begin at every place, so that some lie across the end, and every place sees both wrap counters twice.
      for (let i = 0; i < 4 * size + 3; i++) {
        const [slot, wrap] = [ring.next, ring.wrap];
        ring.offer(i, ...Array.from({ length }, () => buffer));
        guest.kick();
        expect([ring.used(slot, wrap), guest.clauses()]).toEqual([[i, 1], []]);
      }
    }
  });

  test.each(sizes)('PKD-EVT-04: goes round with all that fits in flight: %d descriptors', (size) => {
    const { guest, probe } = started([34], size, null);
    const ring = new RawPackedRing(guest.machine.ram, size, PARTS);
    for (let round = 0; round < 5; round++) {
      const wrap = ring.wrap;
      for (let id = 0; id < size; id++) ring.offer(id, buffer);
      guest.kick();
      expect(probe.taken.length).toBe(size);
      for (let id = 0; id < size; id++) probe.finish(1 + id);
      for (let id = 0; id < size; id++) expect(ring.used(id, wrap)).toEqual([id, 1 + id]);
      expect(guest.clauses()).toEqual([]);
    }
  });

  test.each(sizes)('PKD-DESC-05: takes none more than fits: %d descriptors', (size) => {
    const { guest, probe } = started([34], size, null);
    const ring = new RawPackedRing(guest.machine.ram, size, PARTS);
    for (let id = 0; id < size; id++) ring.offer(id, buffer);
    guest.kick();
    expect(guest.clauses()).toEqual([]);
    ring.offer(size, buffer);
    guest.kick();
    expect([probe.taken.length, guest.clauses()]).toEqual([size, ['PKD-DESC-05']]);
  });

  test.each(sizes)(
    'interrupts at the place that the driver names, across the end: %d descriptors',
    (size) => {
      for (let place = 0; place < 2 * size; place++) {
        const { guest } = started([34, 29], size);
        const ring = new RawPackedRing(guest.machine.ram, size, PARTS);
        ring.setDriverEvent(2, place < size ? 0x8000 | place : place - size);
        const heard: number[] = [];
        for (let i = 0; i < 2 * size; i++) {
          ring.offer(i, buffer);
          guest.kick();
          if (guest.isr() !== 0) heard.push(i);
        }
        expect(heard).toEqual([place]);
      }
    },
  );
});

describe('the reset of one queue', () => {
  test.each([
    ['packed', [34, 40], 5],
    ['packed', [34, 40], 1],
    ['split', [40], 4],
    ['split', [40], 1],
  ] as const)('BF-VQR-02: gives a %s queue its size back', (_, features, size) => {
    const { guest } = started(features, size);
    expect(guest.block.get('queueSize')).toBe(size);
    guest.block.set('queueReset', 1);
    expect([guest.block.get('queueReset'), guest.block.get('queueSize')]).toEqual([0, MAX_SIZE]);
    expect(
      ['queueDescriptorLow', 'queueDriverLow', 'queueDeviceLow'].map((name) =>
        guest.block.get(name as never),
      ),
    ).toEqual([0, 0, 0]);
  });

  it('BF-VQR-02, PKD-EVT-04: begins a packed ring at its first descriptor, with the wrap counter set', () => {
    const { guest, probe } = started([34, 40], 5);
    const ring = new RawPackedRing(guest.machine.ram, 5, PARTS);
    for (let i = 0; i < 7; i++) {
      ring.offer(i, buffer);
      guest.kick();
    }
    guest.block.set('queueReset', 1);
    guest.machine.ram.fill(PARTS.descriptor, 16 * MAX_SIZE, 0);
    guest.setUp(0, 7, PARTS);
    const again = new RawPackedRing(guest.machine.ram, 7, PARTS);
    probe.handled.length = 0;
    again.offer(3, buffer);
    guest.kick();
    expect([probe.handled, again.used(0)]).toEqual([['0:3'], [3, 1]]);
  });
});

describe('limits at the limit', () => {
  const chain = (count: number) => Array.from({ length: count }, () => buffer);

  test.each([
    [8, 8, []],
    [8, 9, ['SPL-AVL-01']],
    [1, 1, []],
    [1, 2, ['SPL-AVL-01']],
  ])('SPL-AVL-01: a split ring of %d takes %d at once: %j', (size, count, clauses) => {
    const { guest } = started([], size);
    const ring = new RawRing(guest.machine.ram, size, PARTS);
    ring.describe(0, buffer);
    ring.offer(...new Array<number>(count).fill(0));
    guest.kick();
    expect([guest.clauses(), ring.usedIndex]).toEqual([clauses, clauses.length === 0 ? count : 0]);
  });

  test.each([
    [1024, []],
    [1025, ['SPL-IND-03']],
  ])('SPL-IND-03: a table of %d descriptors: %j', (count, clauses) => {
    const { guest, probe } = started([28], MAX_SIZE);
    const ring = new RawRing(guest.machine.ram, MAX_SIZE, PARTS);
    ring.chain(0, chain(count), TABLE);
    ring.describe(0, { address: TABLE, length: 16 * count, flags: INDIRECT });
    ring.offer(0);
    guest.kick();
    expect([guest.clauses(), probe.handled.length]).toEqual([clauses, clauses.length === 0 ? 1 : 0]);
  });

  test.each([
    [1024, []],
    [1025, ['PKD-IND-03']],
  ])('PKD-IND-03: a table of %d descriptors: %j', (count, clauses) => {
    const { guest, probe } = started([28, 34], MAX_SIZE);
    const ring = new RawPackedRing(guest.machine.ram, MAX_SIZE, PARTS);
    for (let i = 0; i < count; i++) ring.describe(i, { ...buffer, id: 0 }, TABLE);
    ring.offer(0, { address: TABLE, length: 16 * count, flags: INDIRECT });
    guest.kick();
    expect([guest.clauses(), probe.handled.length]).toEqual([clauses, clauses.length === 0 ? 1 : 0]);
  });

  test.each([
    [7, []],
    [8, ['SPL-DESC-05']],
  ])('SPL-DESC-05: a chain that goes on with descriptor %d: %j', (next, clauses) => {
    const { guest } = started([], MAX_SIZE);
    const ring = new RawRing(guest.machine.ram, MAX_SIZE, PARTS);
    ring.describe(0, { ...buffer, flags: WRITE | NEXT, next });
    ring.describe(7, buffer);
    ring.offer(0);
    guest.kick();
    expect(guest.clauses()).toEqual(clauses);
  });

  test.each([
    [0, []],
    [4, ['RF-05', 'BF-STAT-04']],
  ])('a used ring that ends %d bytes behind the end of memory: %j', (beyond, clauses) => {
    const guest = new ModernGuest(new Probe({ queueSizes: [MAX_SIZE], complete: 1 }));
    guest.negotiate([]);
    // 6 bytes, and 8 for each descriptor; one that is aligned ends two bytes before the end at most.
    const device = Math.floor((guest.machine.ram.ranges.at(-1)!.end - 6 - 8 * MAX_SIZE) / 4) * 4 + beyond;
    const ring = guest.setUp(0, MAX_SIZE, { ...PARTS, device });
    guest.block.set('deviceStatus', 15);
    ring.describe(0, buffer);
    ring.offer(0);
    guest.kick();
    expect(guest.clauses()).toEqual(clauses);
  });

  test.each([
    [1, true],
    [MAX_SIZE, true],
    [MAX_SIZE + 1, false],
    [0, false],
  ])('PCI-COM-19, PCI-COM-20: a queue size of %d written, packed: %s', (size, taken) => {
    for (const features of [[34], []]) {
      const probe = new Probe({ queueSizes: [MAX_SIZE] });
      const guest = new ModernGuest(probe, { transportFeatures: OFFERED });
      guest.negotiate(features);
      guest.block.set('queueSize', size);
      expect(guest.block.get('queueSize')).toBe(taken ? size : MAX_SIZE);
      const tooSmall = features.length > 0 ? 'PCI-COM-19' : 'PCI-COM-20';
      const clause = size > MAX_SIZE ? 'PCI-VQ-01' : tooSmall;
      expect(guest.clauses()).toEqual(taken ? [] : [clause]);
    }
  });
});
