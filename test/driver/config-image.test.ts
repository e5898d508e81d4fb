import { describe, expect, it, test } from 'vitest';
import { barsOf, ConfigImage, UnknownBytesError, walkLists } from '../../src/driver/index.ts';

/** An image of which only these bytes are known, by offset. */
function image(...pieces: readonly (readonly [at: number, ...bytes: number[]])[]): ConfigImage {
  const made = new ConfigImage();
  for (const [at, ...bytes] of pieces) for (const [i, byte] of bytes.entries()) made.set(at + i, byte);
  return made;
}

describe('an image of configuration space', () => {
  it('knows the bytes that were written down, and no others', () => {
    const under = image([0x10, 1, 2, 3, 4], [0xffe, 5, 6]);
    expect([under.read(0x10, 4), under.read(0x11, 2), under.read(0xffe, 2)]).toEqual([
      0x04030201, 0x0302, 0x0605,
    ]);
    expect([under.knows(0x10, 4), under.knows(0x10, 5), under.knows(0xfff), under.length]).toEqual([
      true,
      false,
      true,
      0,
    ]);
    expect(() => under.read(0x12, 4)).toThrow(UnknownBytesError);
    expect(() => under.read(0x0e, 4)).toThrow(expect.objectContaining({ offset: 0x0f }));
    expect([under.ask((read) => read(0x10, 1)), under.ask((read) => read(0x14, 1))]).toEqual([1, null]);
    // Other errors are not its own.
    expect(() =>
      under.ask(() => {
        throw new RangeError('mine');
      }),
    ).toThrow('mine');
  });

  it('is as long as it goes on from its start, up to 4096 bytes', () => {
    expect(
      [new ConfigImage(), ConfigImage.of(new Uint8Array(64)), ConfigImage.of(new Uint8Array(5000))].map(
        ({ length }) => length,
      ),
    ).toEqual([0, 64, 4096]);
  });
});

/** Status with a capability list, and the pointer to its first. */
const listAt = (first: number) =>
  [
    [0x06, 0x10, 0],
    [0x34, first],
  ] as const;
const extended = (id: number, next: number) => [id, 0, 1 | ((next & 0xf) << 4), next >> 4] as const;

describe('both lists of capabilities of an image', () => {
  type Ends = [capabilities: string, extended: string];
  test.each<[string, ConfigImage, [number[], number[]], Ends]>([
    ['nothing is known', image(), [[], []], ['unknown', 'unknown']],
    ['there is no list', image([0x06, 0, 0]), [[], []], ['end', 'end']],
    [
      'a conventional function has two',
      image(...listAt(0x40), [0x40, 0x05, 0x50], [0x50, 0x09, 0]),
      [[0x05, 0x09], []],
      ['end', 'end'],
    ],
    [
      'the second is not known: it might be Express',
      image(...listAt(0x40), [0x40, 0x05, 0x50]),
      [[0x05], []],
      ['unknown', 'unknown'],
    ],
    [
      'a loop',
      image(...listAt(0x40), [0x40, 0x05, 0x50], [0x50, 0x09, 0x40]),
      [[0x05, 0x09], []],
      ['loop', 'end'],
    ],
    [
      'a pointer into the header',
      image(...listAt(0x40), [0x40, 0x05, 0x10]),
      [[0x05], []],
      ['outside', 'end'],
    ],
    [
      'an Express function whose extended space is not known',
      image(...listAt(0x40), [0x40, 0x10, 0]),
      [[0x10], []],
      ['end', 'unknown'],
    ],
    [
      'an Express function with two extended ones',
      image(
        ...listAt(0x40),
        [0x40, 0x10, 0],
        [0x100, ...extended(0x0b, 0x140)],
        [0x140, ...extended(0x03, 0)],
      ),
      [[0x10], [0x0b, 0x03]],
      ['end', 'end'],
    ],
    [
      'an Express function of whose extended list the end is not known',
      image(...listAt(0x40), [0x40, 0x10, 0], [0x100, ...extended(0x0b, 0x140)]),
      [[0x10], [0x0b]],
      ['end', 'unknown'],
    ],
    [
      'an extended list that says nothing of Express: it is believed as it stands',
      image([0x06, 0, 0], [0x100, ...extended(0x0b, 0x80)]),
      [[], [0x0b]],
      ['end', 'outside'],
    ],
    [
      'an extended list that comes back to itself',
      image([0x06, 0, 0], [0x100, ...extended(0x0b, 0x100)]),
      [[], [0x0b]],
      ['end', 'loop'],
    ],
    ['an extended space of zeros', image([0x06, 0, 0], [0x100, 0, 0, 0, 0]), [[], []], ['end', 'end']],
    ['an extended space of ones', image([0x06, 0, 0], [0x100, 255, 255, 255, 255]), [[], []], ['end', 'end']],
  ])('where %s', (_, under, ids, ends) => {
    const { capabilities, extended } = walkLists(under);
    expect([capabilities, extended].map(({ found }) => found.map(({ id }) => id))).toEqual(ids);
    expect([capabilities.end, extended.end]).toEqual(ends);
  });

  it('have the places of what they name', () => {
    const { capabilities, extended: others } = walkLists(
      image(
        ...listAt(0x43),
        [0x40, 0x10, 0x7e],
        [0x7c, 0x05, 0],
        [0x100, ...extended(0x0b, 0x142)],
        [0x140, ...extended(0x03, 0)],
      ),
    );
    // The low two bits of a pointer are reserved.
    expect([capabilities, others].map(({ found }) => found.map(({ offset }) => offset))).toEqual([
      [0x40, 0x7c],
      [0x100, 0x140],
    ]);
  });
});

describe('base address registers of an image', () => {
  const bar = (index: number, low: number) =>
    [0x10 + 4 * index, ...[0, 8, 16, 24].map((shift) => (low >>> shift) & 0xff)] as const;
  test.each<[string, ConfigImage, number, ReturnType<typeof barsOf>]>([
    ['none is known', image(), 6, []],
    ['zeros', image(bar(0, 0), bar(1, 0)), 6, []],
    [
      'an I/O one, and its reserved bit',
      image(bar(0, 0xc003)),
      6,
      [{ index: 0, kind: 'io', prefetchable: false, address: 0xc000 }],
    ],
    [
      'memory, prefetchable or not',
      image(bar(2, 0xfebf0000), bar(5, 0x80000008)),
      6,
      [
        { index: 2, kind: 'memory32', prefetchable: false, address: 0xfebf0000 },
        { index: 5, kind: 'memory32', prefetchable: true, address: 0x80000000 },
      ],
    ],
    [
      '64 bits, and what follows is no BAR of its own',
      image(bar(0, 0x8000000c), bar(1, 0x12), bar(2, 0x1001)),
      6,
      [
        { index: 0, kind: 'memory64', prefetchable: true, address: 0x12_8000_0000 },
        { index: 2, kind: 'io', prefetchable: false, address: 0x1000 },
      ],
    ],
    [
      '64 bits of which half is known',
      image(bar(4, 0x80000004)),
      6,
      [{ index: 4, kind: 'memory64', prefetchable: false, address: null }],
    ],
    [
      '64 bits in the last register, which has no upper half',
      image(bar(1, 0x80000004), bar(2, 0x12)),
      2,
      [{ index: 1, kind: 'memory64', prefetchable: false, address: 0x80000000 }],
    ],
  ])('where there are: %s', (_, under, count, expected) => {
    expect(barsOf(under, count)).toEqual(expected);
  });
});
