import { describe, expect, it, test } from 'vitest';
import { watchRules } from '../../../src/conformance/watch/index.ts';
import { allSeeds } from './seeds/index.ts';

describe('a seeded bug', () => {
  test.each(allSeeds.map((seed) => [seed.rule, seed.what, seed] as const))('%s: %s', (rule, _, seed) => {
    expect(seed.run()).toContain(rule);
  });

  it('is there for every rule but those of what no device here offers, or wants virtual functions', () => {
    const seeded = new Set(allSeeds.map(({ rule }) => rule));
    const known = new Set(watchRules.map(({ id }) => id));
    expect([...seeded].filter((rule) => !known.has(rule))).toEqual([]);
    expect([...known].filter((id) => !seeded.has(id)).sort()).toEqual([
      'admin-config-access',
      'admin-kick-by-command',
      'admin-member',
      'balloon-statistics-not-renewed',
      'block-change-passed-over',
      'capabilities-not-looked-for',
      'network-change-passed-over',
      'network-header-length-refused',
      'network-standby-refused',
      'scsi-event-info',
      'virtual-functions-before-agreement',
      'virtual-functions-taken',
    ]);
  });
});
