import { type Clause, clauseOf } from '../conformance/catalogue/index.ts';
import { coverage } from '../conformance/coverage.ts';
import { VirtiolabError } from '../core/index.ts';
import { sideText } from './clauses.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { fold } from './text.ts';

const help = `Usage: virtiolab clause ID... [--json]

Prints clauses of the specification in this project's words: whom each binds,
how strongly, where the published text has it, and what checks it here.

  --json       one JSON document on standard output
  -h, --help   print this text

Exit status: 0, or 2 when called wrongly.

Example:
  virtiolab clause SPL-DESC-05`;

const seen: Readonly<Record<string, string>> = {
  config: 'configuration space',
  register: 'register accesses',
  memory: 'ring memory',
  interrupt: 'interrupts',
};

function lines({ id, party, level, legacy, section, says, address, observable, test }: Clause): string[] {
  const { sides } = coverage().get(id)!;
  return [
    `${id}: ${party === 'both' ? 'driver and device' : party}, ${level}${legacy ? ', legacy interface' : ''}`,
    `  ${says}`,
    `  section  ${section}`,
    `  text     ${address}`,
    `  seen in  ${observable === null ? 'nothing on the bus' : seen[observable]}`,
    `  test     ${test}`,
    ...sides.map((side) => `  ${sideText(side)}`),
  ];
}

async function run(args: readonly string[]): Promise<number> {
  const split = args.findIndex((arg) => arg.startsWith('-'));
  const ids = split < 0 ? args : args.slice(0, split);
  const options = readOptions(split < 0 ? [] : args.slice(split), {});
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (ids.length === 0) throw new UsageError("wants the id of a clause, as in 'clause SPL-DESC-05'");
  let found: Clause[];
  try {
    found = ids.map(clauseOf);
  } catch (error) {
    if (error instanceof VirtiolabError) throw new UsageError(error.message);
    throw error;
  }
  if (options.json === true) {
    const documents = found.map((each) => ({ ...each, sides: coverage().get(each.id)!.sides }));
    printJson(documents.length === 1 ? documents[0] : documents);
  } else
    print(
      ...fold(
        found.flatMap((each, i) => [...(i === 0 ? [] : ['']), ...lines(each)]),
        lineWidth(),
      ),
    );
  return exitStatus.good;
}

export const clause: Command = { help, run };
