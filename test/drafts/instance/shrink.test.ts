import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shrink } from '../../../src/drafts/instance/shrink.ts';

it('what is left still fails, and no single item can go', () => {
  const lists = fc.array(fc.nat(20), { maxLength: 60 });
  const needed = fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(lists, needed, (list, all) => {
      const fails = (each: readonly number[]) => all.every((item) => each.includes(item));
      const start = [...list, ...all];
      const least = shrink(start, fails, () => []);
      expect([...least].sort()).toEqual([...all].sort());
    }),
  );
});

it('items become simpler where that fails as well', () => {
  const least = shrink(
    [9, 8, 7],
    (list) => list.some((item) => item > 3),
    (item) => (item > 0 ? [0, item - 1] : []),
  );
  expect(least).toHaveLength(1);
  expect(least[0]).toBeLessThan(9);
});

it('it gives up looking where it may look no more', () => {
  let calls = 0;
  const list = Array.from({ length: 1000 }, (_, i) => i);
  const least = shrink(
    list,
    (each) => ++calls > 0 && each.length > 500,
    () => [],
    10,
  );
  expect(calls).toBe(10);
  expect(least.length).toBeGreaterThan(500);
});
