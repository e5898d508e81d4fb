import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drafts } from '../../src/mmr/index.ts';
import { compare } from './support/compare.ts';
import { cases } from './support/operations.ts';
import { PATIENCE, runs, shared } from './support/runs.ts';
import { comparedKinds } from './support/worlds.ts';

/*
 * The guest cannot tell what stands behind its legacy function: a transitional function's I/O BAR, the MMR block of
 * a plain function or of a virtual one, or commands to a virtual function's owner.
 *
 * All these paths are ours. What pins them down is one more that neither shares anything with above the device: the plain
 * legacy function, plugged into the guest's own machine, with no host and no translator. All must agree.
 */
const layouts = Object.keys(drafts).flatMap((draft) =>
  (['own', 'shared'] as const).map((placement) => ({
    draft,
    placement,
    name: `${draft}, ${placement} BAR`,
  })),
);

describe('a guest sees the same of a function behind mmr, plain or virtual, behind io-bar, behind its owner and of the plain legacy one', () => {
  it.each(layouts)(
    'whatever it does: $name',
    ({ draft, placement }) => {
      const property = fc.property(cases({ draft, placement, held: false, most: 100 }), (each) => {
        compare(each, comparedKinds);
      });
      fc.assert(property, { numRuns: shared(240, layouts.length) });
    },
    PATIENCE,
  );

  it(
    "also where two processors have accesses under way at once, and an owner's answers come in any order, on several queues",
    () => {
      const types = [
        ['block', 'entropy'],
        ['network', 'console'],
        ['balloon', 'block'],
      ] as const;
      let overlaps = 0;
      const property = fc.property(cases({ held: true, most: 100, types }), (each) => {
        for (const world of compare(each, comparedKinds)) overlaps += world.overlaps;
      });
      fc.assert(property, { numRuns: runs(120) });
      expect(overlaps).toBeGreaterThan(0);
    },
    PATIENCE,
  );

  it.each(layouts)(
    'also where device work and posted writes are late: $name',
    ({ draft, placement }) => {
      const property = fc.property(cases({ draft, placement, held: true, most: 100 }), (each) => {
        compare(each, comparedKinds);
      });
      fc.assert(property, { numRuns: shared(240, layouts.length) });
    },
    PATIENCE,
  );
});
