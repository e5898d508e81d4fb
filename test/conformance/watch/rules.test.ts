import { describe, expect, it, test } from 'vitest';
import { unobservableOfDrivers, watchedClauses, watchRules } from '../../../src/conformance/watch/index.ts';
import { clauses, misfit } from '../../clauses/catalogue.ts';

describe('the rules', () => {
  it('have names of their own', () => {
    const names = watchRules.map(({ id }) => id);
    expect(new Set(names).size).toBe(names.length);
  });

  it('export the clauses that they check', () => {
    expect(watchedClauses.filter((id) => !clauses.has(id))).toEqual([]);
    expect(watchedClauses).toEqual([...new Set(watchedClauses)].sort());
  });

  it('leave out no clause that binds drivers without a reason', () => {
    // Device types beyond the seven have no rules.
    const bound = [...clauses.values()]
      .filter(({ id, party }) => party !== 'device' && !/^(RTC|VSOCK)-/.test(id))
      .map(({ id }) => id);
    const both = watchedClauses.filter((id) => id in unobservableOfDrivers);
    expect(both).toEqual([]);
    const open = bound.filter((id) => !watchedClauses.includes(id) && !(id in unobservableOfDrivers));
    // Contexts are not followed.
    expect(open.sort()).toEqual(['NET-CVQ-30']);
    expect(watchedClauses.length).toBeGreaterThanOrEqual(190);
  });

  test.each(watchRules.map((rule) => [rule.id, rule] as const))(
    '%s cites what binds its driver',
    (_, rule) => {
      const of = (ids: readonly string[], legacy: boolean | null) =>
        ids.flatMap((clause) => misfit({ clause, party: 'driver', legacy }) ?? []);
      const { speaks, legacyClauses } = rule;
      if (speaks !== 'legacy')
        expect(of(rule.clauses, speaks === undefined && legacyClauses === undefined ? null : false)).toEqual(
          [],
        );
      else expect(of(rule.clauses, true)).toEqual([]);
      if (legacyClauses !== undefined) expect(of(legacyClauses, true)).toEqual([]);
      if (speaks === undefined && legacyClauses === undefined) {
        // The first is cited of either driver.
        expect(of(rule.clauses.slice(0, 1), true)).toEqual([]);
        expect(of(rule.clauses.slice(0, 1), false)).toEqual([]);
      }
    },
  );
});
