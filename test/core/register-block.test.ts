import { describe, expect, it, test } from 'vitest';
import {
  alignedPiece,
  type BusTarget,
  type Handlers,
  RegisterBlock,
  RegisterMapError,
  readPieces,
  registers,
  ro,
  rw,
  type Width,
  writePieces,
} from '../../src/core/index.ts';

const map = registers({ low: rw(0, 2), status: ro(2, 1), wide: rw(4, 4) });

interface Values {
  low: number;
  status: number;
  wide: number;
}

const handlers: Handlers<typeof map, Values> = {
  low: { read: ({ low }) => low, write: (values, value) => void (values.low = value) },
  status: { read: ({ status }) => status },
  wide: { read: ({ wide }) => wide, write: (values, value) => void (values.wide = value) },
};

/**
 * A block over three variables, as drivers use it: with each register's own width. The table is one of its own: tables of one map are
 * made once, and the test that comes first would be the only one to make it.
 */
function block(hole: 'ones' | 'zeros' = 'ones', length = 8) {
  const values = { low: 0x1234, status: 0x56, wide: 0x89abcdef };
  return { values, block: new RegisterBlock({ ...map }, handlers, length, hole) };
}

describe('a register block', () => {
  // PCI-LAY-01 asks drivers for the natural width; what happens otherwise is observed practice.
  test.each([
    ['a register by its own width', 0, 2, 0x1234],
    ['its low byte', 0, 1, 0x34],
    ['nothing at its high byte', 1, 1, 0xff],
    ['a register zero-extended', 0, 4, 0x1234],
    ['a dword without a sign', 4, 4, 0x89abcdef],
    ['the aligned pieces of an unaligned word', 1, 2, 0x56ff],
    ['the aligned pieces of an unaligned dword', 2, 4, 0xcdef0056],
    ['nothing between registers', 3, 1, 0xff],
    ['nothing past the end', 8, 4, 0xffffffff],
    ['nothing so far out that its place has no 32 bits', 2 ** 30, 2, 0xffff],
    ['the pieces of an access out there', 2 ** 30 + 1, 2, 0xffff],
    ['one byte inside and one past the end', 7, 2, 0xffff],
  ] as const)('reads %s', (_, offset, width, value) => {
    const { block: under, values } = block();
    expect(under.read(values, offset, width)).toBe(value);
  });

  test.each([
    ['cut to its width', 0, 4, 0xfeedbeef, { low: 0xbeef }],
    ['zero-extended from a narrow write', 4, 1, 0x1ff, { wide: 0xff }],
    ['not at all through its second byte', 1, 1, 0x77, {}],
    ['not at all when it is read-only', 2, 1, 0x77, {}],
    ['by the pieces that begin at it', 3, 2, 0x1122, { wide: 0x11 }],
    ['not at all past the end', 8, 4, 0x77, {}],
    ['not at all so far out that its place has no 32 bits', 2 ** 30, 2, 0x77, {}],
  ] as const)('writes a register %s', (_, offset, width, value, changed) => {
    const { block: under, values } = block();
    under.write(values, offset, width, value);
    expect(values).toEqual({ low: 0x1234, status: 0x56, wide: 0x89abcdef, ...changed });
  });

  it('answers zeros in its holes where it is told to', () => {
    const { block: long, values } = block('zeros', 16);
    expect(long.read(values, 12, 4)).toBe(0);
    expect(block('zeros').block.read(values, 1, 1)).toBe(0);
  });

  it('serves two blocks of one map and different lengths, each with its own handlers', () => {
    const [short, long] = [block(), block('ones', 16)];
    short.values.low = 1;
    long.values.low = 2;
    expect([short.block.read(short.values, 0, 2), long.block.read(long.values, 0, 2)]).toEqual([1, 2]);
    expect([short.block.length, long.block.length]).toEqual([8, 16]);
  });

  it('serves any number of instances, each with a state of its own', () => {
    const { block: one, values: first } = block();
    const second = { low: 1, status: 2, wide: 3 };
    one.write(second, 4, 4, 0xabcd);
    expect([one.read(first, 4, 4), one.read(second, 4, 4)]).toEqual([0x89abcdef, 0xabcd]);
    one.write(first, 3, 2, 0x1122);
    expect([one.read(first, 4, 4), one.read(second, 4, 4)]).toEqual([0x11, 0xabcd]);
  });

  it('knows the width of what begins at an offset, and 1 where nothing does', () => {
    const { block: under } = block();
    const widths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 2 ** 30].map((at) => under.widthAt(at));
    expect(widths).toEqual([2, 1, 1, 1, 4, 1, 1, 1, 1, 1]);
  });

  it('serves one map at two lengths', () => {
    const [short, long] = [8, 16].map((length) => new RegisterBlock(map, handlers, length, 'zeros'));
    const values = { low: 1, status: 2, wide: 3 };
    expect([short!.read(values, 9, 2), long!.read(values, 9, 2), long!.read(values, 4, 4)]).toEqual([
      0, 0, 3,
    ]);
    expect(short!.map).toBe(map);
  });

  const none = { read: () => 0 };
  test.each([
    ['a 64-bit register', () => new RegisterBlock({ a: ro(0, 8) }, { a: none }, 8, 'ones'), /64-bit/],
    ['an array', () => new RegisterBlock({ a: ro(0, 1, '', { count: 4 }) }, { a: none }, 4, 'ones'), /array/],
    ['too short a block', () => new RegisterBlock({ a: ro(4, 4) }, { a: none }, 7, 'ones'), /after byte 7/],
  ] as const)('refuses %s', (_, make, reason) => {
    expect(make).toThrow(RegisterMapError);
    expect(make).toThrow(reason);
  });
});

describe('aligned pieces', () => {
  test.each([
    [0, 4, 4],
    [0, 3, 2],
    [0, 1, 1],
    [1, 4, 1],
    [2, 4, 2],
    [2, 1, 1],
    [3, 2, 1],
    [6, 2, 2],
  ] as const)('of %d with %d bytes left begins with %d', (offset, left, width) => {
    expect(alignedPiece(offset, left)).toBe(width);
  });

  it('read and write the same bytes as the whole access, in ascending order', () => {
    const log: string[] = [];
    const bytes = Uint8Array.from({ length: 8 }, (_, i) => i + 0xf0);
    const target: BusTarget = {
      read: (offset, width) => {
        log.push(`r${width}@${offset}`);
        return Number(
          bytes.slice(offset, offset + width).reduceRight((value, byte) => value * 256 + byte, 0),
        );
      },
      write: (offset, width, value) => void log.push(`w${width}@${offset}=${value.toString(16)}`),
    };
    expect(readPieces(target, 1, 4)).toBe(0xf4f3f2f1);
    writePieces(target, 3, 4, 0xdeadbeef);
    expect(log).toEqual(['r1@1', 'r2@2', 'r1@4', 'w1@3=ef', 'w2@4=adbe', 'w1@6=de']);
  });

  it('never are wider than what is left', () => {
    const widths: Width[] = [];
    readPieces({ read: (_, width) => widths.push(width), write: () => {} }, 0, 3);
    expect(widths).toEqual([2, 1]);
  });
});
