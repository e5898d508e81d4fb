import { expect, it } from 'vitest';
import { clauses } from '../../src/conformance/catalogue/index.ts';
import { coverage } from '../../src/conformance/coverage.ts';
import { checks } from '../../src/conformance/device/index.ts';
import { unobservable } from '../../src/conformance/device/unobservable.ts';
import { watchRules } from '../../src/conformance/watch/index.ts';

const sides = [...coverage().values()].flatMap(({ clause, sides: its }) =>
  its.map(({ party, state }) => ({ id: clause.id, party, state })),
);

// A clause that drops out of what is checked changes a line of the file, which is read by whoever reviews it.
it('what is checked of each clause is a reviewed list', async () => {
  const lines = sides.map(({ id, party, state }) => `${id} ${party} ${state}\n`).join('');
  await expect(lines).toMatchFileSnapshot('../golden/coverage.txt');
});

it.each(['device', 'driver'] as const)(
  'nine of ten clauses that can be seen are checked for a %s',
  (party) => {
    const own = sides.filter((side) => side.party === party && side.state !== 'not observable');
    const checked = own.filter(({ state }) => state === 'checked').length;
    expect(checked / own.length).toBeGreaterThanOrEqual(0.9);
    expect(checked).toBeGreaterThanOrEqual(party === 'device' ? 230 : 190);
  },
);

it('nobody is held to what binds the other', () => {
  const binds = (id: string, party: string) => [party, 'both'].includes(clauses.get(id)?.party ?? '');
  expect(checks.flatMap(({ clauses: its }) => its.filter((id) => !binds(id, 'device')))).toEqual([]);
  expect(watchRules.flatMap(({ clauses: its }) => its.filter((id) => !binds(id, 'driver')))).toEqual([]);
});

it('a reason why a clause cannot be seen is of a clause that binds devices, and is not checked after all', () => {
  const checked = new Set(checks.flatMap(({ clauses: its }) => its));
  for (const id of Object.keys(unobservable))
    expect([id, clauses.get(id)?.party, checked.has(id)]).toEqual([
      id,
      expect.stringMatching(/device|both/),
      false,
    ]);
});
