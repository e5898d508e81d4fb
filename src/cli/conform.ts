import { existsSync, readFileSync } from 'node:fs';
import {
  type CampaignPart,
  type CampaignResult,
  type Check,
  type Deviation,
  DeviationError,
  checks as directed,
  headOf,
  type Item,
  mergeParts,
  planSuite,
  readDeviations,
  runSuite,
  shardItems,
} from '../conformance/device/index.ts';
import { explorations, type Sequence, SequenceError, sequenceOf } from '../conformance/explore/index.ts';
import { isFound } from '../conformance/report/index.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { PartFile, partIn, type ReportFiles, writeReports } from './conform-files.ts';
import { merge } from './conform-merge.ts';
import { conformRecording, recordingIn } from './conform-recording.ts';
import { shardOf } from './conform-shard.ts';
import { sourcesOf } from './conform-targets.ts';
import { campaignJson, campaignLines } from './conform-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { clearLine, showLine } from './progress.ts';

const DEFAULT_RUNS = 20;

const help = `Usage: virtiolab conform TARGET... [--only WORD ...] [--deviations FILE]
                        [--seed N] [--runs N] [--replay CASE] [--time SECONDS]
                        [--shard I/N] [--out FILE [--resume]] [--junit FILE]
                        [--html FILE] [--repro FOLDER] [--list] [--json]
       virtiolab conform merge FILE... [--junit FILE] [--html FILE] [--json]

Judges a device clause by clause: directed checks, and explorations that try
what a driver may do in an order of their own and shrink what they find.

  TARGET            TYPE, of every kind; TYPE:KIND; all; or a real QEMU's,
                    qemu, qemu:TYPE, qemu:TYPE:KIND; or vfio-user:SOCKET,
                    whoever listens there; or recording:FILE, a trace
                    as of \`virtiolab trace\`, judged by what it shows
  --functions DUMP  of a recording: what lspci -xxxx printed on its machine
  --only WORD       only checks whose id, or one of whose clauses, begins so;
                    may be given several times
  --deviations FILE what is known of a target, so that it is no news
                    (docs/conform.md)
  --seed N          of the explorations; by default one that is new, and printed
  --replay CASE     the one sequence of an exploration that failed, as printed
  --runs N          of each exploration; by default ${DEFAULT_RUNS}
  --time SECONDS    after so long no further check is begun
  --shard I/N       only the Ith of N parts; --shard N takes the number from the
                    job engine, --shard auto both (docs/conform.md)
  --out FILE        results as JSON lines, as they come
  --resume          go on with what is in that file
  --junit FILE, --html FILE
                    reports
  --repro FOLDER    each finding as a test for vitest and as a C file
  --qemu PROGRAM    the QEMU that is started; by default qemu-system-x86_64
  --list            print the checks instead
  --json            one JSON document on standard output
  -h, --help        print this text

PASS; FAIL; REJECT: what no driver may do was met with silence; WEDGED: the
device serves nothing any more; SKIP, with the reason; XFAIL and XPASS: known
to fail, and did or did not.

Exit status: 0, 1 when something was found, or 2 when called wrongly.

Example: the whole suite on a transitional block function, with a report
  virtiolab conform block:transitional --html report.html`;

function numberOf(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d{1,10}$/.test(text) || value < least || value > 0xffffffff)
    throw new UsageError(`option '${option} ${text}': wants a whole number of ${least}..4294967295`);
  return value;
}

/** The one sequence that is wanted. @throws UsageError */
function replayOf(text: string | undefined): Sequence | undefined {
  try {
    return text === undefined ? undefined : sequenceOf(text);
  } catch (error) {
    if (error instanceof SequenceError) throw new UsageError(`option '--replay': ${error.message}`);
    throw error;
  }
}

function deviationsIn(file: string | undefined, checks: readonly Check[]): Deviation[] {
  if (file === undefined) return [];
  try {
    return readDeviations(readFileSync(file, 'utf8'), checks);
  } catch (error) {
    if (error instanceof DeviationError || (error as NodeJS.ErrnoException).code !== undefined)
      throw new UsageError(`deviations ${file}: ${(error as Error).message}`);
    throw error;
  }
}

/** Checks that words choose. @throws UsageError for a word that chooses none */
function chosen(checks: readonly Check[], words: readonly string[] | undefined): readonly Check[] {
  if (words === undefined) return checks;
  const fits = (word: string) => {
    const wanted = word.toLowerCase();
    return ({ id, clauses }: Check) =>
      id.startsWith(wanted) || clauses.some((clause) => clause.toLowerCase().startsWith(wanted));
  };
  for (const word of words)
    if (!checks.some(fits(word)))
      throw new UsageError(`option '--only ${word}': no check and no clause begins so`);
  return checks.filter((check) => words.some((word) => fits(word)(check)));
}

/** Results of an earlier run into the same file. @throws UsageError where it is of something else */
function resumed(part: CampaignPart | null, head: CampaignPart['head']): readonly CampaignResult[] {
  if (part === null) return [];
  const { name: file } = part;
  const { shard } = part.head;
  if (shard.index !== head.shard.index || shard.count !== head.shard.count)
    throw new UsageError(`part ${file} is shard ${shard.index}/${shard.count}`);
  if (part.head.suite !== head.suite || part.head.seed !== head.seed || part.head.runs !== head.runs)
    throw new UsageError(`part ${file} is of another suite, seed or number of runs`);
  return part.results;
}

function printChecks(checks: readonly Check[], json: boolean): void {
  const rows = checks.map(({ id, clauses, says, settings, types, hostile }) => ({
    id,
    clauses,
    says,
    settings: settings ?? null,
    types: types ?? null,
    hostile: hostile === true,
  }));
  if (json) printJson(rows);
  else print(...rows.flatMap(({ id, clauses, says }) => [`${id}: ${clauses.join(' ')}`, `  ${says}`]));
}

async function run(args: readonly string[]): Promise<number> {
  if (args[0] === 'merge') return merge.run(args.slice(1));
  const split = args.findIndex((arg) => arg.startsWith('-'));
  const names = split < 0 ? args : args.slice(0, split);
  const options = readOptions(split < 0 ? [] : args.slice(split), {
    only: { type: 'string', multiple: true },
    deviations: { type: 'string' },
    seed: { type: 'string' },
    replay: { type: 'string' },
    runs: { type: 'string' },
    time: { type: 'string' },
    shard: { type: 'string' },
    out: { type: 'string' },
    resume: { type: 'boolean' },
    junit: { type: 'string' },
    html: { type: 'string' },
    repro: { type: 'string' },
    qemu: { type: 'string' },
    functions: { type: 'string' },
    list: { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const json = options.json === true;
  const runs = numberOf('--runs', options.runs ?? String(DEFAULT_RUNS), 0);
  const resume = options.resume === true;
  if (resume && options.out === undefined) throw new UsageError("option '--resume' wants --out FILE");
  const before = resume && existsSync(options.out!) ? partIn(options.out!) : null;
  const seed =
    options.seed !== undefined
      ? numberOf('--seed', options.seed, 0)
      : (before?.head.seed ?? Math.floor(performance.now() * 1000 + Date.now()) % 2 ** 31);
  const replayed = replayOf(options.replay);
  const every = [
    ...directed,
    ...explorations({ seed, runs, ...(replayed === undefined ? {} : { only: replayed }) }),
  ];
  const checks = chosen(every, replayed === undefined ? options.only : [replayed.id]);
  if (options.list === true) {
    printChecks(checks, json);
    return exitStatus.good;
  }
  if (names.length === 0) throw new UsageError("wants a target, as in 'conform block:transitional'");
  const files: ReportFiles = { junit: options.junit, html: options.html, reproductions: options.repro };
  const recording = recordingIn(names[0]!);
  if (recording !== null) {
    if (names.length > 1) throw new UsageError('a recording is judged by itself: one target');
    return conformRecording(recording, options.functions, files, json);
  }
  const deviations = deviationsIn(options.deviations, every);
  const sources = [
    ...new Map(
      names.flatMap((name) => sourcesOf(name, options.qemu)).map((each) => [each.name, each]),
    ).values(),
  ];
  const shard = shardOf(options.shard);
  const seconds = options.time === undefined ? Infinity : numberOf('--time', options.time, 1);
  const started = performance.now();
  const stop = () => (performance.now() - started > 1000 * seconds ? `the time was up: ${seconds} s` : null);
  const items = await planSuite(sources, checks);
  const head = headOf(items, { seed, runs, shard });
  const results = [...resumed(before, head)];
  const done = new Set(results.map(({ item }) => item));
  const left = shardItems(items.length, shard).filter((item) => !done.has(item));
  const part = new PartFile(options.out, head, results);
  await make(items, left, { deviations, stop }, (result) => {
    part.add(result);
    results.push(result);
  });
  const campaign = mergeParts([{ name: 'this part', head, results, torn: false }]);
  // Other parts are other jobs' business.
  const own = shard.count === 1 ? campaign : { ...campaign, missing: [] };
  writeReports(own, files);
  if (json) printJson(campaignJson(own));
  else print(...campaignLines(own, lineWidth()), `seed ${seed}`);
  return own.results.some(isFound) ? exitStatus.failed : exitStatus.good;
}

/** Makes the checks of some items, in order. */
async function make(
  items: readonly Item[],
  numbers: readonly number[],
  options: { readonly deviations: readonly Deviation[]; readonly stop: () => string | null },
  take: (result: CampaignResult) => void,
): Promise<void> {
  let nth = 0;
  const terminal = process.stderr.isTTY === true;
  for await (const result of runSuite(
    numbers.map((item) => items[item]!),
    options,
  )) {
    take({ item: numbers[nth++]!, ...result });
    if (terminal)
      showLine(`${nth} of ${numbers.length}: ${result.target} ${result.check} (${result.setting})`);
  }
  clearLine();
}

export const conform: Command = { help, run };
