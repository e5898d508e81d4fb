import { describe, expect, it } from 'vitest';
import { conform } from '../../../src/conformance/device/index.ts';
import { kindsOf, ourSource, sampleNames } from '../../../src/testing/index.ts';

const sources = sampleNames.flatMap((type) => kindsOf(type).map((kind) => [type, kind] as const));

describe('an honest device', () => {
  it.each(sources)('%s:%s passes, or the check says why it was not made', async (type, kind) => {
    const bad: unknown[] = [];
    for await (const { outcome, reason, check, setting, clause, expected, seen } of conform(
      ourSource(type, kind),
    ))
      if (outcome === 'FAIL' || outcome === 'WEDGED' || (outcome === 'SKIP' && reason === null))
        bad.push({ check, setting, outcome, clause, expected, seen, reason });
    expect(bad).toEqual([]);
  });
});
