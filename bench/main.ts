import { parseArgs } from 'node:util';
import { CASES } from './cases.ts';
import { type Case, meetsTarget, type Row, runCase } from './frame.ts';

const HELP = `Usage: npm run bench -- [--json] [--only NAME]... [--help]

Measures ours against a baseline, alternating in one process, and compares medians.

  --json       print one JSON array of rows and nothing else on stdout
  --only NAME  only benches whose name contains NAME (may be repeated)
  --help       print this text

Exit status: 0 when the benches ran, whatever they measured; 1 when one broke; 2 for wrong arguments.`;

class UsageError extends Error {}

interface Options {
  readonly json: boolean;
  readonly help: boolean;
  readonly cases: readonly Case[];
}

function readOptions(args: readonly string[]): Options {
  let values: { json?: boolean; help?: boolean; only?: string[] };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string', multiple: true },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\.\s|\n/)[0]);
  }
  const only = values.only ?? [];
  for (const part of only) {
    if (!CASES.some(({ name }) => name.includes(part))) throw new UsageError(`no bench is called '${part}'`);
  }
  const cases =
    only.length === 0 ? CASES : CASES.filter(({ name }) => only.some((part) => name.includes(part)));
  return { json: values.json ?? false, help: values.help ?? false, cases };
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    number(row.ours),
    number(row.baseline),
    row.unit,
    `${row.ratio.toFixed(2)}x`,
    `${'atLeast' in row ? '>=' : '<='} ${row.target}x`,
    meetsTarget(row) ? 'ok' : 'MISSED',
  ]);
  const lines = [['bench', 'ours', 'baseline', 'unit', 'ratio', 'target', ''], ...cells];
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

async function run({ json, cases }: Options): Promise<void> {
  const rows: Row[] = [];
  for (const which of cases) {
    const result = await runCase(which);
    if ('skip' in result) console.error(`skipped ${which.name}: ${result.skip}`);
    else rows.push(result);
  }
  console.log(json ? JSON.stringify(rows) : table(rows));
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
