import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import { type Case, meetsTarget, type Row, runCase, type Summary, summarize } from './frame.ts';

const HELP = `Usage: npm run bench -- [--json] [--only NAME]... [--processes N] [--help]

Measures ours against a baseline, alternating in one process, and compares medians.
Every bench runs in several processes; its row is the median of theirs, and the
spread the lowest and the highest ratio.

  --json         print one JSON array of rows and nothing else on stdout
  --only NAME    only the bench of that name, or those whose name contains it
                 (may be repeated)
  --processes N  processes for each bench, 3 by default
  --help         print this text

Exit status: 0 when the benches ran, whatever they measured; 1 when one broke; 2 for wrong arguments.`;

/** Enough to tell a median from a lottery's draw. */
const PROCESSES = 3;

class UsageError extends Error {}

interface Options {
  readonly json: boolean;
  readonly help: boolean;
  readonly cases: readonly Case[];
  readonly processes: number;
}

function readOptions(args: readonly string[]): Options {
  let values: { json?: boolean; help?: boolean; only?: string[]; processes?: string };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string', multiple: true },
        processes: { type: 'string' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\.\s|\n/)[0]);
  }
  const only = values.only ?? [];
  for (const part of only) {
    if (!CASES.some(({ name }) => name.includes(part))) throw new UsageError(`no bench is called '${part}'`);
  }
  const processes = values.processes ?? String(PROCESSES);
  if (!/^[1-9]\d?$/.test(processes)) throw new UsageError(`--processes '${processes}': wants 1 to 99`);
  const cases = only.length === 0 ? CASES : CASES.filter(({ name }) => only.some((part) => asks(part, name)));
  return {
    json: values.json ?? false,
    help: values.help ?? false,
    cases,
    processes: Number(processes),
  };
}

/** A whole name asks for its bench alone. */
const asks = (part: string, name: string): boolean =>
  CASES.some((each) => each.name === part) ? name === part : name.includes(part);

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function table(summaries: readonly Summary[]): string {
  const cells = summaries.map(({ row, lowest, highest }) => [
    row.name,
    number(row.ours),
    number(row.baseline),
    row.unit,
    `${row.ratio.toFixed(2)}x`,
    `${lowest.toFixed(2)}..${highest.toFixed(2)}`,
    `${'atLeast' in row ? '>=' : '<='} ${row.target}x`,
    meetsTarget(row) ? 'ok' : 'MISSED',
  ]);
  const lines = [['bench', 'ours', 'baseline', 'unit', 'ratio', 'spread', 'target', ''], ...cells];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  // Figures are read by their last digit, words by their first letter.
  const isFigure = (column: number): boolean => column === 1 || column === 2 || column === 4;
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          isFigure(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

class ChildError extends Error {}

/** The rows of one case from several processes; none where it is passed over. @throws ChildError */
function runInProcesses(name: string, processes: number): Row[] {
  const rows: Row[] = [];
  for (let count = 0; count < processes; count++) {
    const own = [fileURLToPath(import.meta.url), '--json', '--processes', '1', '--only', name];
    const { status, stdout } = spawnSync(process.execPath, [...process.execArgv, ...own], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) throw new ChildError(`${name}: a process of it ended with status ${status}`);
    const [row] = JSON.parse(stdout) as Row[];
    // It said why on standard error.
    if (row === undefined) break;
    rows.push(row);
  }
  return rows;
}

async function runHere(which: Case): Promise<Row[]> {
  const result = await runCase(which);
  if (!('skip' in result)) return [result];
  console.error(`skipped ${which.name}: ${result.skip}`);
  return [];
}

async function run({ json, cases, processes }: Options): Promise<void> {
  const summaries: Summary[] = [];
  for (const which of cases) {
    const rows = processes === 1 ? await runHere(which) : runInProcesses(which.name, processes);
    if (rows.length > 0) summaries.push(summarize(rows));
  }
  console.log(json ? JSON.stringify(summaries.map(({ row }) => row)) : table(summaries));
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) console.log(`${HELP}\n\nBenches:\n${CASES.map(({ name }) => `  ${name}`).join('\n')}`);
  else await run(options);
} catch (error) {
  const wrongArguments = error instanceof UsageError;
  console.error(wrongArguments ? `${error.message} (--help shows the options)` : error);
  process.exitCode = wrongArguments ? 2 : 1;
}
