import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accesses } from '../../src/testing/accesses.ts';
import { commonConfig } from '../../src/virtio/layout/index.ts';

describe('accesses', () => {
  it('print as the field reads them, and shrink to the smallest that fails', () => {
    const { offset } = commonConfig.queueSelect;
    const bad = fc.check(
      fc.property(
        accesses(commonConfig),
        (access) => !(access.offset === offset && access.width === 2 && (access.value ?? 0) >= 0x100),
      ),
      { numRuns: 20_000, seed: 1 },
    );
    expect(bad.failed).toBe(true);
    expect(fc.stringify(bad.counterexample![0])).toMatch(/^write queueSelect 0x[0-9a-f]{4}$/);
  });

  it('print no bare numbers and no objects', () => {
    for (const access of fc.sample(accesses(commonConfig), { numRuns: 300, seed: 2 }))
      expect(fc.stringify(access)).toMatch(
        /^(?:read|write) \S+(?: \(\d bytes?(?: at \+\d)?\))?(?: 0x[0-9a-f]+)?$/,
      );
  });
});
