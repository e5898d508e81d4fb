import { describe, expect, it, test } from 'vitest';
import {
  inOrder,
  lengthOf,
  maskOf,
  type RegisterMap,
  RegisterMapError,
  rc,
  registerAt,
  registers,
  ro,
  rw,
  sizeOf,
} from '../../src/core/index.ts';

const good = registers({
  last: ro(8, 8, 'PCI-LAY-01 PCI-LAY-03'),
  first: rw(0, 2, 'LEG-LAY-06', { reset: 7 }),
  middle: rc(4, 1, '', { count: 3 }),
});

describe('a register map', () => {
  it('keeps what its rows say, and fills in what they leave out', () => {
    expect(good.first).toEqual({
      offset: 0,
      width: 2,
      access: 'rw',
      count: 1,
      reset: 7,
      writable: 0xffff,
      writeOneToClear: 0,
      clauses: ['LEG-LAY-06'],
    });
    expect(good.last.clauses).toEqual(['PCI-LAY-01', 'PCI-LAY-03']);
    expect([good.middle.writable, good.middle.clauses]).toEqual([0, []]);
  });

  it('takes each column that a row gives, also a 0', () => {
    const columns = { count: 2, reset: 3, writable: 0, writeOneToClear: 0x80 };
    for (const [make, access] of [
      [ro, 'ro'],
      [rw, 'rw'],
      [rc, 'rc'],
    ] as const)
      expect(make(4, 2, 'A B', columns)).toEqual({
        offset: 4,
        width: 2,
        access,
        clauses: ['A', 'B'],
        ...columns,
      });
    expect(rw(0, 1, '', { writable: 0x0f }).writable).toBe(0x0f);
    for (const make of [ro, rc])
      expect([make(0, 4).writable, make(0, 4, '', { writable: 5 }).writable]).toEqual([0, 5]);
    for (const [width, ones] of [
      [1, 0xff],
      [2, 0xffff],
      [4, 0xffffffff],
      [8, 0xffffffff],
    ] as const)
      expect(rw(0, width)).toEqual({
        offset: 0,
        width,
        access: 'rw',
        count: 1,
        reset: 0,
        writable: ones,
        writeOneToClear: 0,
        clauses: [],
      });
  });

  it('is put in order by offset, ends after its last register, and knows who covers a byte', () => {
    expect(inOrder(good).map(([name]) => name)).toEqual(['first', 'middle', 'last']);
    expect(lengthOf(good)).toBe(16);
    expect(sizeOf(good.middle)).toBe(3);
    expect([0, 1, 2, 4, 6, 7, 8, 15, 16].map((at) => registerAt(good, at)?.[0])).toEqual([
      'first',
      'first',
      undefined,
      'middle',
      'middle',
      undefined,
      'last',
      'last',
      undefined,
    ]);
    expect(lengthOf({})).toBe(0);
  });

  const bad: readonly [why: string, map: RegisterMap, register: string, reason: RegExp][] = [
    ['an overlap', { a: ro(0, 4), b: ro(2, 2) }, 'b', /overlaps a/],
    ['two registers at one offset', { a: ro(4, 1), b: rw(4, 1) }, 'b', /overlaps a/],
    ['an array that runs into the next', { a: ro(0, 2, '', { count: 3 }), b: ro(4, 2) }, 'b', /overlaps a/],
    ['a misaligned word', { a: ro(1, 2) }, 'a', /not aligned to 2/],
    ['a misaligned 64-bit field', { a: ro(4, 8) }, 'a', /not aligned to 8/],
    ['a negative offset', { a: ro(-4, 4) }, 'a', /whole number/],
    ['half a byte', { a: ro(0.5, 1) }, 'a', /whole number/],
  ];
  test.each(bad)('is refused with %s', (_, map, register, reason) => {
    expect(() => registers(map)).toThrow(RegisterMapError);
    expect(() => registers(map)).toThrow(
      expect.objectContaining({ register, reason: expect.stringMatching(reason) }),
    );
  });

  test.each([
    [1, 0xff],
    [2, 0xffff],
    [4, 0xffffffff],
    [8, 0xffffffff],
  ] as const)('all ones in %d bytes', (width, ones) => {
    expect(maskOf(width)).toBe(ones);
  });
});
