import { describe, expect, it, test } from 'vitest';
import {
  anyState,
  bytes,
  flag,
  group,
  type Kind,
  list,
  map,
  oneOf,
  optional,
  record,
  type State,
  StateMismatchError,
  StateVersionError,
  text,
  tuple,
  u8,
  u16,
  u32,
  u53,
  upTo,
  within,
  words,
} from '../../src/core/index.ts';

const refusal = (part: string, expected?: string): unknown =>
  expect.objectContaining(expected === undefined ? { part } : { part, expected });

function refused(of: Kind<State>, value: State | undefined): string {
  try {
    of.parse(value, 'at');
  } catch (error) {
    if (error instanceof StateMismatchError) return `${error.part}: ${error.expected}`;
    throw error;
  }
  return 'taken';
}

describe('kinds of fields', () => {
  const odd: State[] = [-1, 0.5, Number.NaN, 2 ** 53, '0', null, true, [], {}, new Uint8Array(1)];
  test.each<[string, Kind<State>, readonly State[], readonly State[]]>([
    ['flag', flag, [true, false], [0, 1, 'true', null]],
    ['u8', u8, [0, 255], [256, ...odd]],
    ['u16', u16, [0, 0xffff], [0x10000, ...odd]],
    ['u32', u32, [0, 0xffffffff], [2 ** 32, ...odd]],
    ['u53', u53, [0, 2 ** 53 - 1], odd],
    ['upTo', upTo(3), [0, 3], [4, ...odd]],
    ['text', text(3), ['', 'abc'], ['abcd', 1, null]],
    ['oneOf', oneOf('a', 2, null), ['a', 2, null], ['b', 3, true]],
    ['bytes', bytes(), [new Uint8Array(0), new Uint8Array(9)], [[], 'a', null]],
    ['bytes, so many', bytes(2), [new Uint8Array(2)], [new Uint8Array(1), new Uint8Array(3)]],
    ['bytes within limits', bytes(1, 2), [new Uint8Array(2)], [new Uint8Array(0), new Uint8Array(3)]],
    ['list', list(u8), [[], [1, 2]], [{}, 1, null, [256], [null]]],
    ['list, so many', list(u8, 2), [[1, 2]], [[1], [1, 2, 3]]],
    ['list within limits', list(u8, { least: 1, most: 2 }), [[1], [1, 2]], [[], [1, 2, 3]]],
    ['words', words(2), [[0, 2 ** 32 - 1]], [[0], [0, -1], [0, 0, 0]]],
    ['tuple', tuple(u8, flag), [[1, true]], [[1], [true, 1], [1, true, 0]]],
    ['optional', optional(u8), [null, 1], [256, 'a', false]],
    ['map', map(u8), [{}, { a: 1 }], [{ a: 256 }, [], null]],
    ['group', group({ a: u8, b: flag }), [{ a: 1, b: true }], [{ a: 1 }, { a: 1, b: true, c: 0 }, [], null]],
    [
      'list of at least so many',
      list(u8, { least: 2 }),
      [
        [1, 2],
        [1, 2, 3],
      ],
      [[], [1]],
    ],
    ['bytes within both limits', bytes(1, 2), [new Uint8Array(1)], [new Uint8Array(0)]],
    [
      'anyState',
      anyState,
      [null, 1, true, false, '', 'a', [], {}, { a: [new Uint8Array(1)] }, Object.create(null)],
      [
        Number.NaN,
        [Number.POSITIVE_INFINITY],
        { a: { b: Number.NaN } },
        ...[new Map(), new Date(0), () => 1, 1n, Symbol('a'), [undefined], { a: undefined }].map(
          (odd) => odd as unknown as State,
        ),
      ],
    ],
  ])('%s', (_, of, right, wrong) => {
    for (const value of right) expect(of.parse(value, 'at')).toEqual(value);
    for (const value of wrong) expect(refused(of, value)).not.toBe('taken');
    expect(refused(of, undefined)).not.toBe('taken');
  });

  it('name the place and what would be right', () => {
    const of = group({ rings: list(group({ size: upTo(8), on: optional(flag) })) });
    expect(
      refused(of, {
        rings: [
          { size: 1, on: null },
          { size: 9, on: null },
        ],
      }),
    ).toBe('at.rings[1].size: a whole number of 0..8');
    expect(refused(of, { rings: [{ size: 1, on: 0 }] })).toBe('at.rings[0].on: true or false');
    expect(refused(of, { rings: [], more: 1 })).toBe('at.more: no such field');
    expect(refused(of, {})).toBe('at.rings: a list, any number long');
    expect(refused(of, JSON.parse('{"rings": [], "__proto__": 1}'))).toBe('at.__proto__: no such field');
  });

  it('take no data deeper than any state is', () => {
    let deep: State = null;
    for (let i = 0; i < 64; i++) deep = [deep];
    expect(refused(anyState, deep)).toBe('taken');
    expect(refused(anyState, [deep])).toBe('at: plain data');
    expect(refused(anyState, { a: deep })).toBe('at: plain data');
    for (let i = 0; i < 1000; i++) deep = [deep];
    expect(refused(anyState, deep)).toBe('at: plain data');
  });

  test.each<[Kind<State>, string, State]>([
    [flag, 'true or false', 'flag'],
    [u8, 'a whole number of 0..255', 'u8'],
    [u16, 'a whole number of 0..65535', 'u16'],
    [u32, 'a whole number of 0..4294967295', 'u32'],
    [u53, 'a whole number of 0..9007199254740991', 'u53'],
    [upTo(3), 'a whole number of 0..3', '0..3'],
    [bytes(), 'bytes, any number of them', { bytes: 'any number' }],
    [bytes(2), 'bytes, 2 of them', { bytes: '2' }],
    [bytes(1, 2), 'bytes, 1..2 of them', { bytes: '1..2' }],
    [bytes(0, 2), 'bytes, 0..2 of them', { bytes: '0..2' }],
    [text(3), 'text of at most 3 units', { text: '0..3' }],
    [text(), 'text of at most 65536 units', { text: '0..65536' }],
    [oneOf('a', 2, null), '"a" or 2 or null', { oneOf: ['a', 2, null] }],
    [list(u8), 'a list, any number long', { list: 'u8', count: 'any number' }],
    [list(u8, { least: 1 }), 'a list, at least 1 long', { list: 'u8', count: 'at least 1' }],
    [list(u8, { most: 2 }), 'a list, 0..2 long', { list: 'u8', count: '0..2' }],
    [words(2), 'a list, 2 long', { list: 'u32', count: '2' }],
    [tuple(u8, flag), 'a list of 2', { tuple: ['u8', 'flag'] }],
    [optional(u8), 'a whole number of 0..255', { optional: 'u8' }],
    [map(u8), 'values by name', { map: 'u8' }],
    [group({ a: u8, b: flag }), 'a, b by name', { a: 'u8', b: 'flag' }],
    [anyState, 'plain data', 'state of a part'],
  ])('say what they are: %#', (of, expected, shape) => {
    expect(refused(of, undefined)).toBe(`at: ${expected}`);
    expect(of.shape).toEqual(shape);
  });

  it('name the place within lists, tuples and names', () => {
    expect(refused(list(u8), [1, 256])).toBe('at[1]: a whole number of 0..255');
    expect(refused(tuple(u8, flag), [1, 1])).toBe('at[1]: true or false');
    expect(refused(map(u8), { a: 1, b: 256 })).toBe('at.b: a whole number of 0..255');
    const related = group({ a: u8 }, ({ a }, expect) => {
      expect(a !== 1, 'a', a, 'not 1');
      expect(a !== 2, '', a, 'not 2');
      expect(a !== 3, '[3]', a, 'not 3');
    });
    expect([0, 1, 2, 3].map((a) => refused(related, { a }))).toEqual([
      'taken',
      'at.a: not 1',
      'at: not 2',
      'at[3]: not 3',
    ]);
    expect([within('', 'a'), within('a', ''), within('a', '[1]'), within('a[1]', 'b')]).toEqual([
      'a',
      'a',
      'a[1]',
      'a[1].b',
    ]);
  });

  it('take nothing that only every object has for a value', () => {
    expect(refused(group({ toString: u8 }), {})).toBe('at.toString: a whole number of 0..255');
    expect(refused(group({}), { toString: 1 })).toBe('at.toString: no such field');
  });
});

describe('a record', () => {
  const ring = record(
    'ring',
    3,
    { size: u16, next: u16 },
    {
      upgrades: {
        1: ({ length, ...rest }) => ({ ...rest, size: length! }),
        2: (state) => ({ ...state, next: 0 }),
      },
      relate: ({ size, next }, expect) => expect(next < size, 'next', next, `below the size, ${size}`),
    },
  );

  it('writes its version, and reads what it wrote', () => {
    const state = ring.save({ size: 8, next: 7 });
    expect(state).toEqual({ version: 3, size: 8, next: 7 });
    expect(ring.parse(state)).toEqual(state);
  });

  it('upgrades older versions step by step', () => {
    expect(ring.parse({ version: 1, length: 8 })).toEqual({ version: 3, size: 8, next: 0 });
    expect(ring.parse({ version: 2, size: 8 })).toEqual({ version: 3, size: 8, next: 0 });
    expect(() => ring.parse({ version: 1, length: 70000 }, 'a')).toThrow(refusal('a.size'));
  });

  it('refuses newer versions, older ones that nothing upgrades, and none', () => {
    expect(() => ring.parse({ version: 4, size: 8, next: 0 })).toThrow(StateVersionError);
    expect(() => record('r', 2, {}).parse({ version: 1 })).toThrow(StateVersionError);
    for (const version of [0, -1, 0.5, '3', null, Number.NaN])
      expect(() => ring.parse({ version, size: 8, next: 0 })).toThrow(
        refusal('ring.version', 'a version of 1..3'),
      );
    expect(() => ring.parse({ size: 8, next: 0 })).toThrow(refusal('ring.version'));
    for (const state of [null, 3, [], new Uint8Array(3), undefined])
      expect(() => ring.parse(state)).toThrow(refusal('ring', 'a record'));
  });

  it('refuses fields that are each right, and not together', () => {
    expect(() => ring.parse({ version: 3, size: 8, next: 8 }, 'queues[1]')).toThrow(
      refusal('queues[1].next', 'below the size, 8'),
    );
  });

  it('says what it holds as plain data', () => {
    const whole = record('whole', 1, { ring, others: list(ring, { most: 2 }), on: flag });
    const of = { record: 'ring', version: 3, since: 1, fields: { size: 'u16', next: 'u16' } };
    expect(whole.manifest()).toEqual({
      record: 'whole',
      version: 1,
      fields: { ring: of, others: { list: of, count: '0..2' }, on: 'flag' },
    });
    expect(structuredClone(whole.manifest())).toEqual(whole.manifest());
  });
});
