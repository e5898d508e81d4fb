import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reportOf, textOf } from '../../scripts/mutants/report.ts';
import { type Drawable, draw, NOT_DRAWN } from '../../scripts/mutants/sampler.mjs';

const at = (line: number) => ({ start: { line, column: 1 }, end: { line, column: 9 } });
const mutant = (id: string, line: number): Drawable => ({
  id,
  fileName: '/sandbox-1/src/core/bus.ts',
  mutatorName: 'ConditionalExpression',
  replacement: 'true',
  location: at(line),
});

describe('the sample of mutants', () => {
  const lines = fc.uniqueArray(fc.nat(500), { minLength: 1, maxLength: 60 });
  it('is as large as it was asked to be, without repetition, and the same for the same seed', () => {
    fc.assert(
      fc.property(lines, fc.nat(80), fc.string(), (places, count, seed) => {
        const mutants = places.map((line, i) => mutant(String(i), line));
        const drawn = draw(mutants, count, seed);
        expect(new Set(drawn).size).toBe(Math.min(count, mutants.length));
        // Ids, the order and the folder of the sandbox are of one run.
        const again = [...mutants]
          .reverse()
          .map((each) => ({ ...each, fileName: '/sandbox-2/src/core/bus.ts' }));
        expect(draw(again, count, seed).sort()).toEqual([...drawn].sort());
      }),
    );
  });

  it('favours no place', () => {
    const mutants = Array.from({ length: 10 }, (_, i) => mutant(String(i), i));
    const times = new Map<string, number>();
    for (let seed = 0; seed < 1000; seed++)
      for (const id of draw(mutants, 3, String(seed))) times.set(id, (times.get(id) ?? 0) + 1);
    // 300 each, with a deviation of 14.5.
    for (const each of mutants) expect(Math.abs(times.get(each.id)! - 300)).toBeLessThan(75);
  });
});

describe('the report on mutants', () => {
  const row = (status: string, line: number, statusReason?: string) => ({
    status,
    mutatorName: 'EqualityOperator',
    replacement: 'a <= b',
    location: at(line),
    ...(statusReason === undefined ? {} : { statusReason }),
  });
  const mutants = [
    row('Killed', 1),
    row('Timeout', 1),
    row('Survived', 2),
    row('NoCoverage', 3),
    row('CompileError', 3, NOT_DRAWN),
    row('RuntimeError', 3),
  ];
  const result = reportOf({ files: { 'src/a.ts': { source: 'x\n  a < b\ny', mutants } } }, NOT_DRAWN);

  it('counts what was drawn, and names what nobody noticed', () => {
    expect(result).toEqual({
      killed: 1,
      timeout: 1,
      survived: 1,
      noCoverage: 1,
      errors: 1,
      score: 50,
      survivors: [
        {
          place: 'src/a.ts:2',
          code: 'a < b',
          mutator: 'EqualityOperator',
          replacement: 'a <= b',
          covered: true,
        },
        {
          place: 'src/a.ts:3',
          code: 'y',
          mutator: 'EqualityOperator',
          replacement: 'a <= b',
          covered: false,
        },
      ],
    });
    expect(reportOf({ files: {} }, NOT_DRAWN).score).toBeNull();
  });

  it('reads as lines of code', () => {
    expect(textOf('a.ts', '1', result).split('\n').slice(1, 4)).toEqual([
      'src/a.ts:2: EqualityOperator',
      '  - a < b',
      '  + a <= b',
    ]);
  });
});
