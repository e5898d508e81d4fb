import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  checks,
  conform,
  type Deviation,
  DeviationError,
  readDeviations,
} from '../../../src/conformance/device/index.ts';
import { explorations } from '../../../src/conformance/explore/index.ts';
import { deviceMutants } from '../../../src/testing/mutants/index.ts';
import { ourSource } from '../../../src/testing/subjects.ts';

const read = (document: unknown) => readDeviations(JSON.stringify(document), checks);
const one = (deviation: object) => read({ deviations: [deviation] });

describe('a file of deviations', () => {
  it('is read', () => {
    const deviation = { check: 'reset-shows-zero', target: 'qemu:*', setting: 'legacy', reason: 'known' };
    expect(one(deviation)).toEqual([deviation]);
  });

  it.each([
    ['a text', '{', 'is no JSON'],
    ['a list', '[]', 'wants { "deviations": [...] }'],
    ['null', 'null', 'wants { "deviations": [...] }'],
  ])('that is %s is refused', (_, text, message) => {
    expect(() => readDeviations(text, checks)).toThrow(DeviationError);
    expect(() => readDeviations(text, checks)).toThrow(message);
  });

  it.each([
    [
      { check: 'reset-shows-one', reason: 'x' },
      "deviations[0]: unknown check 'reset-shows-one'; there are reset-",
    ],
    [{ check: 'reset-shows-zero' }, 'deviations[0]: reason undefined; wants a text'],
    [{ check: 'reset-shows-zero', reason: ' ' }, 'deviations[0]: reason " "; wants a text'],
    [
      { check: 'reset-shows-zero', reason: 'x', setting: 'old' },
      'setting "old"; wants one of legacy, modern, packed',
    ],
    [{ check: 'reset-shows-zero', reason: 'x', clause: 'y' }, "unknown member 'clause'; members are"],
    [7, 'deviations[0]: wants an object'],
  ])('%j is none', (deviation, message) => {
    expect(() => one(deviation as object)).toThrow(DeviationError);
    expect(() => one(deviation as object)).toThrow(message);
  });
});

describe('what is known of QEMU', () => {
  it('is about checks that there are, and each is a finding of the document', () => {
    const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
    const every = [...checks, ...explorations({ seed: 0, runs: 0 })];
    const known = readDeviations(read('deviations/qemu-7.2.json'), every);
    const told = read('findings-qemu.md');
    expect(known.filter(({ check }) => !told.includes(`\`${check}\``))).toEqual([]);
    const ids = [...told.matchAll(/\| [A-Z0-9, -]*\|? ?`([a-z0-9-]+)` \|/g)].map(([, id]) => id!);
    expect(ids.filter((id) => !every.some((check) => check.id === id))).toEqual([]);
  });
});

describe('what is known of a target', () => {
  const mutant = deviceMutants.find(({ name }) => name === 'reset-leaves-acknowledge')!;
  const only = checks.filter(({ id }) => id === 'reset-shows-zero');
  const outcomesOf = async (deviations: Deviation[], broken = true) => {
    const found: string[] = [];
    const source = ourSource('entropy', 'transitional', broken ? mutant : undefined);
    for await (const { outcome, setting } of conform(source, { checks: only, deviations }))
      found.push(`${setting} ${outcome}`);
    return found;
  };
  const known = { check: 'reset-shows-zero', reason: 'known' };

  it('is no news, where it is said, and is where it is there no more', async () => {
    const all = ['legacy', 'modern', 'packed'];
    expect(await outcomesOf([known])).toEqual(all.map((setting) => `${setting} XFAIL`));
    expect(await outcomesOf([{ ...known, target: 'entropy:*' }], false)).toEqual(
      all.map((setting) => `${setting} XPASS`),
    );
    expect((await outcomesOf([{ ...known, target: 'block:*' }]))[1]).not.toBe('modern XFAIL');
    expect((await outcomesOf([{ ...known, setting: 'legacy' }]))[0]).toBe('legacy XFAIL');
    expect((await outcomesOf([{ ...known, setting: 'legacy' }]))[1]).not.toBe('modern XFAIL');
  });
});
