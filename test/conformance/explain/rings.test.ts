import { describe, expect, it } from 'vitest';
import { readPacked } from '../../../src/conformance/explain/packed.ts';
import { RamReader } from '../../../src/conformance/explain/ram.ts';
import type { RingFault, RingRules, SeenRing } from '../../../src/conformance/explain/ring.ts';
import { readSplit } from '../../../src/conformance/explain/split.ts';
import { GuestMemory } from '../../../src/core/index.ts';
import { DriverPackedRing, DriverSplitRing } from '../../../src/driver/index.ts';
import { PACKED_DESCRIPTOR_BYTES } from '../../../src/virtio/layout/index.ts';

const SIZE = 8;
const place = { descriptor: 0x1000, driver: 0x2000, device: 0x3000 };
const areas = { descriptors: place.descriptor, driver: place.driver, device: place.device };
const rules: RingRules = {
  size: SIZE,
  packed: false,
  indirect: false,
  eventIndex: false,
  legacy: false,
  opens: 'readable',
};
const mode = { littleEndian: true, eventIndex: false, indirect: false, inOrder: false };

const memory = () => GuestMemory.allocate({ start: 0, length: 0x10000 });
const buffer = (address: number, writable: boolean) => ({ address, length: 16, writable });
const request = (at: number) => [buffer(at, false), buffer(at + 16, true), buffer(at + 32, true)];
const good = (ring: SeenRing | RingFault): SeenRing => {
  expect(ring).toHaveProperty('layout');
  return ring as SeenRing;
};
const view = (ram: GuestMemory) => ram.ranges[0]!.view;

describe('a split ring', () => {
  const read = (ram: GuestMemory, more: Partial<RingRules> = {}) =>
    good(readSplit(new RamReader(ram, true), areas, { ...rules, ...more }));

  /** The device hands a chain back. */
  function use(ram: GuestMemory, nth: number, head: number) {
    view(ram).setUint32(place.device + 4 + 8 * (nth % SIZE), head, true);
    view(ram).setUint16(place.device + 2, nth + 1, true);
  }

  it('has the chains that wait, also where the device hands them back in another order', () => {
    const ram = memory();
    const ring = new DriverSplitRing(ram, SIZE, place, mode);
    const heads = [0x4000, 0x5000].map((at) => ring.add(request(at)));
    ring.publish();
    expect(read(ram)).toMatchObject({ waitingCount: 2, certain: true, kickWanted: true });
    use(ram, 0, heads[1]!);
    const { waiting, waitingCount, certain } = read(ram);
    expect({ waitingCount, certain, heads: waiting.map(({ head }) => head) }).toEqual({
      waitingCount: 1,
      certain: true,
      heads: [heads[0]],
    });
    expect(waiting[0]!.buffers).toEqual(request(0x4000));
  });

  it('is read right after many rounds', () => {
    const ram = memory();
    const ring = new DriverSplitRing(ram, SIZE, place, mode);
    for (let i = 0; i < 50; i++) {
      const head = ring.add([buffer(0x4000, false)]);
      ring.publish();
      expect(read(ram)).toMatchObject({ waitingCount: 1, waiting: [{ head }] });
      use(ram, i, head);
      expect(read(ram).waitingCount).toBe(0);
      ring.take();
    }
  });

  it('tells by the event index whether a kick is due', () => {
    const ram = memory();
    const ring = new DriverSplitRing(ram, SIZE, place, { ...mode, eventIndex: true });
    const availEvent = place.device + 4 + 8 * SIZE;
    ring.add([buffer(0x4000, false)]);
    ring.publish();
    expect(read(ram, { eventIndex: true }).kickWanted).toBe(true);
    view(ram).setUint16(availEvent, 5, true);
    expect(read(ram, { eventIndex: true }).kickWanted).toBe(false);
  });

  it('is read in the order of bytes of its driver', () => {
    const ram = memory();
    const ring = new DriverSplitRing(ram, SIZE, place, { ...mode, littleEndian: false });
    ring.add(request(0x4000));
    ring.publish();
    const seen = good(readSplit(new RamReader(ram, false), areas, rules));
    expect(seen.waiting[0]!.buffers).toEqual(request(0x4000));
  });
});

describe('a packed ring', () => {
  const packed: RingRules = { ...rules, packed: true };
  const read = (ram: GuestMemory, more: Partial<RingRules> = {}) =>
    good(readPacked(new RamReader(ram, true), areas, { ...packed, ...more }));

  /** The device hands a chain back at its slot of a round. */
  function use(ram: GuestMemory, slot: number, id: number, wrap: boolean) {
    const at = place.descriptor + PACKED_DESCRIPTOR_BYTES * slot;
    view(ram).setUint16(at + 12, id, true);
    view(ram).setUint16(at + 14, wrap ? 0x8080 : 0, true);
  }

  it('that nobody has written has nothing', () => {
    expect(read(memory())).toMatchObject({ waitingCount: 0, used: false, certain: true });
  });

  it.each([1, 2, 3])(
    'has what waits, and no rest of what was used, over many rounds of %s descriptors',
    (length) => {
      const ram = memory();
      const ring = new DriverPackedRing(ram, SIZE, place, mode, () => 0);
      const all = request(0x4000).slice(0, length);
      let slot = 0;
      let wrap = true;
      for (let i = 0; i < 40; i++) {
        const id = ring.add(all);
        ring.publish();
        const before = read(ram);
        expect(before.waitingCount, `request ${i} at slot ${slot}`).toBe(1);
        expect(before.waiting[0]).toMatchObject({ head: id, slot, buffers: all, fault: null });
        use(ram, slot, id, wrap);
        const after = read(ram);
        if (after.certain) expect(after.waitingCount, `after request ${i} at slot ${slot}`).toBe(0);
        ring.take();
        slot += length;
        if (slot >= SIZE) [slot, wrap] = [slot - SIZE, !wrap];
      }
    },
  );

  it('says of a list without an end that it is longer than the queue', () => {
    const ram = memory();
    for (let slot = 0; slot < SIZE; slot++) {
      view(ram).setUint32(place.descriptor + 16 * slot, 0x4000, true);
      view(ram).setUint32(place.descriptor + 16 * slot + 8, 16, true);
      view(ram).setUint16(place.descriptor + 16 * slot + 14, 0x81, true);
    }
    expect(read(ram).waiting[0]!.fault).toMatchObject({ id: 'too-long', clause: 'PKD-SG-02' });
  });
});
