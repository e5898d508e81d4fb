import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patchedState, type State, statePatch } from '../../src/core/index.ts';
import { runs } from '../properties/support/runs.ts';

/** Bytes that begin anywhere in their buffer, as words or not. */
const bytes = fc.tuple(fc.uint8Array({ maxLength: 24 }), fc.integer({ min: 0, max: 3 })).map(([of, at]) => {
  const whole = new Uint8Array(of.length + at);
  whole.set(of, at);
  return whole.subarray(at);
});

const { state } = fc.letrec<{ state: State }>((tie) => ({
  state: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<State>(null, true, false, 0, 1, 'a', ''),
    bytes,
    fc.array(tie('state'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('state'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

/** What differs in single bytes, far from each other and at either end. */
const alike = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.array(fc.nat(79)))
  .map(([of, places]) => {
    const other = of.slice();
    for (const at of places) if (at < other.length) other[at] = other[at]! ^ 0xff;
    return [of, other] as const;
  });

describe('a patch of states', () => {
  it('makes of one state the other, and is null only where they are equal', () => {
    fc.assert(
      fc.property(state, state, (from, to) => {
        const before = structuredClone(from);
        const patch = statePatch(from, to);
        expect(patchedState(from, patch)).toEqual(to);
        expect(from).toEqual(before);
        if (patch === null) expect(from).toEqual(to);
        expect(statePatch(from, structuredClone(from))).toBeNull();
      }),
      { numRuns: runs(500) },
    );
  });

  it('finds each byte, wherever it is', () => {
    fc.assert(
      fc.property(alike, fc.integer({ min: 0, max: 3 }), ([from, to], skipped) => {
        const [a, b] = [from.subarray(skipped), to.subarray(skipped)];
        expect(patchedState({ a: 1, b: a }, statePatch({ a: 1, b: a }, { a: 1, b }))).toEqual({ a: 1, b });
      }),
      { numRuns: runs(300) },
    );
  });
});
