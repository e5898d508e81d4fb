import { describe, expect, it } from 'vitest';
import {
  type Composition,
  type CompositionCounts,
  compositionOperations,
  runComposition,
} from '../../../src/mmr/index.ts';

const run = async (composition: Composition, posted: boolean) => {
  const counts = await runComposition(composition, posted);
  return compositionOperations.map((name) => ({ name, ...counts[name] }));
};
const seen = ({ exits, doorbells, calls, parentAccesses, delivered, posted }: CompositionCounts) => ({
  ...{ exits, doorbells, calls, parentAccesses, delivered, posted },
});

describe.each([false, true])(
  'slices that are emulated in the kernel and in a process, posted: %s',
  (posted) => {
    it('take the same of guest and parent, and differ in who makes sense of what', async () => {
      const [kernel, user] = [await run('kernel', posted), await run('user', posted)];
      expect(user.map(seen)).toEqual(kernel.map(seen));
      for (const each of kernel) {
        expect(each.transitions).toBe(0);
        expect(each.kernelInputs).toBe(each.exits);
      }
      for (const each of user) {
        expect(each.transitions).toBe(2 * (each.exits + each.calls + each.delivered));
        expect(each.kernelInputs).toBe(each.calls);
      }
    });

    it('take no exit for a request, and one interrupt', async () => {
      const [, request] = await run('kernel', posted);
      const interrupts = { delivered: posted ? 0 : 1, posted: posted ? 1 : 0 };
      expect(request).toMatchObject({ exits: 0, doorbells: 1, parentAccesses: 0, ...interrupts });
    });
  },
);
