import { describe, expect, it, test } from 'vitest';
import { watchRules } from '../../../src/conformance/watch/index.ts';
import { allSeeds } from './seeds/index.ts';

describe('a seeded bug', () => {
  test.each(allSeeds.map((seed) => [seed.rule, seed.what, seed] as const))('%s: %s', (rule, _, seed) => {
    expect(seed.run()).toContain(rule);
  });

  it('is of a rule', () => {
    const seeded = new Set(allSeeds.map(({ rule }) => rule));
    const known = new Set(watchRules.map(({ id }) => id));
    expect([...seeded].filter((rule) => !known.has(rule))).toEqual([]);
  });
});
