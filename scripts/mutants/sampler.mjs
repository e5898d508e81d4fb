/*
 * A plugin of Stryker: of all mutants it lets a random sample through, drawn evenly over them. The others count as not
 * checked. Plain JavaScript, since Stryker's own processes load it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

/** What it says of a mutant that was not drawn. */
export const NOT_DRAWN = 'not in the sample';

/** A mutant's place in the lot of a seed: the same for the same code, whatever else is there. */
function lotOf(seed, { fileName, location, mutatorName, replacement }) {
  const name = fileName.slice(fileName.lastIndexOf('src/'));
  const { start, end } = location;
  const key = [seed, name, start.line, start.column, end.line, end.column, mutatorName, replacement].join(
    '\n',
  );
  return createHash('sha256').update(key).digest('hex');
}

/** The ids of `count` mutants, or of all where there are not so many. */
export function draw(mutants, count, seed) {
  return mutants
    .map((mutant) => ({ id: mutant.id, lot: lotOf(seed, mutant) }))
    .sort((a, b) => (a.lot < b.lot ? -1 : 1))
    .slice(0, count)
    .map(({ id }) => id);
}

/** Stryker asks one checker to group all mutants, and any to check a group: what was drawn goes by a file. */
class Sampler {
  async init() {}

  async group(mutants) {
    const drawn = draw(mutants, Number(process.env.MUTANTS_SAMPLE), process.env.MUTANTS_SEED);
    writeFileSync(process.env.MUTANTS_DRAWN, JSON.stringify(drawn));
    return [mutants.map(({ id }) => id)];
  }

  async check(mutants) {
    const drawn = new Set(JSON.parse(readFileSync(process.env.MUTANTS_DRAWN, 'utf8')));
    return Object.fromEntries(
      mutants.map(({ id }) => [
        id,
        drawn.has(id) ? { status: 'passed' } : { status: 'compileError', reason: NOT_DRAWN },
      ]),
    );
  }
}

export const strykerPlugins = [{ kind: 'Checker', name: 'sample', injectableClass: Sampler }];
