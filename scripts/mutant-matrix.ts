import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checks } from '../src/conformance/device/index.ts';
import { type DeviceMutant, deviceMutants, findingsOf } from '../src/testing/mutants/index.ts';

/*
 * Runs the whole suite on every broken device and writes docs/mutant-matrix.md: which checks see which. Takes minutes.
 */
const file = join(fileURLToPath(new URL('..', import.meta.url)), 'docs', 'mutant-matrix.md');

/** Checks that see a mutant, those that name a clause which it breaks first. */
async function rowOf(mutant: DeviceMutant): Promise<string> {
  const found = await findingsOf(mutant, checks);
  const named = new Set(
    found.filter(({ clause }) => mutant.breaks.includes(clause!)).map(({ check }) => check),
  );
  const others = new Set(found.map(({ check }) => check).filter((check) => !named.has(check)));
  const list = (ids: ReadonlySet<string>) => [...ids].map((id) => `\`${id}\``).join(' ');
  return `| \`${mutant.name}\` | ${mutant.says} | ${mutant.breaks.join(' ')} | ${list(named)} | ${list(others)} |`;
}

const rows: string[] = [];
for (const [i, mutant] of deviceMutants.entries()) {
  rows.push(await rowOf(mutant));
  if (process.stderr.isTTY) process.stderr.write(`\r${i + 1} of ${deviceMutants.length}`);
}

writeFileSync(
  file,
  `# Broken devices, and the checks that see them

Written by \`npm run mutant-matrix\`: each of ${deviceMutants.length} devices that are wrong in one small way (\`src/testing/mutants/\`), before
all ${checks.length} checks of \`virtiolab conform\`. A check counts only if it fails for one of them and names a clause that the mutant breaks;
what else is seen of the same fault stands in the last column.

| mutant | what is wrong | breaks | seen by, by its clause | seen by others |
|---|---|---|---|---|
${rows.join('\n')}
`,
);
