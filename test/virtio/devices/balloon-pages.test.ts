import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PageSet } from '../../../src/virtio/index.ts';

/** Pages on both sides of the ends of words, of pieces, and of the number space. */
const pages = fc.oneof(
  fc.nat(70),
  fc.integer({ min: 0x7ff0, max: 0x8010 }),
  fc.constantFrom(0xffffffff, 2 ** 40),
);

describe('a set of pages', () => {
  it('is what a set of numbers is, in ranges', () => {
    const edits = fc.array(fc.tuple(fc.boolean(), pages), { maxLength: 80, size: 'max' });
    fc.assert(
      fc.property(edits, (each) => {
        const set = new PageSet();
        const model = new Set<number>();
        for (const [add, page] of each) {
          const changes = model.has(page) !== add;
          expect(add ? set.add(page) : set.remove(page)).toBe(changes);
          if (add) model.add(page);
          else model.delete(page);
          expect([set.size, set.has(page)]).toEqual([model.size, add]);
        }
        const ranges = set.ranges();
        const listed = ranges.flatMap(({ first, count }) =>
          Array.from({ length: count }, (_, i) => first + i),
        );
        expect(listed).toEqual([...model].sort((a, b) => a - b));
        for (const [i, { first, count }] of ranges.entries())
          expect(first + count === ranges[i + 1]?.first).toBe(false);
        const copy = new PageSet();
        copy.add(12345);
        copy.load(set.save());
        expect(copy.ranges()).toEqual(ranges);
        set.clear();
        expect([set.size, set.ranges()]).toEqual([0, []]);
      }),
      { numRuns: 200 },
    );
  });
});
