import { readFileSync } from 'node:fs';
import {
  countLevels,
  type DraftDocument,
  DraftDocumentError,
  DraftTextError,
  findInDraft,
  parseDraft,
  problemLine,
  shippedDrafts,
} from '../drafts/index.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { findingLines } from './draft-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { columns, fold } from './text.ts';

const help = `Usage: virtiolab validate-draft FILE|NAME [--document] [--json]
       virtiolab validate-draft --list [--json]

Reads a draft of ids, capabilities, registers, commands and rules, and says what
is wrong with it: errors, warnings, and questions that two readers would answer
differently. FILE is JSON (docs/drafts.md, docs/schemas/draft.schema.json);
NAME is a draft that comes with the program.

  --list           name those that come with the program
  --document       print the draft itself, as JSON to begin with
  --json           one JSON document on standard output
  -h, --help       print this text

Exit status: 0 without errors, whatever warnings and questions there are; 1 with
errors; 2 when called wrongly, or with a file that is no draft.

Example: what the capability without a vendor-specific header earns
  virtiolab validate-draft mmr-bare-capability`;

/** What is wrong with the shape of a file is shown so far. */
const MOST_PROBLEMS = 50;

/** @throws UsageError */
function read(file: string): DraftDocument {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (Object.hasOwn(shippedDrafts, file)) return shippedDrafts[file]!;
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `${JSON.stringify(file)} cannot be read (${code}), and is no draft of this program; those are ${Object.keys(shippedDrafts).join(', ')}`,
    );
  }
  try {
    return parseDraft(text);
  } catch (error) {
    if (error instanceof DraftTextError) throw new UsageError(`${JSON.stringify(file)}: ${error.message}`);
    if (!(error instanceof DraftDocumentError)) throw error;
    for (const problem of error.problems.slice(0, MOST_PROBLEMS))
      process.stderr.write(`${file}: ${problemLine(problem)}\n`);
    throw new UsageError(
      `${JSON.stringify(file)} is no draft: ${error.problems.length} things are not as they should be`,
    );
  }
}

function list(json: boolean): void {
  const rows = Object.values(shippedDrafts).map(({ name, title = '' }) => ({ name, title }));
  if (json) printJson({ drafts: rows });
  else print(...fold(columns(rows.map(({ name, title }) => [name, title])), lineWidth()));
}

async function run(args: readonly string[]): Promise<number> {
  const named = args[0] !== undefined && !args[0].startsWith('-');
  const options = readOptions(named ? args.slice(1) : args, {
    list: { type: 'boolean' },
    document: { type: 'boolean' },
  });
  const json = options.json === true;
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (options.list === true) {
    if (named) throw new UsageError(`option '--list' and ${JSON.stringify(args[0])}: wants one of the two`);
    list(json);
    return exitStatus.good;
  }
  if (!named) throw new UsageError('wants a file or a name before its options; --list has the names');
  const document = read(args[0]!);
  if (options.document === true) {
    printJson(document);
    return exitStatus.good;
  }
  const findings = findInDraft(document);
  const counts = countLevels(findings);
  if (json) printJson({ draft: document.name, title: document.title ?? null, counts, findings });
  else print(...fold(findingLines(document, findings), lineWidth()));
  return counts.error > 0 ? exitStatus.failed : exitStatus.good;
}

export const validateDraft: Command = { help, run };
