import { describe, expect, it, test } from 'vitest';
import { GuestMemory } from '../../src/core/index.ts';
import {
  DriverPackedRing,
  INDIRECT_ENTRIES,
  ResourceError,
  RingBrokenError,
  RingSizeError,
} from '../../src/driver/index.ts';

const SIZE = 5;
const place = { descriptor: 0x1000, driver: 0x2000, device: 0x2010 };
const TABLES = 0x8000;
const plain = { littleEndian: true, eventIndex: false, indirect: false, inOrder: false };
const WRAP = 0x8000;

function ring(mode: Partial<typeof plain> = {}, size = SIZE) {
  const ram = GuestMemory.allocate({ start: 0, length: 0x20000 });
  let next = TABLES;
  const made = new DriverPackedRing(
    ram,
    size,
    place,
    { ...plain, ...mode },
    (length) => (next += length) - length,
  );
  const { view } = ram.ranges[0]!;
  let [slot, wrap] = [0, true];
  return {
    ring: made,
    view,
    /** Position and flags of the driver's event structure. */
    event: () => [view.getUint16(place.driver, true), view.getUint16(place.driver + 2, true)],
    setEvent: (position: number, flags: number) => {
      view.setUint16(place.device, position, true);
      view.setUint16(place.device + 2, flags, true);
    },
    /** What a device does: overwrites the next descriptor with a used one, and skips `span`. */
    use: (id: number, length: number, span = 1, extra = 2) => {
      const at = place.descriptor + 16 * slot;
      view.setUint32(at + 8, length, true);
      view.setUint16(at + 12, id, true);
      view.setUint16(at + 14, (wrap ? 0x8080 : 0) | extra, true);
      for (let i = 0; i < span; i++) {
        slot = (slot + 1) % size;
        if (slot === 0) wrap = !wrap;
      }
    },
    descriptor: (index: number, table = place.descriptor) => ({
      address: Number(view.getBigUint64(table + 16 * index, true)),
      length: view.getUint32(table + 16 * index + 8, true),
      id: view.getUint16(table + 16 * index + 12, true),
      flags: view.getUint16(table + 16 * index + 14, true),
    }),
  };
}

const readable = (address: number, length: number) => ({ address, length, writable: false });
const writable = (address: number, length: number) => ({ address, length, writable: true });

describe('the driver side of a packed ring', () => {
  it('PKD-LAY-01: lays a chain down in the next slots, with the flags of the round in each', () => {
    const { ring: under, descriptor } = ring();
    const id = under.add([readable(0x12_3456_7890, 16), writable(0x4000, 512), writable(0x5000, 1)]);
    under.publish();
    expect([descriptor(0), descriptor(1), descriptor(2)]).toEqual([
      { address: 0x12_3456_7890, length: 16, id, flags: 0x81 },
      { address: 0x4000, length: 512, id, flags: 0x83 },
      { address: 0x5000, length: 1, id, flags: 0x82 },
    ]);
    expect([under.free, under.outstanding]).toEqual([SIZE - 3, 1]);
  });

  it('PKD-SG-06: shows nothing before it is published, and then the first descriptor last', () => {
    const { ring: under, descriptor, view } = ring();
    const writes: number[] = [];
    const setUint16 = view.setUint16.bind(view);
    view.setUint16 = (at, value, little) => {
      if (at % 16 === 14) writes.push((at - place.descriptor - 14) / 16);
      setUint16(at, value, little);
    };
    under.add([readable(0, 1), readable(0, 1)]);
    under.add([writable(0, 1), writable(0, 1), writable(0, 1)]);
    expect(descriptor(0).flags).toBe(0);
    under.publish();
    expect(writes).toEqual([1, 4, 3, 2, 0]);
  });

  it('PKD-EVT-04: turns the flags over at the end of the ring', () => {
    const { ring: under, descriptor, use } = ring();
    const flags: number[] = [];
    const step = (span: number) => {
      const id = under.add(Array.from({ length: span }, () => readable(0, 1)));
      under.publish();
      for (let i = 0; i < SIZE; i++) flags[i] = descriptor(i).flags;
      use(id, 0, span, 0);
      expect(under.take()).toEqual({ head: id, length: 0 });
    };
    step(3);
    step(4);
    expect(flags).toEqual([0x8001, 0x8000, 0x80, 0x81, 0x81]);
    step(3);
    step(1);
    expect([flags[0], under.free]).toEqual([0x80, SIZE]);
  });

  it('takes what the device handed back, whatever the order, and follows it around the ring', () => {
    const { ring: under, use } = ring();
    for (let round = 0; round < 12; round++) {
      const a = under.add([readable(0, 1), writable(0, 1)]);
      const b = under.add([writable(0, 1)]);
      const c = under.add([writable(0, 4), writable(0, 4)]);
      under.publish();
      expect([under.free, under.outstanding, under.take()]).toEqual([0, 3, null]);
      use(b, 7);
      use(c, 0xffffffff, 2);
      expect([under.take(), under.take(), under.take(), under.free]).toEqual([
        { head: b, length: 7 },
        { head: c, length: 0xffffffff },
        null,
        3,
      ]);
      use(a, round, 2);
      expect([under.take(), under.take(), under.free]).toEqual([{ head: a, length: round }, null, SIZE]);
    }
  });

  it('says when it is full, and has as many descriptors as its size', () => {
    const { ring: under } = ring();
    const ids = new Set<number>();
    for (let i = 0; i < SIZE - 1; i++) ids.add(under.add([writable(0, 1)]));
    expect(under.add([readable(0, 1), writable(0, 1)])).toBe(-1);
    ids.add(under.add([writable(0, 1)]));
    expect([ids.size, under.add([writable(0, 1)]), under.add([]), under.free]).toEqual([SIZE, -1, -1, 0]);
    expect(ids.has(-1)).toBe(false);
  });

  it('PKD-LAY-02: ignores NEXT in a used descriptor, and a length without WRITE', () => {
    const { ring: under, use } = ring();
    const id = under.add([writable(0, 1), writable(0, 1)]);
    under.publish();
    use(id, 5, 2, 1);
    expect(under.take()).toEqual({ head: id, length: 0 });
    expect(under.free).toBe(SIZE);
  });

  it('an id that the device does not have is the end of the ring', () => {
    const { ring: under, use } = ring();
    const id = under.add([writable(0, 1)]);
    under.publish();
    use(id + 1, 1);
    expect([under.take(), under.broken]).toEqual([null, true]);
    expect(under.failure).toBeInstanceOf(RingBrokenError);
    expect(under.failure).toMatchObject({ value: id + 1 });
    use(id, 1);
    expect([under.take(), under.outstanding, under.add([writable(0, 1)])]).toEqual([null, 1, -1]);
  });

  it('an id that the device handed back before is the end of the ring', () => {
    const { ring: under, use } = ring();
    const [id] = [under.add([writable(0, 1)]), under.add([writable(0, 1)])];
    under.publish();
    use(id, 1);
    use(id, 1);
    expect([under.take()?.head, under.take(), under.failure?.value]).toEqual([id, null, id]);
  });

  test.each([0, -1, 1.5, 0x8001])('has no size of %d', (size) => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x10000 });
    expect(() => new DriverPackedRing(ram, size, place, plain)).toThrow(RingSizeError);
  });

  it('PKD-RING-01: has sizes that are no power of two, and those at the limits', () => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x200000 });
    const far = { descriptor: 0, driver: 0x100000, device: 0x140000 };
    for (const size of [1, 12, 0x8000]) expect(new DriverPackedRing(ram, size, far, plain).free).toBe(size);
  });

  it('takes nothing that it has not made available', () => {
    const { ring: under, use } = ring();
    use(0, 1);
    expect([under.take(), under.broken]).toEqual([null, false]);
  });

  it('PKD-IND-02, PKD-IND-04: puts longer chains into tables, with WRITE as the only flag', () => {
    const { ring: under, descriptor } = ring({ indirect: true });
    const id = under.add([readable(0x1111, 16), writable(0x2222, 4)]);
    under.publish();
    const { address, length, flags, id: named } = descriptor(0);
    expect([length, flags, named, under.free]).toEqual([32, 0x84, id, SIZE - 1]);
    expect([descriptor(0, address), descriptor(1, address)]).toEqual([
      { address: 0x1111, length: 16, id: 0, flags: 0 },
      { address: 0x2222, length: 4, id: 0, flags: 2 },
    ]);
    under.add([writable(0x3333, 4)]);
    under.publish();
    expect(descriptor(1)).toMatchObject({ address: 0x3333, flags: 0x82 });
    const long = Array.from({ length: INDIRECT_ENTRIES + 1 }, () => writable(0, 1));
    expect(under.add(long)).toBe(-1);
    under.add([readable(0, 1), writable(0, 1)]);
    under.publish();
    expect(descriptor(2).address).not.toBe(address);
  });

  test.each([
    ['0: enable', 0, false, true],
    ['1: disable', 1, false, false],
    ['1: disable, with EVENT_IDX', 1, true, false],
    ['2 without EVENT_IDX is no wish to be left alone', 2, false, true],
    ['3 is reserved', 3, true, true],
    ['only two bits count', 0xfffd, false, false],
  ])('PKD-EVT-01: kicks as event flags say: %s', (_, flags, eventIndex, kick) => {
    const { ring: under, setEvent } = ring({ eventIndex });
    setEvent(WRAP | 3, flags);
    under.add([writable(0, 1)]);
    expect([under.publish(), under.publish()]).toEqual([kick, false]);
  });

  // Exactly when the descriptor at the offset is among those just added, in a round of that wrap counter.
  test.each([
    [0, 1, 1, WRAP | 0, true],
    [0, 1, 1, WRAP | 1, false],
    [0, 1, 1, 0, false],
    [0, 1, 3, WRAP | 2, true],
    [0, 1, 3, WRAP | 3, false],
    [0, 3, 1, WRAP | 2, true],
    [4, 1, 1, WRAP | 4, true],
    [4, 1, 1, 4, false],
    [4, 2, 1, 0, true],
    [4, 2, 1, 1, false],
    [9, 1, 2, WRAP | 0, true],
    [9, 1, 2, 0, false],
    [3, 5, 1, 2, true],
    [3, 5, 1, 3, false],
    [3, 5, 1, 6, false],
  ])(
    'with EVENT_IDX, after %d: %d chains of %d with event 0x%s kick: %s',
    (before, count, span, event, kick) => {
      const { ring: under, use, setEvent } = ring({ eventIndex: true });
      for (let i = 0; i < before; i++) {
        const id = under.add([writable(0, 1)]);
        under.publish();
        use(id, 0);
        under.take();
      }
      setEvent(event, 2);
      for (let i = 0; i < count; i++) under.add(Array.from({ length: span }, () => writable(0, 1)));
      expect(under.publish()).toBe(kick);
    },
  );

  it('asks for interrupts, or for none', () => {
    const { ring: under, event } = ring();
    expect(event()).toEqual([0, 0]);
    under.setInterrupts(false);
    expect(event()[1]).toBe(1);
    under.setInterrupts(true);
    expect(event()[1]).toBe(0);
  });

  it('asks by descriptor with EVENT_IDX', () => {
    const { ring: under, event, use } = ring({ eventIndex: true });
    expect(event()).toEqual([WRAP, 2]);
    for (const [expected, span] of [
      [WRAP | 2, 2],
      [WRAP | 4, 2],
      [1, 2],
    ] as const) {
      const id = under.add(Array.from({ length: span }, () => writable(0, 1)));
      under.publish();
      use(id, 0, span);
      expect([under.take()?.head, under.take(), event()]).toEqual([id, null, [expected, 2]]);
    }
    under.setInterrupts(false);
    expect(event()[1]).toBe(1);
  });

  it('PKD-SUP-06: looks again once it asked to be told', () => {
    const { ring: under, use, view } = ring({ eventIndex: true });
    const head = under.add([writable(0, 1)]);
    under.publish();
    const setUint16 = view.setUint16.bind(view);
    view.setUint16 = (at, value, little) => {
      setUint16(at, value, little);
      if (at !== place.driver + 2) return;
      view.setUint16 = setUint16;
      use(head, 3);
    };
    expect(under.take()).toEqual({ head, length: 3 });
  });

  it('PKD-DESC-07: knows the next slot for a kick', () => {
    const { ring: under } = ring();
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      seen.push(under.position);
      under.add([writable(0, 1), writable(0, 1)]);
    }
    expect(seen).toEqual([WRAP, WRAP | 2, WRAP | 4]);
  });

  it('has to be in RAM', () => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x1000 });
    expect(() => new DriverPackedRing(ram, SIZE, { ...place, descriptor: 0x5000 }, plain)).toThrow(
      ResourceError,
    );
  });
});

describe('a device in order', () => {
  it('PKD-EVT-03: may report a run of chains by its last: the others were used completely', () => {
    const { ring: under, use } = ring({ inOrder: true });
    for (let round = 0; round < 7; round++) {
      const a = under.add([readable(0, 1), writable(0, 70), writable(0, 7)]);
      const b = under.add([readable(0, 5)]);
      const c = under.add([writable(0, 9)]);
      under.publish();
      use(c, 3, 5);
      expect([under.take(), under.take(), under.take(), under.take(), under.free]).toEqual([
        { head: a, length: 77 },
        { head: b, length: 0 },
        { head: c, length: 3 },
        null,
        SIZE,
      ]);
    }
  });
});
