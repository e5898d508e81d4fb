import { describe, expect, it, test } from 'vitest';
import { type Deviation, deviations } from './deviations.ts';
import { at, type Difference, differences } from './difference.ts';
import { sections } from './observations.ts';

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
const isIn = (section: string) => (row: Deviation) => row.path.startsWith(`${section}.`);

describe('recorded answers of QEMU 7.2', () => {
  test.each(sections)(
    '$name: every answer is the recorded one or a listed deviation',
    ({ name, observed, replay }) => {
      const found = differences(observed, replay(), name).sort(byPath);
      const listed: Difference[] = deviations
        .filter(isIn(name))
        .map(({ path, observed, ours }) => ({ path, observed, ours }));
      expect(found).toEqual(listed.sort(byPath));
    },
  );

  test.each(sections)('$name: the replay is the same when it is run again', ({ replay }) => {
    expect(replay()).toEqual(replay());
  });
});

describe('the table of deviations', () => {
  it('names an answer that was recorded in each row, and no answer twice', () => {
    const record = Object.fromEntries(sections.map(({ name, observed }) => [name, observed]));
    for (const { path, observed } of deviations) {
      const section = sections.find(({ name }) => path.startsWith(`${name}.`))?.name;
      expect(section, path).toBeDefined();
      expect(at(record[section!]!, path.slice(section!.length)), path).toEqual(observed);
    }
    expect(new Set(deviations.map(({ path }) => path)).size).toBe(deviations.length);
  });

  test.each([...new Map(deviations.map((row) => [row.id, row])).values()])(
    '$id has a reason and a clause',
    ({ id, clause, reason }) => {
      expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(clause).toMatch(/^[A-Z]+(-[A-Z]+)*-[0-9]{2}$/);
      expect(reason).not.toBe('');
      expect(new Set(deviations.filter((row) => row.id === id).map((row) => row.reason)).size).toBe(1);
    },
  );
});

describe('the comparison itself', () => {
  const leaf = { a: [1, { b: '0x1' }], c: null };
  const cases = [
    ['a changed leaf', { a: [1, { b: '0x2' }], c: null }, ['x.a[1].b']],
    ['a missing leaf', { a: [1, { b: '0x1' }] }, ['x.c']],
    ['a leaf too many', { a: [1, { b: '0x1' }, 2], c: null }, ['x.a[2]']],
    ['another kind', { a: { 0: 1 }, c: null }, ['x.a']],
    ['nothing', { a: [1, { b: '0x1' }], c: null }, []],
  ] as const;
  test.each(cases)('finds %s', (_, ours, paths) => {
    expect(differences(leaf, ours, 'x').map(({ path }) => path)).toEqual(paths);
  });
});
