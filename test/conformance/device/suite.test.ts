import { describe, expect, it } from 'vitest';
import { conform } from '../../../src/conformance/device/index.ts';
import { kindsOf, ourSource, type SubjectKind, sampleNames } from '../../../src/testing/index.ts';
import { deviations } from './deviations.ts';

/** Where every type is tried; then where types without, with, and with written configuration are; and one of them is everywhere. */
const every: readonly SubjectKind[] = ['transitional', 'via-mmr'];
const some: readonly SubjectKind[] = ['legacy', 'modern'];
const few = ['entropy', 'block', 'network'];
const all = process.env['VIRTIOLAB_MACHINES'] === 'all';
const sources = sampleNames.flatMap((type) =>
  kindsOf(type)
    .filter((kind, _, { length }) => {
      const chosen = every.includes(kind) || (few.includes(type) && some.includes(kind));
      // A type that is modern only has few kinds.
      return all || chosen || type === 'block' || length < every.length + some.length;
    })
    .map((kind) => [type, kind] as const),
);

describe('an honest device', () => {
  it.each(sources)('%s:%s passes, or the check says why it was not made', async (type, kind) => {
    const bad: unknown[] = [];
    for await (const result of conform(ourSource(type, kind), { witness: false, deviations })) {
      const { outcome, reason, recovers, check, setting, clause, expected, seen } = result;
      // A ring that cannot be may leave a device to be reset.
      const wedged = outcome === 'WEDGED' && recovers !== true;
      if (outcome === 'FAIL' || outcome === 'XPASS' || wedged || (outcome === 'SKIP' && reason === null))
        bad.push({ check, setting, outcome, clause, expected, seen, reason });
    }
    expect(bad).toEqual([]);
  });
});
