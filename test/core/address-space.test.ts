import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { AddressRangeError, AddressSpace, type BusTarget, type Width } from '../../src/core/index.ts';

const LITTLE = true;

/** RAM-like target of any alignment that tells of every access. */
class Bytes implements BusTarget {
  readonly view: DataView;
  readonly log: string[] = [];

  constructor(length: number, first = 0) {
    this.view = new DataView(new ArrayBuffer(length));
    for (let i = 0; i < length; i++) this.view.setUint8(i, first + i);
  }

  read(offset: number, width: Width): number {
    this.log.push(`r${width}@${offset}`);
    const { view } = this;
    return width === 1
      ? view.getUint8(offset)
      : width === 2
        ? view.getUint16(offset, LITTLE)
        : view.getUint32(offset, LITTLE);
  }

  write(offset: number, width: Width, value: number): void {
    this.log.push(`w${width}@${offset}`);
    const { view } = this;
    if (width === 1) view.setUint8(offset, value);
    else if (width === 2) view.setUint16(offset, value, LITTLE);
    else view.setUint32(offset, value, LITTLE);
  }
}

const space = () => new AddressSpace('I/O', 0x10000);

describe('an address space', () => {
  it('reads all ones and drops writes where nothing is mapped', () => {
    const io = space();
    for (const [width, ones] of [
      [1, 0xff],
      [2, 0xffff],
      [4, 0xffffffff],
    ] as const) {
      io.write(0x80, width, 0);
      expect(io.read(0x80, width)).toBe(ones);
    }
    expect(io.find(0x80)).toBeUndefined();
  });

  it('gives a target its own offsets, and the access as wide as it came', () => {
    const io = space();
    const target = new Bytes(16);
    io.map({ name: 'a', start: 0x100, length: 16, target });
    expect(io.read(0x105, 4)).toBe(0x08070605);
    io.write(0x10f, 1, 0xee);
    expect(target.log).toEqual(['r4@5', 'w1@15']);
    expect(io.find(0x10f)?.mapping.name).toBe('a');
    expect(io.find(0x110)).toBeUndefined();
  });

  it('lets the higher priority answer, then the mapping made first, and the loser again when the winner goes', () => {
    const io = space();
    const [low, first, second, high] = [0, 1, 2, 3].map((i) => new Bytes(16, 0x10 * i));
    io.map({ name: 'low', start: 0, length: 16, target: low!, priority: -1 });
    io.map({ name: 'first', start: 4, length: 8, target: first! });
    io.map({ name: 'second', start: 4, length: 16, target: second! });
    const unmap = io.map({ name: 'high', start: 6, length: 2, target: high!, priority: 5 });
    const seen = () => Array.from({ length: 22 }, (_, at) => io.find(at)?.name ?? '-').join(' ');
    const before = 'low low low low first first high high first first first first';
    expect(seen()).toBe(`${before}${' second'.repeat(8)} - -`);
    expect(io.read(6, 2)).toBe(0x3130);
    // A span in the middle of a mapping keeps the mapping's own offsets.
    expect(io.read(8, 2)).toBe(0x1514);
    unmap();
    unmap();
    expect(seen()).toBe(`${before.replaceAll('high', 'first')}${' second'.repeat(8)} - -`);
    expect(io.mappings.map(({ name }) => name)).toEqual(['low', 'first', 'second']);
  });

  it('carries an access across two mappings out as pieces, none of which reaches the wrong one', () => {
    const io = space();
    const [left, right] = [new Bytes(4, 0xa0), new Bytes(4, 0xb0)];
    io.map({ name: 'left', start: 0, length: 4, target: left });
    io.map({ name: 'right', start: 4, length: 4, target: right });
    expect(io.read(2, 4)).toBe(0xb1b0a3a2);
    expect(io.read(3, 2)).toBe(0xb0a3);
    io.write(1, 4, 0x44332211);
    expect([left.log, right.log]).toEqual([
      ['r2@2', 'r1@3', 'w1@1', 'w2@2'],
      ['r2@0', 'r1@0', 'w1@0'],
    ]);
    expect(right.view.getUint8(0)).toBe(0x44);
  });

  it('reads ones for the part of an access that nobody claims', () => {
    const io = space();
    io.map({ name: 'end', start: 0xfffe, length: 2, target: new Bytes(2, 0x20) });
    expect(io.read(0xfffe, 4)).toBe(0xffff2120);
    expect(io.read(0xfffd, 4)).toBe(0xff2120ff);
  });

  it('does not answer from a mapping that was taken away, even right after an access to it', () => {
    const io = space();
    const unmap = io.map({ name: 'a', start: 0, length: 4, target: new Bytes(4) });
    expect(io.read(0, 1)).toBe(0);
    unmap();
    expect(io.read(0, 1)).toBe(0xff);
    io.map({ name: 'b', start: 0, length: 4, target: new Bytes(4, 9) });
    expect(io.read(0, 1)).toBe(9);
  });

  test.each([
    ['empty', 0, 0],
    ['of negative length', 0, -4],
    ['not whole', 0.5, 4],
    ['before the space', -4, 8],
    ['beyond the space', 0xfffc, 8],
  ])('refuses a mapping that is %s', (_, start, length) => {
    const map = () => space().map({ name: 'x', start, length, target: new Bytes(1) });
    expect(map).toThrow(AddressRangeError);
    expect(map).toThrow(expect.objectContaining({ start, length }));
  });

  it('says what is wrong with a mapping, and takes the whole of the space', () => {
    const map = (start: number, length: number) => () =>
      space().map({ name: 'x', start, length, target: new Bytes(1) });
    for (const [start, length] of [
      [0, 0],
      [0, -4],
      [0.5, 4],
      [0, 0.5],
      [Number.NaN, 1],
    ] as const)
      expect(map(start, length)).toThrow('wants a whole address and a positive length');
    expect(map(-1, 2)).toThrow('0x-1 + 0x2: leaves I/O space of 0x10000 bytes');
    expect(map(0xffff, 2)).toThrow('0xffff + 0x2: leaves I/O space of 0x10000 bytes');
    for (const [start, length] of [
      [0, 0x10000],
      [0, 1],
      [0xffff, 1],
    ] as const)
      expect(map(start, length)).not.toThrow();
  });

  it('has what a mapping leaves out by default, and its span the place and the name', () => {
    const io = space();
    const target = new Bytes(4);
    io.map({ name: 'a', start: 8, length: 4, target });
    const mapping = {
      name: 'a',
      start: 8,
      length: 4,
      target,
      owner: null,
      priority: 0,
      parts: [],
      partAt: null,
    };
    expect(io.mappings).toEqual([mapping]);
    expect(io.find(9)).toMatchObject({ start: 8, end: 12, base: 8, name: 'a', mapping });
    expect([io.find(7), io.find(12)]).toEqual([undefined, undefined]);
  });

  it.each([1, 4, 8, 9, 10, 40])('answers right after %d changes at once', (changes) => {
    const io = space();
    const unmaps = Array.from({ length: changes }, (_, i) =>
      io.map({ name: `${i}`, start: 8 * i, length: 8, target: new Bytes(8, i) }),
    );
    const seen = () => Array.from({ length: changes + 1 }, (_, i) => io.read(8 * i, 1));
    expect(seen()).toEqual([...Array(changes).keys(), 0xff]);
    for (const unmap of unmaps.slice(1)) unmap();
    expect(seen()).toEqual([0, ...Array(changes).fill(0xff)]);
    expect(io.mappings.map(({ name }) => name)).toEqual(['0']);
  });

  it('knows who answers in the end where a space stands in another', () => {
    const [inner, outer] = [new AddressSpace('inner', 32), space()];
    const target = new Bytes(8, 0x40);
    inner.map({ name: 'deep', start: 16, length: 8, target });
    outer.map({ name: 'window', start: 0x100, length: 32, target: inner });
    outer.map({ name: 'plain', start: 0x200, length: 8, target });
    expect([outer.find(0x112)?.name, outer.answering(0x112)?.name]).toEqual(['window', 'deep']);
    expect(outer.answering(0x200)?.name).toBe('plain');
    expect([outer.answering(0x100), outer.answering(0x300)]).toEqual([undefined, undefined]);
    expect(outer.read(0x112, 2)).toBe(0x4342);
    expect(outer.read(0x10e, 4)).toBe(0x4140ffff);
  });

  it('sends accesses to the parts of a target, each with offsets of its own and its name', () => {
    const io = space();
    const [first, second] = [new Bytes(4, 0x10), new Bytes(8, 0x20)];
    const whole = new Bytes(16);
    const parts = [
      { name: 'first', offset: 0, length: 4, base: 0, target: first },
      { name: 'rest', offset: 4, length: 4, base: 0, target: whole },
      { name: 'second', offset: 8, length: 8, base: 8, target: second },
    ];
    io.map({ name: 'bar', start: 0x100, length: 16, target: whole, parts });
    io.map({ name: 'high', start: 0x10c, length: 2, target: new Bytes(2, 0xe0), priority: 1 });
    const names = Array.from({ length: 17 }, (_, at) => io.find(0x100 + at)?.name ?? '-');
    expect(names).toEqual([
      ...Array(4).fill('bar first'),
      ...Array(4).fill('bar rest'),
      ...Array(4).fill('bar second'),
      'high',
      'high',
      'bar second',
      'bar second',
      '-',
    ]);
    expect([io.read(0x106, 1), io.read(0x10a, 4)]).toEqual([0x06, 0xe1e02322]);
    // Across two parts of one target as across two targets.
    expect(io.read(0x102, 4)).toBe(0x05041312);
    expect(io.mappings).toHaveLength(2);
  });

  it('answers each byte from the mapping that a linear search finds, whatever is mapped and taken away', () => {
    const range = fc.record({
      start: fc.nat(40),
      length: fc.integer({ min: 1, max: 24 }),
      priority: fc.integer({ min: -2, max: 2 }),
      stays: fc.boolean(),
    });
    const access = fc.record({ at: fc.nat(62), width: fc.constantFrom<Width>(1, 2, 4) });
    // Many at once are settled in one sweep, a few one by one.
    const burst = fc.array(range, { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(burst, { maxLength: 4 }),
        fc.array(access, { minLength: 1 }),
        (bursts, accesses) => {
          const under = new AddressSpace('small', 64);
          const kept: { id: number; start: number; length: number; priority: number }[] = [];
          const byte = (at: number) => {
            const hits = kept.filter(({ start, length }) => at >= start && at < start + length);
            const best = hits.reduce<(typeof hits)[number] | null>(
              (winner, hit) => (winner === null || hit.priority > winner.priority ? hit : winner),
              null,
            );
            return best === null ? 0xff : (32 * (best.id % 8) + at - best.start) & 0xff;
          };
          const unmaps: (() => void)[] = [];
          let made = 0;
          for (const ranges of bursts) {
            // What was only passing in the burst before goes with this one.
            for (const unmap of unmaps.splice(0)) unmap();
            const passing: typeof kept = [];
            for (const { stays, ...mapping } of ranges) {
              const id = made++;
              // Each byte of a target tells whose it is and where: the first mapping's byte 3 is 0x03, the second's 0x23.
              const target = new Bytes(24, 32 * (id % 8));
              const cut = Math.min(8, mapping.length - 1);
              const part = (name: string, offset: number, length: number) => ({
                name,
                offset,
                length,
                base: 0,
                target,
              });
              const parts = cut === 0 ? [] : [part('a', 0, cut), part('b', cut, mapping.length - cut)];
              const unmap = under.map({ name: String(id), target, parts, ...mapping });
              const entry = { id, ...mapping };
              kept.push(entry);
              if (!stays) {
                unmaps.push(unmap);
                passing.push(entry);
              }
            }
            for (const { at, width } of accesses) {
              const expected = Array.from({ length: width }, (_, i) => byte(at + i) * 2 ** (8 * i));
              expect(under.read(at, width)).toBe(expected.reduce((sum, each) => sum + each));
            }
            for (const entry of passing) kept.splice(kept.indexOf(entry), 1);
          }
        },
      ),
    );
  });
});
