import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  AddressRangeError,
  DmaDomain,
  DmaRegion,
  type DmaWindow,
  FOUR_GIB,
  GuestMemory,
  ViewCache,
} from '../../src/core/index.ts';
import { sameBytes } from './bytes.ts';
import { KIB, ram, source, windows } from './dma-ram.ts';

describe('a DMA domain', () => {
  it('without windows reaches all RAM and nothing else', () => {
    const domain = new DmaDomain(ram());
    for (const [address, length, reached] of [
      [0, 64 * KIB, true],
      [FOUR_GIB + 4 * KIB - 1, 1, true],
      [FOUR_GIB + 4 * KIB - 1, 2, false],
      [64 * KIB, 1, false],
      [2 ** 53, 1, false],
      [2 ** 60, 16, false],
    ] as const)
      expect(domain.reaches(address, length, true), `0x${address.toString(16)}`).toBe(reached);
  });

  test.each([
    ['inside a window', 100, 200, true, true],
    ['into a read-only window', 4 * KIB, 16, true, false],
    ['from a read-only window', 4 * KIB, 16, false, true],
    ['from a writable into a read-only window', 4 * KIB - 8, 16, false, true],
    ['across the edge of the permission', 4 * KIB - 8, 16, true, false],
    ['into a hole', 8 * KIB, 1, true, false],
    ['out of a hole', 8 * KIB, 1, false, false],
    ['into the edge of a hole', 8 * KIB - 8, 16, false, false],
    ['across two arrays', 32 * KIB - 8, 16, true, true],
    ['across two arrays, a long one', 32 * KIB - 700, KIB, true, true],
    ['past the end of RAM inside a window', 64 * KIB - 8, 16, true, false],
    ['of no bytes, anywhere', 8 * KIB, 0, true, true],
  ] as const)('moves bytes %s as the windows say', (_, address, length, write, allowed) => {
    const memory = ram();
    const domain = new DmaDomain(memory, windows);
    const told: [number, number][] = [];
    domain.observer = (at, bytes) => told.push([at, bytes]);
    const before = memory.ranges.map(({ bytes }) => bytes.slice());
    if (write) {
      expect(domain.write(address, source, 3, length)).toBe(allowed);
      if (allowed && length > 0) {
        const readBack = new Uint8Array(length);
        domain.read(address, readBack, 0, length);
        expect(readBack).toEqual(source.slice(3, 3 + length));
        expect(told.reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(length);
        return;
      }
    } else {
      const target = new Uint8Array(length + 2);
      expect(domain.read(address, target, 1, length)).toBe(allowed);
      expect(target).toEqual(Uint8Array.of(0, ...new Uint8Array(length).fill(allowed ? 0x55 : 0), 0));
    }
    // All or nothing: neither a refused write nor a read changed a byte, and nobody was told of one.
    expect(memory.ranges.every(({ bytes }, i) => sameBytes(bytes, before[i]!))).toBe(true);
    expect(told).toEqual([]);
  });

  it('finds a region only where all bytes stand together with the permission', () => {
    const domain = new DmaDomain(ram(), windows);
    expect(domain.find(0, 4 * KIB, true)).toMatchObject({ start: 0, end: 4 * KIB, writable: true, base: 0 });
    expect(domain.find(4 * KIB, 1, true)).toBeNull();
    expect(domain.find(0, 4 * KIB + 1, false)).toBeNull();
    expect(domain.find(40 * KIB, 16, true)).toMatchObject({ start: 32 * KIB, end: 52 * KIB, base: 32 * KIB });
    expect(domain.find(8 * KIB, 1, false)).toBeNull();
  });

  it('joins windows that touch with one permission', () => {
    const domain = new DmaDomain(ram(), [
      { start: 0, length: 16, write: true },
      { start: 16, length: 16, write: true },
      { start: 32, length: 16, write: false },
    ]);
    expect(domain.find(8, 16, true)).toMatchObject({ start: 0, end: 32 });
    expect(domain.find(24, 16, false)).toBeNull();
    expect(domain.reaches(24, 16, false)).toBe(true);
  });

  it('joins any number of them, and those only that lead to one place after another', () => {
    const row = [0, 16, 32, 48, 64].map((start) => ({ start, length: 16, write: true }));
    const joined = new DmaDomain(ram(), row);
    for (let at = 0; at < 80; at++)
      expect(joined.find(at, 80 - at, true)).toMatchObject({ start: 0, end: 80, base: 0 });
    expect(joined.find(79, 2, false)).toBeNull();
    const apart = new DmaDomain(ram(), [
      { start: 0, length: 16, write: true },
      { start: 16, length: 16, write: true, target: 64 },
      { start: 33, length: 16, write: true, target: 81 },
    ]);
    expect([0, 16, 33].map((at) => apart.find(at, 16, true)?.start)).toEqual([0, 16, 33]);
    expect([15, 31, 48].map((at) => apart.find(at, 2, true))).toEqual([null, null, null]);
  });

  it('writes single bytes where it may, tells of them before, and leaves all others', () => {
    const memory = ram();
    const domain = new DmaDomain(memory, windows);
    const told: unknown[] = [];
    domain.observer = (at, length) => told.push([at, length, memory.read(at, 1)[0]]);
    expect([0, 4 * KIB - 1, 4 * KIB, 8 * KIB, 64 * KIB].map((at) => domain.writeByte(at, 0x77))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(told).toEqual([
      [0, 1, 0x55],
      [4 * KIB - 1, 1, 0x55],
    ]);
    expect([0, 1, 4 * KIB - 1, 4 * KIB].map((at) => memory.read(at, 1)[0])).toEqual([0x77, 0x55, 0x77, 0x55]);
    domain.observer = null;
    expect([domain.writeByte(2, 0x78), memory.read(2, 1)[0]]).toEqual([true, 0x78]);
  });

  it('follows its memory from the first look until it is released, and again after that', () => {
    const memory = ram();
    const domain = new DmaDomain(memory, windows);
    expect(memory.watchers).toBe(0);
    const region = domain.find(0, 1, false)!;
    expect([memory.watchers, region.current, domain.lastRegion]).toEqual([1, true, region]);
    const before = domain.generation;
    domain.release();
    expect([memory.watchers, region.current, domain.lastRegion === region]).toEqual([0, false, false]);
    expect(domain.generation).toBeGreaterThan(before);
    domain.release();
    expect(memory.watchers).toBe(0);
    memory.replace([{ start: 0, bytes: new Uint8Array(KIB).fill(0x11) }]);
    const target = new Uint8Array(1);
    expect([domain.read(5, target, 0, 1), target[0], memory.watchers]).toEqual([true, 0x11, 1]);
    const again = domain.find(5, 1, false)!;
    memory.replace([{ start: 0, bytes: new Uint8Array(KIB).fill(0x22) }]);
    expect([again.current, domain.read(5, target, 0, 1), target[0]]).toEqual([false, true, 0x22]);
  });

  it('reaches nothing where an address is no exact number any more', () => {
    const domain = new DmaDomain(ram());
    expect(domain.reaches(2 ** 53 - 1, 1, false)).toBe(false);
    expect(domain.reaches(2 ** 53, 8, false)).toBe(false);
    expect(domain.reaches(0, 0, true)).toBe(true);
  });

  it('says which window is wrong', () => {
    const set =
      (...each: DmaWindow[]) =>
      () =>
        new DmaDomain(ram(), each);
    const window = { start: 16, length: 16, write: true };
    expect(set({ start: 31, length: 1, write: true }, window)).toThrow(
      '0x10 + 0x10: overlaps the next DMA window',
    );
    expect(set({ start: 32, length: 1, write: true }, window)).not.toThrow();
    for (const target of [-1, 0.5, 2 ** 53])
      expect(set({ ...window, target })).toThrow(`0x10 + 0x10: is to lead to address ${target}`);
    expect(set({ ...window, target: 0 })).not.toThrow();
  });

  it('changes its generation and forgets old places when windows or memory change', () => {
    const memory = ram();
    const domain = new DmaDomain(memory, windows);
    const seen = new Set([domain.generation]);
    expect(domain.reaches(8 * KIB, 1, true)).toBe(false);
    domain.setWindows([{ start: 8 * KIB, length: KIB, write: true }]);
    seen.add(domain.generation);
    expect([domain.reaches(8 * KIB, 1, true), domain.reaches(0, 1, false)]).toEqual([true, false]);
    const bytes = new Uint8Array(64 * KIB).fill(0x66);
    memory.replace([{ start: 0, bytes }]);
    seen.add(domain.generation);
    const target = new Uint8Array(1);
    domain.read(8 * KIB, target, 0, 1);
    expect([target[0], seen.size]).toEqual([0x66, 3]);
    expect(domain.windows).toHaveLength(1);
  });

  it('refuses windows that overlap, and keeps those it had', () => {
    const domain = new DmaDomain(ram(), windows);
    const overlapping = [...windows, { start: 2 * KIB, length: 1, write: false }];
    expect(() => domain.setWindows(overlapping)).toThrow(AddressRangeError);
    expect(domain.windows).toHaveLength(windows.length);
    expect(() => new DmaDomain(ram(), overlapping)).toThrow(AddressRangeError);
  });

  it('locates bytes below 4 GiB in the region that was hit last, and never beside it', () => {
    const memory = GuestMemory.allocate(
      { start: 0x1000, length: 0x2000 },
      { start: 0xc0000000, length: 0x2000 },
      { start: 0xfffff000, length: 0x1000 },
      { start: FOUR_GIB + 0x1000, length: 0x1000 },
    );
    const domain = new DmaDomain(memory, [
      { start: 0x1800, length: 0x1000, write: true },
      { start: 0xc0000000, length: FOUR_GIB, write: true },
    ]);
    const near = fc.constantFrom(
      0,
      0x1000,
      0x1800,
      0x2800,
      0x80000000,
      0xc0000000,
      0xc0002000,
      0xfffff000,
      0xfffffff0,
    );
    const low = fc.tuple(near, fc.integer({ min: -32, max: 32 })).map(([at, by]) => (at + by) >>> 0);
    const length = fc.oneof(fc.nat(40), fc.constantFrom(0xfff, 0x1000, 0x1001, 0x2000, 0x7fffffff, -1));
    const hit = fc.constantFrom(0x1800, 0x27ff, 0xc0000010, 0xfffff000, FOUR_GIB + 0x1010);
    fc.assert(
      fc.property(hit, low, length, (touched, at, bytes) => {
        domain.read(touched, new Uint8Array(1), 0, 1);
        const region = domain.lastRegion;
        expect([touched >= region.start, touched < region.end]).toEqual([true, true]);
        const inside = bytes >= 0 && at >= region.start && at + bytes <= region.end;
        const found = domain.locate(at, bytes);
        if (!inside) expect(found).toBe(-1);
        // The very last byte below 4 GiB may be left to the slower way.
        else if (at + bytes < FOUR_GIB) expect(found).toBe(at - region.base);
        else expect([-1, at - region.base]).toContain(found);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['the first 2 GiB but a byte', 0, 0x7fffffff, 0, 0x7fffffff],
    ['a byte more than 32 bits with a sign can count', 0, 0x80000000, 0, -1],
    ['a piece that begins deep in its array', 0x70000000, 0x7fffffff, 0, 0x0fffffff],
    ['one that ends too deep in it', 0x70000000, 0x80000000, 0, -1],
    ['one across 4 GiB, up to its last byte but one', FOUR_GIB - 16, FOUR_GIB + 16, FOUR_GIB - 16, 15],
    ['one at the last byte below 4 GiB', FOUR_GIB - 1, FOUR_GIB, FOUR_GIB - 1, -1],
    ['one at 4 GiB', FOUR_GIB, FOUR_GIB + 16, FOUR_GIB, -1],
  ])('has a length for 32-bit arithmetic: %s', (_, start, end, base, length) => {
    const region = new DmaRegion(start, end, true, base, ram().ranges[0]!);
    expect(region.lowLength).toBe(length);
    if (length < 0) expect([region.lowStart, region.lowShift, region.lowBase]).toEqual([0, 0, 0]);
    else
      expect([region.lowStart >>> 0, region.lowShift, region.lowBase >>> 0]).toEqual([
        start,
        start - base,
        base,
      ]);
  });

  it('copies like a plain array whatever the lengths, offsets and caches', () => {
    const copy = fc.record({
      write: fc.boolean(),
      address: fc.nat(64 * KIB),
      length: fc.oneof(fc.nat(40), fc.nat(1500)),
      offset: fc.nat(400),
      cached: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(copy, { maxLength: 30 }), (copies) => {
        const domain = new DmaDomain(ram(), windows);
        const model = new Uint8Array(64 * KIB).fill(0x55);
        const views = new ViewCache(source);
        for (const { write, address, length, offset, cached } of copies) {
          const reached = Array.from({ length }, (_, i) => address + i).every((at) =>
            windows.some(
              (each) =>
                at >= each.start && at < each.start + each.length && at < 64 * KIB && (each.write || !write),
            ),
          );
          if (write) {
            expect(domain.write(address, source, offset, length, cached ? views : null)).toBe(reached);
            if (reached) model.set(source.slice(offset, offset + length), address);
          } else {
            const target = new Uint8Array(2 * KIB);
            expect(domain.read(address, target, offset, length)).toBe(reached);
            const expected = new Uint8Array(2 * KIB);
            if (reached) expected.set(model.slice(address, address + length), offset);
            expect(sameBytes(target, expected)).toBe(true);
          }
        }
        const [low, high] = domain.memory.ranges.map(({ bytes }) => bytes);
        expect(sameBytes(low!, model.subarray(0, 32 * KIB))).toBe(true);
        expect(sameBytes(high!, model.subarray(32 * KIB))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
