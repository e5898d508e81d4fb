import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Stryker } from '@stryker-mutator/core';
import { foldersBelow, type MutantReport, reportOf, textOf } from './report.ts';
import { NOT_DRAWN } from './sampler.mjs';

/*
 * Mutation testing of one folder of src: its code is changed in small ways, and its tests have to notice. Results are kept
 * in `.mutants/`, so that what neither code nor tests have changed since is not run again.
 */
const HELP = `npm run mutants -- FOLDER [--sample N] [--seed S] [--tests PLACE ...] [--flat] [--static] [--runs N]
                          [--jobs N] [--json]

  FOLDER    below src: pci, virtio/queue, core/scheduler.ts
  --sample  of all mutants, so many drawn at random; by default 300
  --seed    of the draw; by default today's date
  --tests   files or folders of tests; by default the folder's own and the properties
  --flat    the folder's own files, without the folders in it
  --static  changes of what runs while modules load, too, such as tables: each takes a run of all tests
  --runs    runs of each property; by default 20
  --jobs    processes at once; by default 2
  --json    one document on standard output

Example: npm run mutants -- pci --sample 300 --seed 1
Exits 0 when every mutant was noticed, 1 when some survived, 2 when called wrongly.`;

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, '.mutants');

class CallError extends Error {}

function wholeOf(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new CallError(`--${name} ${text}; wants a whole number, at least ${least}`);
  return value;
}

function readCall(args: readonly string[]) {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    throw new CallError((error as Error).message);
  }
  const { values, positionals } = parsed;
  const [folder] = positionals;
  if (values.help === true) return null;
  if (folder === undefined || positionals.length > 1)
    throw new CallError('wants one folder or file below src');
  if (!existsSync(join(root, 'src', folder))) throw new CallError(`there is no src/${folder}`);
  const seed = values.seed ?? new Date().toISOString().slice(0, 10);
  return {
    folder,
    seed,
    sample: wholeOf('sample', values.sample, 1),
    runs: wholeOf('runs', values.runs, 1),
    jobs: wholeOf('jobs', values.jobs, 1),
    tests: values.tests ?? [...foldersBelow(join(root, 'test'), folder), 'test/properties'],
    flat: values.flat === true,
    loading: values.static === true,
    json: values.json === true,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      sample: { type: 'string', default: '300' },
      seed: { type: 'string' },
      tests: { type: 'string', multiple: true },
      runs: { type: 'string', default: '20' },
      jobs: { type: 'string', default: '2' },
      flat: { type: 'boolean' },
      static: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
}

/** Mutants that were not drawn are forgotten: another seed may draw them. */
function forgetUndrawn(file: string): void {
  if (!existsSync(file)) return;
  const report = JSON.parse(readFileSync(file, 'utf8')) as MutantReport;
  for (const each of Object.values(report.files))
    each.mutants = each.mutants.filter(({ statusReason }) => statusReason !== NOT_DRAWN);
  writeFileSync(file, JSON.stringify(report));
}

async function main(): Promise<number> {
  const call = readCall(process.argv.slice(2));
  if (call === null) {
    console.log(HELP);
    return 0;
  }
  const { folder, sample, seed, tests, flat, loading, runs, jobs, json } = call;
  mkdirSync(out, { recursive: true });
  const name = folder.replaceAll('/', '-') + (flat ? '-flat' : '');
  const kept = join(out, `${name}.incremental.json`);
  Object.assign(process.env, {
    MUTANTS_SAMPLE: String(sample),
    MUTANTS_SEED: seed,
    MUTANTS_DRAWN: join(out, `${name}.drawn.json`),
    MUTANTS_TESTS: JSON.stringify(
      tests.map((place) => (place.endsWith('.ts') ? place : `${place}/**/*.test.ts`)),
    ),
    VIRTIOLAB_RUNS: String(runs),
  });
  process.chdir(root);
  const report = join(out, `${name}.json`);
  const log = console.log;
  // Standard output is the report's.
  console.log = console.error;
  await new Stryker({
    mutate: folder.endsWith('.ts') ? [`src/${folder}`] : [`src/${folder}/${flat ? '' : '**/'}*.ts`],
    plugins: ['@stryker-mutator/vitest-runner', './scripts/mutants/sampler.mjs'],
    checkers: ['sample'],
    testRunner: 'vitest',
    vitest: { configFile: 'scripts/mutants/vitest.config.ts', related: true },
    coverageAnalysis: 'perTest',
    ignoreStatic: !loading,
    incremental: true,
    incrementalFile: kept,
    reporters: process.stderr.isTTY ? ['progress', 'json', 'html'] : ['json', 'html'],
    jsonReporter: { fileName: report },
    htmlReporter: { fileName: join(out, `${name}.html`) },
    tempDirName: '.mutants/sandbox',
    // Stryker would rewrite it with an interface that TypeScript 7 no longer has; vitest needs none.
    tsconfigFile: 'no-tsconfig.json',
    ignorePatterns: ['.mutants', 'dist', 'bench', 'test/guest'],
    concurrency: jobs,
    timeoutMS: 20_000,
    allowConsoleColors: false,
    fileLogLevel: 'off' as never,
  }).runMutationTest();
  console.log = log;
  forgetUndrawn(kept);
  const result = reportOf(JSON.parse(readFileSync(report, 'utf8')) as MutantReport, NOT_DRAWN);
  console.log(json ? JSON.stringify({ folder, seed, ...result }, null, 2) : textOf(folder, seed, result));
  return result.survivors.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`mutants: ${(error as Error).message}`);
  if (error instanceof CallError) console.error(HELP);
  process.exitCode = error instanceof CallError ? 2 : 1;
}
