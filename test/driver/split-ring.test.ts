import { describe, expect, it, test } from 'vitest';
import { GuestMemory } from '../../src/core/index.ts';
import {
  DriverSplitRing,
  INDIRECT_ENTRIES,
  ResourceError,
  RingBrokenError,
  RingSizeError,
} from '../../src/driver/index.ts';

const SIZE = 8;
const place = { descriptor: 0x1000, driver: 0x2000, device: 0x3000 };
const TABLES = 0x8000;
const plain = { littleEndian: true, eventIndex: false, indirect: false, inOrder: false };

function ring(mode: Partial<typeof plain> = {}, size = SIZE) {
  const ram = GuestMemory.allocate({ start: 0, length: 0x20000 });
  const whole = { ...plain, ...mode };
  let next = TABLES;
  const made = new DriverSplitRing(ram, size, place, whole, (length) => (next += length) - length);
  const { view } = ram.ranges[0]!;
  const little = whole.littleEndian;
  let used = 0;
  return {
    ram,
    ring: made,
    u16: (at: number) => view.getUint16(at, little),
    put16: (at: number, value: number) => view.setUint16(at, value, little),
    /** What a device does: puts an element on the used ring, and goes on by as many as it stands for. */
    use: (id: number, length: number, chains = 1) => {
      view.setUint32(place.device + 4 + 8 * (used % size), id, little);
      view.setUint32(place.device + 8 + 8 * (used % size), length, little);
      used = (used + chains) & 0xffff;
      view.setUint16(place.device + 2, used, little);
    },
    descriptor: (index: number, table = place.descriptor) => ({
      address: Number(view.getBigUint64(table + 16 * index, little)),
      length: view.getUint32(table + 16 * index + 8, little),
      flags: view.getUint16(table + 16 * index + 12, little),
      next: view.getUint16(table + 16 * index + 14, little),
    }),
  };
}

const readable = (address: number, length: number) => ({ address, length, writable: false });
const writable = (address: number, length: number) => ({ address, length, writable: true });

describe.each([true, false])('the driver side of a split ring, little-endian: %s', (littleEndian) => {
  it('lays a chain down as linked descriptors, and its head in the available ring', () => {
    const { ring: under, descriptor, u16 } = ring({ littleEndian });
    const head = under.add([readable(0x12_3456_7890, 16), writable(0x4000, 512), writable(0x5000, 1)]);
    const first = descriptor(head);
    const second = descriptor(first.next);
    expect([first, second, descriptor(second.next)]).toMatchObject([
      { address: 0x12_3456_7890, length: 16, flags: 1 },
      { address: 0x4000, length: 512, flags: 3 },
      { address: 0x5000, length: 1, flags: 2 },
    ]);
    expect([u16(place.driver + 4), u16(place.driver + 2)]).toEqual([head, 0]);
    under.publish();
    expect(u16(place.driver + 2)).toBe(1);
  });

  it('takes what the device handed back, whatever the order, and uses the descriptors again', () => {
    const { ring: under, use } = ring({ littleEndian });
    const heads = [
      under.add([readable(0, 1), writable(0, 1)]),
      under.add([writable(0, 1)]),
      under.add([writable(0, 1)]),
    ];
    under.publish();
    expect([under.free, under.outstanding]).toEqual([SIZE - 4, 3]);
    use(heads[1]!, 7);
    use(heads[0]!, 0xffffffff);
    expect([under.take(), under.take(), under.take()]).toEqual([
      { head: heads[1], length: 7 },
      { head: heads[0], length: 0xffffffff },
      null,
    ]);
    expect([under.free, under.outstanding]).toEqual([SIZE - 1, 1]);
  });
});

describe('the driver side of a split ring', () => {
  it('says when it is full, and has as many descriptors as its size', () => {
    const { ring: under } = ring();
    for (let i = 0; i < SIZE - 1; i++) expect(under.add([writable(0, 1)])).toBeGreaterThanOrEqual(0);
    expect(under.add([readable(0, 1), writable(0, 1)])).toBe(-1);
    expect(under.add([writable(0, 1)])).toBeGreaterThanOrEqual(0);
    expect([under.add([writable(0, 1)]), under.add([]), under.free]).toEqual([-1, -1, 0]);
  });

  // SPL-USED-01..03 leave nothing else that a device may write there.
  test.each([
    ['an id out of range', [SIZE], SIZE],
    ['an id of 32 bits', [0xffff_ffff], 0xffff_ffff],
    ['an id that it does not have', [5], 5],
    ['a chain that it handed back before', [0, 0], 0],
  ])('is broken by %s, and says so by name', (_, ids, value) => {
    const { ring: under, use } = ring();
    for (let i = 0; i < 2; i++) under.add([writable(0, 1)]);
    under.publish();
    for (const id of ids) use(id, 1);
    for (const id of ids.slice(0, -1)) expect(under.take()?.head).toBe(id);
    expect([under.failure, under.broken]).toEqual([null, false]);
    expect(under.take()).toBeNull();
    expect(under.failure).toBeInstanceOf(RingBrokenError);
    expect(under.failure).toMatchObject({ value });
    // Nothing more is taken, and nothing more goes out.
    use(1, 1);
    expect([under.take(), under.add([writable(0, 1)]), under.broken]).toEqual([null, -1, true]);
  });

  test.each([
    ['by one more than there are chains', 3],
    ['back', 0],
    ['far ahead', 0x8001],
  ])('is broken by a used index that jumps %s', (_, index) => {
    const { ring: under, use, put16 } = ring();
    use(under.add([writable(0, 1)]), 0);
    expect(under.take()?.head).toBe(0);
    under.add([writable(0, 1)]);
    under.publish();
    // One chain is outstanding, so the index may go on from 1 to 2.
    put16(place.device + 2, index);
    expect([under.take(), under.broken]).toEqual([null, true]);
    expect(under.failure).toMatchObject({
      value: index,
      message: expect.stringMatching(/used index goes from 1/),
    });
  });

  test.each([0, -8, 3, 12, 1.5, Number.NaN, 0x8001, 0x10000])('has no size of %d', (size) => {
    expect(() => ring({}, size)).toThrow(RingSizeError);
  });

  it('has the sizes at the limits', () => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x200000 });
    const far = { descriptor: 0, driver: 0x100000, device: 0x140000 };
    for (const size of [1, 0x8000]) expect(new DriverSplitRing(ram, size, far, plain).free).toBe(size);
  });

  it('goes on past index 65535', () => {
    const { ring: under, use, u16 } = ring();
    for (let i = 0; i < 0x10003; i++) {
      const head = under.add([writable(0, 1)]);
      under.publish();
      use(head, i);
      expect(under.take()!.length).toBe(i);
    }
    expect([u16(place.driver + 2), under.free]).toEqual([3, SIZE]);
  });

  it('SPL-IND-04, SPL-FRM-03: puts longer chains into indirect tables, one descriptor each', () => {
    const { ring: under, descriptor } = ring({ indirect: true });
    const head = under.add([readable(0x1111, 16), writable(0x2222, 4)]);
    const { address, length, flags } = descriptor(head);
    expect([length, flags, under.free]).toEqual([32, 4, SIZE - 1]);
    expect([descriptor(0, address), descriptor(1, address)]).toEqual([
      { address: 0x1111, length: 16, flags: 1, next: 1 },
      { address: 0x2222, length: 4, flags: 2, next: 0 },
    ]);
    expect(descriptor(under.add([writable(0x3333, 4)])).flags).toBe(2);
    const long = Array.from({ length: INDIRECT_ENTRIES + 1 }, () => writable(0, 1));
    expect(under.add(long)).toBe(-1);
    // Each head has a table of its own.
    const other = under.add([readable(0, 1), writable(0, 1)]);
    expect(descriptor(other).address).not.toBe(address);
  });

  test.each([
    ['SPL-ANS-04: flags 0', 0, true],
    ['SPL-ANS-03: flags 1', 1, false],
  ])('kicks as used flags say: %s', (_, flags, kick) => {
    const { ring: under, put16 } = ring();
    put16(place.device, flags);
    put16(place.device + 4 + 8 * SIZE, 0x55);
    under.add([writable(0, 1)]);
    expect(under.publish()).toBe(kick);
    expect(under.publish()).toBe(false);
  });

  // SPL-ANS-05..07: exactly when the entry at avail_event is among those just added.
  test.each([
    [0, 1, 0, true],
    [0, 1, 1, false],
    [0, 3, 2, true],
    [0, 3, 3, false],
    [0, 1, 0xffff, false],
    [5, 1, 5, true],
    [5, 2, 4, false],
    [0xfffe, 3, 0, true],
    [0xfffe, 3, 1, false],
    [0xfffe, 3, 0xfffe, true],
  ])('EVENT_IDX at index %d: %d more with avail_event %d kick: %s', (before, count, event, kick) => {
    const { ring: under, put16, use } = ring({ eventIndex: true });
    put16(place.device, 1);
    for (let i = 0; i < before; i++) {
      use(under.add([writable(0, 1)]), 0);
      under.publish();
      under.take();
    }
    put16(place.device + 4 + 8 * SIZE, event);
    for (let i = 0; i < count; i++) under.add([writable(0, 1)]);
    expect(under.publish()).toBe(kick);
  });

  it('SPL-UNS-02: asks for interrupts, or for none, by flag', () => {
    const { ring: under, u16 } = ring();
    expect(u16(place.driver)).toBe(0);
    under.setInterrupts(false);
    expect(u16(place.driver)).toBe(1);
    under.setInterrupts(true);
    expect(u16(place.driver)).toBe(0);
  });

  it('SPL-UNS-03, SPL-UNS-04: asks by used_event with EVENT_IDX, and keeps the flags 0', () => {
    const { ring: under, u16, use } = ring({ eventIndex: true });
    const event = () => u16(place.driver + 4 + 2 * SIZE);
    expect(event()).toBe(0);
    use(under.add([writable(0, 1)]), 0);
    under.publish();
    under.take();
    expect(under.take()).toBeNull();
    expect(event()).toBe(1);
    under.setInterrupts(false);
    expect([event(), u16(place.driver)]).toEqual([0, 0]);
  });

  it('SPL-SUP-07: looks again once it asked to be told', () => {
    const { ring: under, use, ram } = ring({ eventIndex: true });
    const head = under.add([writable(0, 1)]);
    under.publish();
    // The device completes between the first look and the request for an interrupt.
    const { view } = ram.ranges[0]!;
    const setUint16 = view.setUint16.bind(view);
    view.setUint16 = (at, value, little) => {
      setUint16(at, value, little);
      if (at === place.driver + 4 + 2 * SIZE && under.outstanding === 1) {
        view.setUint16 = setUint16;
        use(head, 3);
      }
    };
    expect(under.take()).toEqual({ head, length: 3 });
  });

  it('has to be in RAM', () => {
    const ram = GuestMemory.allocate({ start: 0, length: 0x1000 });
    expect(() => new DriverSplitRing(ram, SIZE, { ...place, descriptor: 0x5000 }, plain)).toThrow(
      ResourceError,
    );
  });
});

describe('a device in order', () => {
  it('SPL-INO-01: may report a run of chains by its last: the others were used completely', () => {
    const { ring: under, use } = ring({ inOrder: true });
    for (let round = 0; round < 7; round++) {
      const a = under.add([readable(0, 1), writable(0, 70), writable(0, 7)]);
      const b = under.add([readable(0, 5)]);
      const c = under.add([writable(0, 9)]);
      under.publish();
      use(c, 3, 3);
      expect([under.take(), under.take(), under.take(), under.take(), under.free]).toEqual([
        { head: a, length: 77 },
        { head: b, length: 0 },
        { head: c, length: 3 },
        null,
        SIZE,
      ]);
    }
  });

  it('SPL-INO-01: is broken by an element that stands for more chains than the index says', () => {
    const { ring: under, use } = ring({ inOrder: true });
    const heads = [1, 2, 3].map(() => under.add([writable(0, 1)]));
    under.publish();
    use(heads[2]!, 1, 2);
    expect([under.take(), under.failure?.value]).toEqual([null, heads[2]]);
    expect(under.failure?.message).toBe(
      `the ring is broken: the device used chain ${heads[2]} in order, 3 chains by 2 used entries`,
    );
  });

  it('SPL-DESC-06: gets descriptors in ring order', () => {
    const { ring: under, use, descriptor } = ring({ inOrder: true });
    let at = 0;
    for (const span of [3, 1, 4, 2, 5, 8, 3]) {
      const head = under.add(Array.from({ length: span }, () => writable(0, 1)));
      expect(head).toBe(at);
      for (let i = 1; i < span; i++) {
        const { next } = descriptor(at);
        at = (at + 1) % SIZE;
        expect(next).toBe(at);
      }
      at = (at + 1) % SIZE;
      under.publish();
      use(head, 0);
      under.take();
    }
  });
});
