import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { AddressRangeError, DirtyLog, DmaDomain, type DmaWindow, FOUR_GIB } from '../../src/core/index.ts';
import { KIB, ram, source, windows } from './dma-ram.ts';

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

  test.each<[string, readonly DmaWindow[], boolean, boolean]>([
    ['no window', [], false, true],
    ['the whole', [{ start: 0, length: Number.MAX_SAFE_INTEGER, write: true }], false, false],
    ['the whole, read-only', [{ start: 0, length: Number.MAX_SAFE_INTEGER, write: false }], false, true],
    ['all but the first byte', [{ start: 1, length: Number.MAX_SAFE_INTEGER, write: true }], false, true],
    ['less than the whole', [{ start: 0, length: 2 ** 52, write: true }], false, true],
    ['the whole, moved', [{ start: 0, length: Number.MAX_SAFE_INTEGER, write: true, target: 1 }], true, true],
    [
      'a window that leads to its own address',
      [{ start: 64, length: 8, write: true, target: 64 }],
      false,
      true,
    ],
    [
      'one window of two that is moved',
      [
        { start: 0, length: 8, write: true },
        { start: 64, length: 8, write: true, target: 0 },
      ],
      true,
      true,
    ],
  ])('knows what it is with %s', (_, each, translated, limited) => {
    const domain = new DmaDomain(ram(), each);
    expect([domain.translated, domain.limited]).toEqual([translated, limited]);
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
