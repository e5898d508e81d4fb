import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  AddressRangeError,
  DirtyLog,
  DmaDomain,
  type DmaWindow,
  FOUR_GIB,
  GuestMemory,
  ViewCache,
} from '../../src/core/index.ts';
import { sameBytes } from './bytes.ts';

const KIB = 1024;

/** RAM [0, 64 KiB) in two arrays that touch, and 4 KiB above 4 GiB; every byte is 0x55. */
function ram(): GuestMemory {
  const memory = GuestMemory.allocate(
    { start: 0, length: 32 * KIB },
    { start: 32 * KIB, length: 32 * KIB },
    { start: FOUR_GIB, length: 4 * KIB },
  );
  for (const { start, end } of memory.ranges) memory.fill(start, end - start, 0x55);
  return memory;
}

const windows: readonly DmaWindow[] = [
  { start: 0, length: 4 * KIB, write: true },
  { start: 4 * KIB, length: 4 * KIB, write: false },
  { start: 12 * KIB, length: 40 * KIB, write: true },
  { start: 60 * KIB, length: 100 * KIB, write: true },
];

const source = Uint8Array.from({ length: 2 * KIB }, (_, i) => i % 251);

describe('a DMA domain that translates', () => {
  /** The second page before the first, a page above 4 GiB in the middle, read-only. */
  const mapped = (): readonly DmaWindow[] => [
    { start: 0x10_0000, length: 4 * KIB, write: true, target: 4 * KIB },
    { start: 0x10_1000, length: 4 * KIB, write: true, target: 0 },
    { start: 0x10_2000, length: 4 * KIB, write: false, target: FOUR_GIB },
    { start: 0x10_3000, length: 4 * KIB, write: true, target: 8 * KIB },
  ];
  const physical = (address: number) =>
    [4 * KIB, 0, FOUR_GIB, 8 * KIB][(address - 0x10_0000) >> 12]! + (address & 0xfff);

  it('reaches the same bytes as a walk through the windows, byte by byte', () => {
    const bytes = fc.integer({ min: 0x10_0000 - 64, max: 0x10_4000 + 64 });
    fc.assert(
      fc.property(bytes, fc.nat(0x1800), fc.boolean(), (address, length, writes) => {
        const memory = ram();
        memory.write(
          0,
          Uint8Array.from({ length: 16 * KIB }, (_, i) => i * 7 + (i >> 8)),
        );
        memory.write(
          FOUR_GIB,
          Uint8Array.from({ length: 4 * KIB }, (_, i) => i * 3),
        );
        const before = (at: number) => memory.read(physical(at), 1)[0];
        const domain = new DmaDomain(memory, mapped());
        const inside = address >= 0x10_0000 && address + length <= 0x10_4000;
        const touchesReadOnly = address < 0x10_3000 && address + length > 0x10_2000;
        const may = (inside && !(writes && touchesReadOnly)) || length === 0;
        const buffer = new Uint8Array(length).fill(0xd1);
        if (writes) expect(domain.write(address, buffer, 0, length)).toBe(may);
        else expect(domain.read(address, buffer, 0, length)).toBe(may);
        if (!may || !inside) return;
        for (let i = 0; i < length; i += 97) expect(buffer[i]).toBe(before(address + i));
      }),
      { numRuns: 300 },
    );
  });

  it('finds the one of many windows that holds an address, in whatever order they lead to memory', () => {
    const place = fc.record({ at: fc.nat(63), write: fc.boolean() });
    const plan = fc.uniqueArray(place, { selector: ({ at }) => at, minLength: 1, maxLength: 48 });
    const access = fc.record({
      address: fc.nat(64 * 512 + 100),
      length: fc.integer({ min: 1, max: 700 }),
      write: fc.boolean(),
    });
    fc.assert(
      fc.property(plan, fc.array(access, { minLength: 1, maxLength: 20 }), (places, accesses) => {
        // Window i of the plan leads to the i-th 512 bytes of RAM.
        const table = places.map(({ at, write }, i) => ({
          start: 512 * at,
          length: 512,
          write,
          target: 512 * i,
        }));
        const domain = new DmaDomain(ram(), table);
        for (const { address, length, write } of accesses) {
          const each = Array.from({ length }, (_, i) =>
            table.find(({ start }) => address + i >= start && address + i < start + 512),
          );
          const may = each.every((window) => window !== undefined && (window.write || !write));
          expect(domain.reaches(address, length, write)).toBe(may);
          const window = each[0];
          expect(domain.physical(address)).toBe(
            window === undefined ? address : address - window.start + window.target,
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has the views of its memory, not its own', () => {
    const memory = ram();
    const [one, other] = [new DmaDomain(memory), new DmaDomain(memory, windows)];
    expect(one.find(0, 1, false)!.views).toBe(other.find(0, 1, false)!.views);
  });

  it('knows the guest-physical address of what it reaches, and itself as what it is', () => {
    const domain = new DmaDomain(ram(), mapped());
    expect([0x10_0010, 0x10_1fff, 0x10_2000].map((at) => domain.physical(at))).toEqual([
      4 * KIB + 16,
      4 * KIB - 1,
      FOUR_GIB,
    ]);
    expect([domain.physical(5), domain.translated, domain.limited]).toEqual([5, true, true]);
    domain.setWindows(windows);
    expect([domain.translated, domain.limited]).toEqual([false, true]);
    const plain = new DmaDomain(ram());
    expect([plain.translated, plain.limited]).toEqual([false, false]);
  });

  it('logs the pages of the memory, not those of the bus', () => {
    const domain = new DmaDomain(ram(), mapped());
    const log = new DirtyLog(domain);
    domain.write(0x10_0ff8, source, 0, 16);
    expect(log.take()).toEqual([0, 4 * KIB]);
  });

  it('follows a window that is turned to other memory', () => {
    const domain = new DmaDomain(ram(), [{ start: 0, length: 16, write: true, target: 64 }]);
    domain.write(0, source, 1, 4);
    domain.setWindows([{ start: 0, length: 16, write: true, target: 128 }]);
    domain.write(0, source, 5, 4);
    expect([...domain.memory.read(64, 4), ...domain.memory.read(128, 4)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(() => domain.setWindows([{ start: 0, length: 1, write: true, target: -1 }])).toThrow(
      AddressRangeError,
    );
  });
});

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

describe('a view cache', () => {
  it('always gives the view asked for, also where two of them share a place', () => {
    const bytes = Uint8Array.from({ length: 8 * KIB }, (_, i) => i % 253);
    const views = new ViewCache(bytes.subarray(16));
    let hits = 0;
    for (const round of [0, 1])
      for (let offset = 0; offset < 4000; offset += 3) {
        // One place of the cache holds a view and the one that is 4096 bytes longer.
        for (const length of [1 + (offset % 512), 1 + (offset % 512) + 4096]) {
          if (offset + length > 8 * KIB - 16) continue;
          const view = views.view(offset, length);
          expect([view.byteOffset - bytes.byteOffset - 16, view.length]).toEqual([offset, length]);
          if (round === 1 && views.view(offset, length) === view) hits++;
        }
      }
    expect(hits).toBeGreaterThan(0);
  });
});

describe('a dirty log', () => {
  it('names each page that was written, ascending, once, and starts anew', () => {
    const domain = new DmaDomain(ram());
    const log = new DirtyLog(domain);
    domain.write(9 * KIB, source, 0, 8);
    domain.write(4 * KIB - 1, source, 0, 2);
    domain.write(FOUR_GIB, source, 0, 1);
    domain.write(32 * KIB - 4, source, 0, 8);
    domain.read(20 * KIB, new Uint8Array(4), 0, 4);
    expect(log.take()).toEqual([0, 4 * KIB, 8 * KIB, 28 * KIB, 32 * KIB, FOUR_GIB]);
    expect(log.take()).toEqual([]);
  });

  it('tells nothing of a refused write, and keeps an observer that was there before', () => {
    const domain = new DmaDomain(ram(), windows);
    const told: number[] = [];
    domain.observer = (address) => told.push(address);
    const log = new DirtyLog(domain, 64);
    domain.write(4 * KIB, source, 0, 8);
    domain.write(130, source, 0, 8);
    expect([log.take(), told]).toEqual([[128], [130]]);
  });

  it('tells before the bytes change', () => {
    const memory = ram();
    const domain = new DmaDomain(memory);
    let seen = 0;
    domain.observer = (address) => void (seen = memory.read(address, 1)[0]!);
    domain.write(0, source, 1, 1);
    expect(seen).toBe(0x55);
  });
});
