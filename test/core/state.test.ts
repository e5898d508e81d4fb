import { describe, expect, it, test } from 'vitest';
import {
  expectEqual,
  expectParts,
  manifestOf,
  record,
  type State,
  type Stateful,
  StateMismatchError,
  shape,
  u8,
} from '../../src/core/index.ts';

function refusal(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    if (error instanceof StateMismatchError) return [error.part, error.found, error.expected];
    throw error;
  }
  return 'taken';
}

describe('two states that are to be equal', () => {
  test.each<[string, State]>([
    ['nothing', null],
    ['a number', 3],
    ['text', 'a'],
    ['bytes', Uint8Array.of(1, 2)],
    ['no bytes', new Uint8Array(0)],
    ['a list', [1, [2], { a: 3 }]],
    ['an empty list', []],
    ['values by name', { a: { b: [Uint8Array.of(1)] } }],
    ['no values by name', {}],
  ])('are: %s', (_, state) => {
    expect(refusal(() => expectEqual('at', structuredClone(state), state))).toBe('taken');
  });

  test.each<[string, State | undefined, State | undefined, unknown]>([
    ['in a number', 3, 4, ['at', 3, '4']],
    ['in its type', '3', 3, ['at', '3', '3']],
    ['by name', { a: 1, b: 2 }, { a: 1, b: 3 }, ['at.b', 2, '3']],
    ['in a name that is missing', { a: 1 }, { a: 1, b: 3 }, ['at.b', undefined, '3']],
    ['in a name too many', { a: 1, c: 2 }, { a: 1 }, ['at.c', 2, 'nothing']],
    ['deep within', { a: [0, { b: 1 }] }, { a: [0, { b: 2 }] }, ['at.a[1].b', 1, '2']],
    ['in a place of a list', [1, 2], [1, 3], ['at[1]', 2, '3']],
    ['in the length of a list', [1], [1, 2], ['at', [1], '[1,2]']],
    ['in a byte', Uint8Array.of(1, 2), Uint8Array.of(1, 3), ['at[1]', 2, '3']],
    [
      'in the number of bytes',
      Uint8Array.of(1),
      Uint8Array.of(1, 2),
      ['at', Uint8Array.of(1), '{"0":1,"1":2}'],
    ],
    ['bytes for a list', Uint8Array.of(1), [1], ['at', Uint8Array.of(1), '[1]']],
    ['a list for bytes', [1], Uint8Array.of(1), ['at', [1], '{"0":1}']],
    ['a list for values by name', [], {}, ['at', [], '{}']],
    ['values by name for a list', {}, [], ['at', {}, '[]']],
    ['values by name for nothing', {}, null, ['at', {}, 'null']],
    ['nothing for values by name', undefined, { a: 1 }, ['at', undefined, '{"a":1}']],
    ['something for nothing', 1, undefined, ['at', 1, 'nothing']],
  ])('differ %s', (_, found, expected, where) => {
    expect(refusal(() => expectEqual('at', found, expected))).toEqual(where);
  });
});

describe('the parts of a whole', () => {
  const parts = new Map([
    ['a', 1],
    ['b', 2],
  ]);

  it('are as many as are saved, of the same names', () => {
    expect(refusal(() => expectParts('at', { a: 0, b: 0 }, parts))).toBe('taken');
    expect(refusal(() => expectParts('at', {}, new Map()))).toBe('taken');
    expect(refusal(() => expectParts('at', { a: 0 }, parts))).toEqual([
      'at.b',
      undefined,
      'the state of that part',
    ]);
    expect(refusal(() => expectParts('at', { a: 0, b: 0, c: 7 }, parts))).toEqual([
      'at.c',
      7,
      'no such part',
    ]);
    // A name that every object has is no part for that.
    expect(refusal(() => expectParts('at', {}, new Map([['toString', 1]])))).toEqual([
      'at.toString',
      expect.any(Function),
      'the state of that part',
    ]);
  });
});

describe('the manifest of a part', () => {
  const part = (state: State, more: Partial<Stateful> = {}): Stateful => ({
    save: () => state,
    load: () => {},
    ...more,
  });
  const table = record('thing', 2, { shape, size: u8 });
  const fields = { shape: { map: 'state of a part' }, size: 'u8' };

  it('is what its table says, with what it was made with', () => {
    const of = (state: State) => manifestOf(part(state, { record: table }));
    const made = { queues: 3 };
    expect(of({ version: 2, shape: made, size: 1 })).toEqual({ record: 'thing', version: 2, fields, made });
    for (const state of [{ version: 2, size: 1 }, null, 3, []])
      expect(of(state)).toEqual({ record: 'thing', version: 2, fields, made: null });
  });

  it('is its own where it has one, and null where it goes by no table', () => {
    expect(manifestOf(part({}, { record: table, manifest: () => 'mine' }))).toBe('mine');
    expect(manifestOf(part({ shape: { a: 1 } }))).toBeNull();
  });
});
