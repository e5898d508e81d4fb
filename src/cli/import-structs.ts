import {
  type Confrontation,
  confront,
  factsOf,
  layoutTables,
  type ReadStructures,
  structuresToJson,
  structureTables,
} from '../drafts/structs/index.ts';
import { type Command, exitStatus, readArguments, UsageError } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { structuresIn, tellProblems } from './structure-texts.ts';
import { columns, fold } from './text.ts';

const help = `Usage: virtiolab import-structs FILE... [--confront] [--json]

Reads C structures as specifications write them: in the listings of TeX files,
or in C headers. Shows each with its fields: offset, bytes, type and name.
Structures have no padding. Behind a field whose length is not fixed, offsets
are counted from its end: "data + 4".

FILE is a TeX file or C, a directory with TeX files, or what --json wrote.
Structures in one file may hold those in another. What is wrong in a text is
told on standard error, with its line and what would be right, and everything
else is read.

  --confront   compare with the layout tables of this package instead: equal,
               different for a reason, or different
  --json       one JSON document on standard output: structures, names and
               problems, or the comparison
  -h, --help   print this text

Exit status: 0; 1 where something could not be read, or a table differs and no
reason says why; 2 when called wrongly.

Example: what the published specification has, beside what we have
  git clone -b v1.4-cs01 https://github.com/oasis-tcs/virtio-spec
  virtiolab import-structs virtio-spec --confront`;

function structureLines(read: ReadStructures): string[] {
  return structureTables(read).flatMap(({ title, rows }, i) => {
    const { file, line } = read.structures[i]!;
    const where = file === '' ? `line ${line}` : `${file}:${line}`;
    const cells = rows.map(({ place, bytes, type, name, depth }) => [
      `  ${place}`,
      bytes,
      `${'  '.repeat(depth)}${type}`,
      name,
    ]);
    return [`${title}, ${where}`, ...columns(cells), ''];
  });
}

const many = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

function endLine({ structures, enumerations, constants, problems }: ReadStructures): string {
  const errors = problems.filter(({ level }) => level === 'error').length;
  const found = [
    many(structures.length, 'structure'),
    many(enumerations.length, 'enumeration'),
    many(constants.length, 'constant'),
  ].join(', ');
  return `${found}; ${many(errors, 'error')}, ${many(problems.length - errors, 'note')}`;
}

/** What is in the text of our tables; tables of other structures are counted. */
const inText = ({ tables }: Confrontation) => tables.filter(({ verdict }) => verdict !== 'missing');

function confrontedLines(confrontation: Confrontation): string[] {
  const shown = inText(confrontation);
  const rows = shown.map(({ verdict, table, structure, after }) => [
    verdict === 'named' ? 'differs' : verdict,
    table,
    after === '' ? structure : `${structure}, behind ${after}`,
  ]);
  const said = columns(rows).flatMap((line, i) => [
    line,
    ...shown[i]!.differences.map(({ field, ours, text, reason }) => {
      const sides = `ours ${ours === '' ? 'none' : ours}, text ${text === '' ? 'none' : text}`;
      return `  ${field}: ${sides}${reason === '' ? '' : `: ${reason}`}`;
    }),
  ]);
  const { untabled, tables } = confrontation;
  const others = untabled.map(({ structure, bytes }) => `${structure} (${bytes ?? 'variable'})`);
  const count = (verdict: string) => shown.filter((each) => each.verdict === verdict).length;
  return [
    ...said,
    '',
    `Structures that no table of ours is of (bytes): ${others.join(', ')}`,
    '',
    `${count('equal')} equal, ${count('named')} differ for a reason, ${count('different')} differ; ` +
      `${tables.length - shown.length} not in this text; ${many(untabled.length, 'structure')} without a table`,
  ];
}

async function run(args: readonly string[]): Promise<number> {
  const { options, names } = readArguments(args, { confront: { type: 'boolean' } });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (names.length === 0) throw new UsageError('wants FILE: TeX, C, or a directory with TeX');
  const read = structuresIn(names);
  const unread = tellProblems(read);
  if (options.confront !== true) {
    if (options.json === true) printJson({ ...structuresToJson(read), problems: read.problems });
    else print(...fold([...structureLines(read), endLine(read)], lineWidth()));
    return unread ? exitStatus.failed : exitStatus.good;
  }
  const confrontation = confront(layoutTables, factsOf(read));
  const tables = inText(confrontation);
  if (options.json === true) printJson({ ...confrontation, tables, problems: read.problems });
  else print(...fold(confrontedLines(confrontation), lineWidth()));
  const differs = tables.some(({ verdict }) => verdict === 'different');
  return unread || differs ? exitStatus.failed : exitStatus.good;
}

export const importStructs: Command = { help, run };
