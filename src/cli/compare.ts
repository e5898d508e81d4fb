import { readFileSync, writeFileSync } from 'node:fs';
import { type CostTable, compareWays, costTable, workloadNames, workloads } from '../compare/index.ts';
import { OptionError } from '../core/index.ts';
import { wayNames } from '../mmr/index.ts';
import { choices } from './choices.ts';
import { type Command, CommandError, exitStatus, oneOf, readOptions, UsageError } from './command.ts';
import { comparePage } from './compare-page.ts';
import { compareJson, compareLines } from './compare-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { clearLine, showLine } from './progress.ts';
import { wrap } from './text.ts';

const DEFAULT_VFS = '256';

const devices = choices(
  workloadNames.map((name) => {
    const { request, bytes } = workloads[name];
    return [name, `${request}, ${bytes.usual} bytes unless --io says otherwise`];
  }),
);

/** The names under each other's column, as wide as a terminal. */
const wayList = wrap(`(${wayNames.join(', ')})`, 60)
  .map((line) => `${' '.repeat(19)}${line}`)
  .join('\n');

const help = `Usage: virtiolab compare [--device TYPE] [--vfs N] [--io SIZE] [--intx]
                         [--way WAY ...] [--costs FILE] [--json] [--html FILE]

Drives a device by every way from a driver to a device, and counts what each of
them takes for bring-up, for a request and for shutdown: exits of the guest,
reads, posted writes, transfers, interrupts; and what a function takes of a
machine. Every count comes from a run; times are counts multiplied by costs.

  --device TYPE    block by default:
${devices}
  --vfs N          resources are added up for so many functions, up to 65535;
                   by default ${DEFAULT_VFS}
  --io SIZE        bytes of a request
  --intx           drivers use the interrupt line instead of MSI-X
  --way WAY        only this way; may be given several times
${wayList}
  --costs FILE     JSON with other costs, in nanoseconds by name:
                   { "portExits": 1200 }
  --html FILE      writes a page with pictures
  --json           one JSON document on standard output, costs and their sources
                   included
  -h, --help       print this text

Exit status: 0, or 2 when called wrongly.

Example: what 4,096 network functions would take
  virtiolab compare --device network --vfs 4096`;

const unreadable = (error: unknown) => (error as Error).message;

/** A number that an option gives. @throws UsageError */
function wholeOf(option: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`option '${option} ${text}': wants a whole number`);
  return Number(text);
}

function readCosts(file: string | undefined): CostTable {
  if (file === undefined) return costTable();
  try {
    return costTable(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new UsageError(`costs ${file}: ${unreadable(error)}`);
  }
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (error) {
    throw new CommandError(`page ${file}: ${unreadable(error)}`);
  }
}

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    device: { type: 'string' },
    vfs: { type: 'string' },
    io: { type: 'string' },
    intx: { type: 'boolean' },
    way: { type: 'string', multiple: true },
    costs: { type: 'string' },
    html: { type: 'string' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const device = oneOf('device', options.device ?? 'block', workloadNames);
  const ways = options.way?.map((way) => oneOf('way', way, wayNames)) ?? wayNames;
  const costs = readCosts(options.costs);
  const bytes = options.io === undefined ? {} : { bytes: wholeOf('--io', options.io) };
  const vfs = wholeOf('--vfs', options.vfs ?? DEFAULT_VFS);
  const comparison = await compareWays(
    { device, ways, vfs, costs, intx: options.intx ?? false, ...bytes },
    (done, of) => {
      if (process.stderr.isTTY === true) showLine(`counted ${done} of ${of}`);
    },
  ).catch((error: unknown) => {
    if (error instanceof OptionError) throw new UsageError(error.message);
    throw error;
  });
  clearLine();
  if (options.html !== undefined) writePage(options.html, comparePage(comparison));
  if (options.json === true) printJson(compareJson(comparison));
  else print(...compareLines(comparison, lineWidth()));
  return exitStatus.good;
}

export const compare: Command = { help, run };
