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
