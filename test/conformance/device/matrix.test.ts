import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checks } from '../../../src/conformance/device/index.ts';
import { deviceMutants } from '../../../src/testing/mutants/index.ts';

const text = readFileSync(new URL('../../../docs/mutant-matrix.md', import.meta.url), 'utf8');
const rows = [...text.matchAll(/^\| `([a-z0-9-]+)` \| .* \| ([^|]*) \| ([^|]*) \|$/gm)].map(
  ([, name, seen, others]) => ({
    name: name!,
    seen: [...seen!.matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id!),
    others: [...others!.matchAll(/`([a-z0-9-]+)`/g)].map(([, id]) => id!),
  }),
);

describe('the matrix of broken devices', () => {
  it('has every mutant, each seen by a check of its clause, and no check that there is not: npm run mutant-matrix', () => {
    expect(rows.map(({ name }) => name)).toEqual(deviceMutants.map(({ name }) => name));
    expect(rows.filter(({ seen }) => seen.length === 0)).toEqual([]);
    const ids = new Set(checks.map(({ id }) => id));
    expect(rows.flatMap(({ seen, others }) => [...seen, ...others]).filter((id) => !ids.has(id))).toEqual([]);
  });

  it('has every check among those that see something by a clause', () => {
    const proved = new Set(rows.flatMap(({ seen }) => seen));
    expect(checks.map(({ id }) => id).filter((id) => !proved.has(id))).toEqual([]);
  });
});
