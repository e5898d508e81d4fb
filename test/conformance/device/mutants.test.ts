import { describe, expect, it } from 'vitest';
import { clauses } from '../../../src/conformance/catalogue/index.ts';
import { checks } from '../../../src/conformance/device/index.ts';
import { deviceMutants, findingsOf, suspects } from '../../../src/testing/mutants/index.ts';

/*
 * Each check is proved able to fail by a device that is wrong in one small way, and each mutant is noticed. Whether ours are
 * right is tested elsewhere: an honest device passes (suite.test.ts).
 */
const proved = new Set<string>();

describe('every mutant', () => {
  it.each(deviceMutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s is noticed by a check of a clause that it breaks',
    async (_, mutant) => {
      expect(mutant.breaks.filter((clause) => !clauses.has(clause))).toEqual([]);
      const found = await findingsOf(mutant, suspects(mutant, checks));
      const named = found.filter(({ clause }) => mutant.breaks.includes(clause!));
      for (const { check, clause } of named) proved.add(`${check}: ${clause}`);
      expect(
        named.length,
        JSON.stringify(found.map(({ check, clause, seen }) => [check, clause, seen])),
      ).not.toBe(0);
    },
  );

  it('has a name of its own', () => {
    const names = deviceMutants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('every check', () => {
  it('fails for a mutant, for each clause that it lists', () => {
    const pairs = checks.flatMap(({ id, clauses: its }) => its.map((clause) => `${id}: ${clause}`));
    expect(pairs.filter((pair) => !proved.has(pair))).toEqual([]);
  });

  it('has an id of its own, and clauses that exist and bind devices', () => {
    const ids = checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, clauses: its } of checks)
      for (const clause of its) expect([id, clause, clauses.get(clause)?.party]).not.toContain('driver');
    expect(checks.flatMap(({ clauses: its }) => its).filter((clause) => !clauses.has(clause))).toEqual([]);
  });
});
