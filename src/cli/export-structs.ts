import {
  layoutTables,
  type StructureDocument,
  structuresOfTables,
  structuresToC,
  structuresToJson,
  structuresToLatex,
  structuresToLatexTable,
  structuresToMarkdown,
  structuresToSvg,
  subsetOf,
} from '../drafts/structs/index.ts';
import { choices } from './choices.ts';
import { type Command, exitStatus, oneOf, readArguments, UsageError } from './command.ts';
import { print, printJson } from './output.ts';
import { structuresIn, tellProblems } from './structure-texts.ts';

const writers = {
  c: ['a header that a C compiler takes', structuresToC],
  latex: ['listings, as the specification has them', structuresToLatex],
  'latex-table': ['tables of offsets in LaTeX', structuresToLatexTable],
  markdown: ['tables of offsets in Markdown', structuresToMarkdown],
  svg: ['a picture: rows of 32 bits', structuresToSvg],
  json: ['everything, for programs', null],
} as const satisfies Readonly<
  Record<string, readonly [string, ((document: StructureDocument) => string) | null]>
>;
type Format = keyof typeof writers;
const formats = Object.keys(writers) as Format[];

const formatList = choices(formats.map((format) => [format, writers[format][0]]));

const help = `Usage: virtiolab export-structs [NAME...] [--format FORMAT] [--from FILE ...]
                                [--json]

Writes structures: the layout tables of this package, or those of a text.

NAME is a table as virtiolab/layout exports it (commonConfig), or a structure of
the specification (virtio_pci_common_cfg); with --from one of that text. What a
structure holds is written with it. Without a name all are written.

  --format FORMAT  c unless said otherwise:
${formatList}
  --from FILE      of a TeX file, a C header, a directory with TeX files, or
                   JSON; may be given several times
  --json           the same as --format json
  -h, --help       print this text

Exit status: 0; 1 where something of FILE could not be read; 2 when called
wrongly.

Example: the common configuration as a picture
  virtiolab export-structs commonConfig --format svg > common.svg
Example: a draft's structures as a header
  virtiolab export-structs --from draft.tex --format c > draft.h`;

function formatOf(named: string | undefined, json: boolean): Format {
  const format = oneOf('format', named ?? (json ? 'json' : 'c'), formats);
  if (json && format !== 'json') throw new UsageError(`--json and --format ${format}; wants one of them`);
  return format;
}

/** Names near one that there is not: those that have it in them, or begin like it. */
function refuse(name: string, known: readonly string[], what: string): never {
  const lower = name.toLowerCase();
  const near = known.filter(
    (each) => each.toLowerCase().includes(lower) || lower.includes(each.toLowerCase()),
  );
  const named = (near.length > 0 ? near : known).slice(0, 12).join(', ');
  throw new UsageError(
    `unknown ${what} '${name}'; ${near.length > 0 ? 'near it are' : `${what}s are`} ${named}${known.length > 12 && near.length === 0 ? ', ...' : ''}`,
  );
}

/** The tables of some names, ours or the specification's. @throws UsageError */
function ourStructures(names: readonly string[]): StructureDocument {
  const known = layoutTables.flatMap(({ name, text }) => [name, ...text.map(({ structure }) => structure)]);
  for (const name of names) if (!known.includes(name)) refuse(name, known, 'table');
  const wanted = layoutTables.filter(
    ({ name, text }) =>
      names.length === 0 || names.includes(name) || text.some(({ structure }) => names.includes(structure)),
  );
  return structuresOfTables(wanted);
}

/** The structures of a text, or some of them. @throws UsageError */
function theirStructures(document: StructureDocument, names: readonly string[]): StructureDocument {
  if (names.length === 0) return document;
  const known = document.structures.map(({ tag }) => tag);
  for (const name of names) if (!known.includes(name)) refuse(name, known, 'structure');
  return subsetOf(document, names);
}

async function run(args: readonly string[]): Promise<number> {
  const { options, names } = readArguments(args, {
    format: { type: 'string' },
    from: { type: 'string', multiple: true },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const format = formatOf(options.format, options.json === true);
  const read = options.from === undefined ? null : structuresIn(options.from);
  const document = read === null ? ourStructures(names) : theirStructures(read, names);
  const unread = read !== null && tellProblems(read);
  const write = writers[format][1];
  if (write === null) printJson(structuresToJson(document));
  else print(write(document).trimEnd());
  return unread ? exitStatus.failed : exitStatus.good;
}

export const exportStructs: Command = { help, run };
