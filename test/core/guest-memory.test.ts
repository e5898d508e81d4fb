import { describe, expect, it, test } from 'vitest';
import { AddressRangeError, FOUR_GIB, GuestMemory } from '../../src/core/index.ts';

const PAGE = 4096;
const HIGH = FOUR_GIB + 16 * PAGE;

const memory = () =>
  GuestMemory.allocate(
    { start: HIGH, length: PAGE },
    { start: 0, length: 2 * PAGE },
    { start: 2 * PAGE, length: PAGE },
  );

describe('guest memory', () => {
  it('sorts its ranges and starts zeroed', () => {
    const ram = memory();
    expect(ram.ranges.map(({ start, end }) => [start, end])).toEqual([
      [0, 2 * PAGE],
      [2 * PAGE, 3 * PAGE],
      [HIGH, HIGH + PAGE],
    ]);
    expect(ram.read(HIGH, 4)).toEqual(new Uint8Array(4));
  });

  test.each([0, 2 * PAGE - 4, HIGH, HIGH + PAGE - 4])('keeps bytes written at %d', (address) => {
    const ram = memory();
    ram.write(address, Uint8Array.of(1, 2, 3, 4));
    expect(ram.read(address, 4)).toEqual(Uint8Array.of(1, 2, 3, 4));
    ram.fill(address + 1, 2, 9);
    expect(ram.read(address, 4)).toEqual(Uint8Array.of(1, 9, 9, 4));
    // Nowhere else: an address above 4 GiB is not its low 32 bits.
    const total = ram.ranges.flatMap(({ bytes }) => [...bytes]).reduce((sum, byte) => sum + byte);
    expect(total).toBe(23);
  });

  test.each([
    ['in a hole', 5 * PAGE, 4],
    ['before the end and beyond it', 3 * PAGE - 2, 4],
    ['across two ranges that touch', 2 * PAGE - 2, 4],
    ['below 4 GiB where RAM is above', 16 * PAGE, 4],
    ['at a negative address', -4, 4],
  ])('throws on an access %s, and changes nothing', (_, address, length) => {
    const ram = memory();
    const accesses = [
      () => ram.read(address, length),
      () => ram.write(address, new Uint8Array(length).fill(1)),
      () => ram.fill(address, length, 1),
    ];
    for (const access of accesses) {
      expect(access).toThrow(AddressRangeError);
      expect(access).toThrow(expect.objectContaining({ start: address, length }));
    }
    expect(ram.find(address, length)).toBeUndefined();
    expect(ram.ranges.every(({ bytes }) => bytes.every((byte) => byte === 0))).toBe(true);
  });

  test.each([
    [
      'overlap',
      [
        { start: 0, length: 2 * PAGE },
        { start: PAGE, length: PAGE },
      ],
    ],
    ['are empty', [{ start: 0, length: 0 }]],
    ['do not begin at a whole address', [{ start: 0.5, length: PAGE }]],
    ['begin below 0', [{ start: -PAGE, length: PAGE }]],
    ['leave 2^53', [{ start: Number.MAX_SAFE_INTEGER - PAGE + 2, length: PAGE }]],
  ])('refuses ranges that %s', (_, ranges) => {
    expect(() => GuestMemory.allocate(...ranges)).toThrow(AddressRangeError);
  });

  it('says what is wrong with a range', () => {
    const refused = (ranges: { start: number; length: number }[]) => () => GuestMemory.allocate(...ranges);
    expect(refused([{ start: 4, length: 0 }])).toThrow(
      '0x4 + 0x0: RAM wants a whole address below 2^53 and some bytes',
    );
    expect(
      refused([
        { start: 0, length: 8 },
        { start: 7, length: 2 },
      ]),
    ).toThrow('0x7 + 0x2: overlaps the RAM before it');
    expect(() => memory().read(5 * PAGE, 4)).toThrow('0x5000 + 0x4: is not RAM');
  });

  it('takes 4 GiB in one range and not a byte more', () => {
    // Only said to be so long.
    const bytes = (length: number) => Object.defineProperty(new Uint8Array(8), 'length', { value: length });
    expect(new GuestMemory([{ start: 16, bytes: bytes(FOUR_GIB) }]).ranges[0]!.end).toBe(FOUR_GIB + 16);
    expect(() => new GuestMemory([{ start: 16, bytes: bytes(FOUR_GIB + 1) }])).toThrow(
      '0x10 + 0x100000001: one range holds 4 GiB at most',
    );
  });

  it('ends at the last address that is exact', () => {
    const start = Number.MAX_SAFE_INTEGER - 4;
    const ram = GuestMemory.allocate({ start, length: 4 });
    ram.fill(start + 3, 1, 7);
    expect([...ram.read(start, 4)]).toEqual([0, 0, 0, 7]);
    expect(() => GuestMemory.allocate({ start, length: 5 })).toThrow(AddressRangeError);
  });

  it('keeps the ranges that it had where it refuses others', () => {
    const ram = memory();
    const told: number[] = [];
    ram.watch(() => told.push(1));
    expect(() => ram.replace([{ start: -1, bytes: new Uint8Array(4) }])).toThrow(AddressRangeError);
    expect([ram.ranges.length, told.length]).toEqual([3, 0]);
  });

  it('shows its bytes as little-endian words and half-words, those at the end that fill one included', () => {
    const around = Uint8Array.from({ length: 24 }, (_, i) => 0xf0 + i);
    const [range] = new GuestMemory([{ start: 0, bytes: around.subarray(4, 15) }]).ranges;
    expect([...range!.words!].map((word) => word >>> 0)).toEqual([0xf7f6f5f4, 0xfbfaf9f8]);
    expect([...range!.halves!]).toEqual([0xf5f4, 0xf7f6, 0xf9f8, 0xfbfa, 0xfdfc]);
    expect([range!.view.byteLength, range!.view.getUint8(0), range!.view.getUint8(10)]).toEqual([
      11, 0xf4, 0xfe,
    ]);
  });

  test.each([1, 2, 3])('has no words where its array begins %d bytes beside one', (offset) => {
    const [range] = new GuestMemory([{ start: 0, bytes: new Uint8Array(24).subarray(offset) }]).ranges;
    expect([range!.words, range!.halves]).toEqual([null, null]);
    expect(range!.view.byteOffset).toBe(offset);
  });

  it('copies out what it reads, and keeps the array it was given', () => {
    const bytes = new Uint8Array(PAGE);
    const ram = new GuestMemory([{ start: PAGE, bytes }]);
    const copy = ram.read(PAGE, 2);
    copy[0] = 7;
    expect(bytes[0]).toBe(0);
    bytes[1] = 8;
    expect(ram.read(PAGE, 2)).toEqual(Uint8Array.of(0, 8));
  });

  it('tells its watchers of other ranges until they leave', () => {
    const ram = memory();
    let told = 0;
    const leave = ram.watch(() => told++);
    const other = ram.watch(() => {});
    expect(ram.watchers).toBe(2);
    other();
    other();
    expect(ram.watchers).toBe(1);
    ram.replace([{ start: 0, bytes: new Uint8Array(4) }]);
    expect(ram.ranges).toHaveLength(1);
    leave();
    ram.replace([{ start: 0, bytes: new Uint8Array(8) }]);
    expect(told).toBe(1);
  });
});
