import { writeFileSync } from 'node:fs';
import { type ClauseCoverage, coverage, type SideCoverage } from '../conformance/coverage.ts';
import { clausesPage } from '../conformance/report/clauses-page.ts';
import { type Command, CommandError, exitStatus, oneOf, readOptions } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { columns, fold } from './text.ts';

const states = ['checked', 'not observable', 'not yet'] as const;
const parties = ['driver', 'device'] as const;

const help = `Usage: virtiolab clauses [--party PARTY] [--state STATE] [--html FILE] [--json]

Lists every clause of the catalogue, and for each party that it binds: which
checks are about it (conform for devices, watch for drivers), why nobody can see
it on the bus, or that nothing checks it yet.

  --party PARTY   ${parties.join(' or ')}
  --state STATE   ${states.join(', ')}
  --html FILE     writes a page, each clause with a link to the published text
  --json          one JSON document on standard output
  -h, --help      print this text

Exit status: 0, or 2 when called wrongly.

Example: what of drivers nobody looks at yet
  virtiolab clauses --party driver --state 'not yet'`;

/** One party's side, in a line. */
export function sideText({ party, state, by, reason }: SideCoverage): string {
  return `${party.padEnd(6)}   ${state}${by.length > 0 ? `: ${by.join(', ')}` : ''}${reason === null ? '' : `: ${reason}`}`;
}

/** Sides by party and state. */
function counted(rows: readonly ClauseCoverage[]): string[] {
  const sides = rows.flatMap((row) => row.sides);
  return columns([
    ['', ...states],
    ...parties.map((party) => [
      party,
      ...states.map((state) =>
        String(sides.filter((side) => side.party === party && side.state === state).length),
      ),
    ]),
  ]);
}

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    party: { type: 'string' },
    state: { type: 'string' },
    html: { type: 'string' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const party = options.party === undefined ? null : oneOf('party', options.party, parties);
  const state = options.state === undefined ? null : oneOf('state', options.state, states);
  const all = [...coverage().values()];
  const rows = all
    .map(({ clause, sides }) => ({
      clause,
      sides: sides.filter(
        (side) => (party ?? side.party) === side.party && (state ?? side.state) === side.state,
      ),
    }))
    .filter(({ sides }) => sides.length > 0);
  if (options.html !== undefined)
    try {
      writeFileSync(options.html, clausesPage(rows));
    } catch (error) {
      throw new CommandError(`page ${options.html}: ${(error as Error).message}`);
    }
  if (options.json === true) printJson(rows.map(({ clause, sides }) => ({ ...clause, sides })));
  else
    print(
      ...fold(
        [
          ...rows.flatMap(({ clause: { id, level, says }, sides }) => [
            `${id} ${level}: ${says}`,
            ...sides.map((side) => `  ${sideText(side)}`),
          ]),
          '',
          ...counted(all),
        ],
        lineWidth(),
      ),
    );
  return exitStatus.good;
}

export const clauses: Command = { help, run };
