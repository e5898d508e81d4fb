import fc, { type Arbitrary } from 'fast-check';

/** What is printed of the smallest value that a planted predicate does not hold for. */
export function shrunk<T>(arbitrary: Arbitrary<T>, holds: (value: T) => boolean, numRuns = 20_000): string {
  const { counterexample } = fc.check(fc.property(arbitrary, holds), { numRuns, seed: 1 });
  return fc.stringify(counterexample![0]);
}
