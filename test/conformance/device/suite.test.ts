import { describe, expect, it } from 'vitest';
import { conform, type Deviation } from '../../../src/conformance/device/index.ts';
import { kindsOf, ourSource, sampleNames } from '../../../src/testing/index.ts';
import { deviations } from './deviations.ts';

const sources = sampleNames.flatMap((type) => kindsOf(type).map((kind) => [type, kind] as const));

/** What functions of a kind break by the way they are built. */
const inMemory: readonly Deviation[] = ['legacy-bar', 'legacy-header-in-bar0'].map((check) => ({
  check,
  reason: 'its legacy block stands in memory',
}));
const byKind: Readonly<Record<string, readonly Deviation[]>> = {
  'legacy-memory': inMemory,
  'transitional-memory': inMemory,
};

/** What a legacy driver finds behind a shim: a device that is set up late, by a driver that keeps modern rules. */
const byName: Readonly<Record<string, readonly Deviation[]>> = {
  'network:via-modern-shim': [
    {
      check: 'legacy-configuration-early-writes',
      reason: 'the address of a modern network device cannot be written',
    },
  ],
};

describe('an honest device', () => {
  it.each(sources)('%s:%s passes, or the check says why it was not made', async (type, kind) => {
    const bad: unknown[] = [];
    for await (const result of conform(ourSource(type, kind), {
      witness: false,
      deviations: [...(byKind[kind] ?? []), ...(byName[`${type}:${kind}`] ?? [])],
      deviations: deviationsOf(type, kind),
    })) {
    for await (const result of conform(ourSource(type, kind), { witness: false, deviations })) {
      const { outcome, reason, recovers, check, setting, clause, expected, seen } = result;
      // A ring that cannot be may leave a device to be reset.
      const wedged = outcome === 'WEDGED' && recovers !== true;
      if (outcome === 'FAIL' || outcome === 'XPASS' || wedged || (outcome === 'SKIP' && reason === null))
        bad.push({ check, setting, outcome, clause, expected, seen, reason });
    }
    expect(bad).toEqual([]);
  });
});
