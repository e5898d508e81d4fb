import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type State,
  StateEncodingError,
  stateFromBytes,
  stateFromText,
  stateToBytes,
  stateToText,
} from '../../src/core/index.ts';
import { runs } from '../properties/support/runs.ts';

const name = fc.oneof(fc.string(), fc.constantFrom('$', '$$', '$bytes', '$$bytes', 'state'));
const { state: states } = fc.letrec<{ state: State }>((tie) => ({
  state: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<State>(null, true, false),
    fc.integer(),
    fc.maxSafeNat(),
    fc.string(),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('state'), { maxLength: 4 }),
    fc.dictionary(name, tie('state'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

const big = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 7) >> 3);

describe('a state as text and as bytes', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(stateFromText(stateToText(state))).toEqual(state);
        expect(stateFromBytes(stateToBytes(state))).toEqual(state);
      }),
      { numRuns: runs(300) },
    );
    expect(stateFromText(stateToText(big))).toEqual(big);
    expect(stateFromBytes(stateToBytes([big, { big }]))).toEqual([big, { big }]);
  });

  it('has bytes as the usual base64', () => {
    for (const length of [0, 1, 2, 3, 4, 5]) {
      const bytes = big.subarray(100, 100 + length);
      const { state } = JSON.parse(stateToText(bytes));
      expect(state).toEqual({ $bytes: Buffer.from(bytes).toString('base64') });
    }
  });

  it('holds any number of bytes, also those around what is encoded at a time', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 6, 0x17ff, 0x1800, 0x1801, 0x3000]) {
      const bytes = big.subarray(100, 100 + length);
      const text = stateToText(bytes);
      expect(JSON.parse(text).state.$bytes).toBe(Buffer.from(bytes).toString('base64'));
      expect(stateFromText(text)).toEqual(bytes.slice());
      expect(stateFromBytes(stateToBytes([bytes]))).toEqual([bytes.slice()]);
    }
  });

  it('stands in bytes as the layout says', () => {
    const whole = stateToBytes([Uint8Array.of(7), Uint8Array.of(8, 9)]);
    const text = '{"virtiolab":1,"state":[{"$bytes":[0,1]},{"$bytes":[1,2]}]}';
    expect(Buffer.from(whole)).toEqual(
      Buffer.concat([
        Buffer.from('vlstate\n'),
        Buffer.from([text.length, 0, 0, 0, 3, 0, 0, 0]),
        Buffer.from(text),
        Buffer.from([7, 8, 9]),
      ]),
    );
    // Also where they begin somewhere in an array.
    expect(stateFromBytes(Uint8Array.of(1, 2, 3, ...whole).subarray(3))).toEqual([
      Uint8Array.of(7),
      Uint8Array.of(8, 9),
    ]);
  });

  /** Encoded bytes with `put` in the place of where the bytes lie; four bytes follow. */
  function putting(put: unknown): Uint8Array {
    const text = Buffer.from(JSON.stringify({ virtiolab: 1, state: { $bytes: put } }));
    const head = Buffer.alloc(8);
    head.writeUInt32LE(text.length, 0);
    head.writeUInt32LE(4, 4);
    return new Uint8Array(Buffer.concat([Buffer.from('vlstate\n'), head, text, Buffer.of(1, 2, 3, 4)]));
  }

  it('takes any bytes of those that follow, and none else', () => {
    for (const [offset, count] of [
      [0, 4],
      [1, 3],
      [4, 0],
      [0, 0],
    ] as const)
      expect(stateFromBytes(putting([offset, count]))).toEqual(
        Uint8Array.of(1, 2, 3, 4).slice(offset, offset + count),
      );
    const wrong = [
      [0, 5],
      [1, 4],
      [5, 0],
      [-1, 2],
      [2, -1],
      [0.5, 1],
      [0, 0.5],
      ['0', 1],
      [0, '1'],
      [0],
      [0, 1, 2],
      [],
      {},
      { length: 2 },
      'ab',
      1,
      null,
    ];
    for (const put of wrong)
      expect(() => stateFromBytes(putting(put))).toThrow('encoded state: bytes are damaged');
  });

  it('says what is wrong with it', () => {
    const bytes = stateToBytes([new Uint8Array(3)]);
    expect(() => stateFromBytes(bytes.subarray(0, -1))).toThrow(
      `torn: ${bytes.length - 1} bytes, and it says ${bytes.length}`,
    );
    expect(() => stateFromBytes(bytes.subarray(0, 15))).toThrow('torn, or no state');
    expect(() => stateFromBytes(bytes.slice().fill(0, 0, 1))).toThrow(/: no state$/);
    expect(() => stateFromText('{"virtiolab":1,')).toThrow('torn, or no state');
    expect(() => stateFromText('{"virtiolab":1}')).toThrow(/: no state$/);
    expect(() => stateFromText('{"virtiolab":"1","state":1}')).toThrow(/: no state$/);
    expect(() => stateFromText('{"virtiolab":2,"state":1}')).toThrow('form 2; this package reads form 1');
    for (const odd of [Number.NaN, Number.NEGATIVE_INFINITY])
      expect(() => stateToText([odd])).toThrow(`${odd} is no number of a state`);
    expect(() => stateToText({ a: undefined } as unknown as State)).toThrow(
      'undefined is no value of a state',
    );
  });

  it('is 128 deep at most, in lists and by names', () => {
    for (const wrap of [(state: State): State => [state], (state: State): State => ({ a: state })]) {
      let deep: State = 1;
      for (let i = 0; i < 128; i++) deep = wrap(deep);
      expect(stateFromText(stateToText(deep))).toEqual(deep);
      const deeper = wrap(deep);
      expect(() => stateToText(deeper)).toThrow('deeper than 128');
    }
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const)
      for (const depth of [129, 5000]) {
        const text = `{"virtiolab":1,"state":${open.repeat(depth)}1${close.repeat(depth)}}`;
        expect(() => stateFromText(text)).toThrow('deeper than 128');
      }
  });

  it('is refused when torn, wherever', () => {
    const state = { a: [1, new Uint8Array([1, 2, 3])], b: 'x' };
    const text = stateToText(state);
    for (let end = 0; end < text.length; end++)
      expect(() => stateFromText(text.slice(0, end))).toThrow(StateEncodingError);
    const bytes = stateToBytes(state);
    for (let end = 0; end < bytes.length; end++)
      expect(() => stateFromBytes(bytes.subarray(0, end))).toThrow(StateEncodingError);
    expect(() => stateFromBytes(new Uint8Array([...bytes, 0]))).toThrow(StateEncodingError);
  });

  it('is refused when it is none', () => {
    for (const text of ['', '1', 'null', '[]', '{}', '{"virtiolab":2,"state":1}', '{"virtiolab":1}'])
      expect(() => stateFromText(text)).toThrow(StateEncodingError);
    for (const bytes of ['1', 'A', 'AA', 'AAA', '====', 'AA=A', '!AAA', 7, null])
      expect(() => stateFromText(JSON.stringify({ virtiolab: 1, state: { $bytes: bytes } }))).toThrow(
        StateEncodingError,
      );
    expect(() => stateFromText('{"virtiolab":1,"state":{"$bytes":"","a":1}}')).toThrow(StateEncodingError);
    expect(() => stateFromBytes(new Uint8Array(64))).toThrow(StateEncodingError);
  });

  it('is never a state of anything else, whatever byte changes', () => {
    const bytes = stateToBytes({ a: new Uint8Array([1, 2, 3, 4]) });
    for (let at = 0; at < bytes.length; at++)
      for (const flip of [1, 0x80]) {
        const changed = bytes.slice();
        changed[at]! ^= flip;
        try {
          stateFromBytes(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(StateEncodingError);
        }
      }
  });

  it('holds plain data only', () => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, [Number.NaN]]) {
      expect(() => stateToText(odd)).toThrow(StateEncodingError);
      expect(() => stateToBytes(odd)).toThrow(StateEncodingError);
    }
    let deep: State = null;
    for (let i = 0; i < 200; i++) deep = [deep];
    expect(() => stateToText(deep)).toThrow(StateEncodingError);
  });
});
