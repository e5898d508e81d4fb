import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { deviceTypes } from '../../src/virtio/layout/index.ts';
import { compare } from './support/compare.ts';
import { cases } from './support/operations.ts';
import { PATIENCE, shared } from './support/runs.ts';
import { shimCases } from './support/shim-cases.ts';
import { tame } from './support/tame.ts';
import type { World } from './support/worlds.ts';

/*
 * What a modern function behind the shim is to a legacy guest. Each difference has a name, a case that shows it, and a row in
 * docs/ways-to-legacy.md; and a guest that does none of that cannot tell.
 */

const KINDS = ['modern-shim', 'direct'] as const;
const documented = readFileSync(new URL('../../docs/ways-to-legacy.md', import.meta.url), 'utf8');

describe('behind the shim', () => {
  test.each(shimCases.map((each) => [each.name, each] as const))(
    'a guest can tell by: %s',
    (name, { case: each, differs, says }) => {
      expect(documented).toContain(`| ${name} |`);
      let worlds: readonly World[] = [];
      const compared = () => {
        compare(each, KINDS, (both) => {
          worlds = both;
        });
      };
      expect(compared).toThrow(new RegExp(`modern-shim and direct differ in ${differs}`));
      const said = worlds.map(({ findings }) =>
        findings.flatMap(({ party, clause }) => (party === 'device' ? [clause] : [])),
      );
      expect(said).toEqual([says, []]);
    },
  );

  it('as many cases are written down', () => {
    expect(new Set(shimCases.map(({ name }) => name)).size).toBe(shimCases.length);
  });
});

// Its configuration ends where no field does, and what is read across that end differs: one of the cases.
const types = deviceTypes
  .filter(({ transitionalId, name }) => transitionalId !== null && name !== 'p9')
  .map(({ name }) => name);

describe.each(types)('a %s function behind the shim is the plain legacy one', (type) => {
  it.each([false, true])(
    'to a guest that does nothing of that; work and writes are late: %s',
    (held) => {
      const property = fc.property(cases({ held, most: 60, types: [[type]] }), (each) => {
        compare(tame(each), KINDS);
      });
      fc.assert(property, { numRuns: shared(400, 2 * types.length) });
    },
    PATIENCE,
  );
});
