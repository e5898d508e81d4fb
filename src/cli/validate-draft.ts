import {
  countLevels,
  type DraftDocument,
  type DraftRun,
  DraftRunOptionError,
  type DraftRunOptions,
  findInDraft,
  runDraft,
  shippedDrafts,
} from '../drafts/index.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { draftOf } from './draft-file.ts';
import { findingLines, runLines } from './draft-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { clearLine, showLine } from './progress.ts';
import { columns, fold } from './text.ts';

const help = `Usage: virtiolab validate-draft FILE|NAME [--static] [--seed N] [--runs N]
                                [--document] [--json]
       virtiolab validate-draft --list [--json]

Reads a draft of ids, capabilities, registers, commands and rules, and says what
is wrong with it: errors, warnings, and questions that two readers would answer
differently. A draft that describes a legacy block is run, too: by a driver made
from it, and behind the translator; where a driver can tell it from a legacy
function, the shortest sequence that does is shown. FILE is JSON of the schema
docs/schemas/draft.schema.json, or a module that exports a draft; NAME is one
that comes with the program.

  --static         do not run it
  --seed N         the sequences are drawn from N on; by default 1
  --runs N         so many sequences; by default 200
  --list           name those that come with the program
  --document       print the draft itself, as JSON to begin with
  --json           one JSON document on standard output
  -h, --help       print this text

Exit status: 0 without errors, whatever warnings and questions there are; 1 with
errors, or a sequence that tells it from a legacy function; 2 when called
wrongly, or with a file that is no draft.

Example: what the capability without a vendor-specific header earns
  virtiolab validate-draft mmr-bare-capability`;

function list(json: boolean): void {
  const rows = Object.values(shippedDrafts).map(({ name, title = '' }) => ({ name, title }));
  if (json) printJson({ drafts: rows });
  else print(...fold(columns(rows.map(({ name, title }) => [name, title])), lineWidth()));
}

const WHOLE = /^\d{1,7}$/;

/** A number that an option gives, if it is there. @throws UsageError */
function numberOf(option: string, text: string | undefined): number | undefined {
  if (text !== undefined && !WHOLE.test(text))
    throw new UsageError(`option '${option} ${text}': wants a whole number of up to 7 digits`);
  return text === undefined ? undefined : Number(text);
}

/** @throws UsageError */
function optionsOf({ seed, runs }: { readonly seed?: string; readonly runs?: string }): DraftRunOptions {
  const numbers = { seed: numberOf('--seed', seed), runs: numberOf('--runs', runs) };
  return {
    ...(numbers.seed === undefined ? {} : { seed: numbers.seed }),
    ...(numbers.runs === undefined ? {} : { runs: numbers.runs }),
    progress: (done, of) => {
      if (process.stderr.isTTY === true) showLine(`sequence ${done} of ${of}`);
    },
  };
}

/** @throws UsageError for numbers that are no options */
function runOf(document: DraftDocument, options: DraftRunOptions): DraftRun {
  try {
    return runDraft(document, options);
  } catch (error) {
    if (error instanceof DraftRunOptionError) throw new UsageError(error.message);
    throw error;
  } finally {
    clearLine();
  }
}

async function run(args: readonly string[]): Promise<number> {
  const named = args[0] !== undefined && !args[0].startsWith('-');
  const options = readOptions(named ? args.slice(1) : args, {
    static: { type: 'boolean' },
    seed: { type: 'string' },
    runs: { type: 'string' },
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
  if (options.static === true && (options.seed ?? options.runs) !== undefined)
    throw new UsageError("option '--static' runs nothing; wants no --seed and no --runs with it");
  const running = optionsOf(options);
  const document = await draftOf(args[0]!);
  if (options.document === true) {
    printJson(document);
    return exitStatus.good;
  }
  const findings = findInDraft(document);
  const ran = options.static === true ? null : runOf(document, running);
  const counts = countLevels(findings);
  const lines = [...findingLines(document, findings), ...(ran === null ? [] : ['', ...runLines(ran)])];
  if (json) printJson({ draft: document.name, title: document.title ?? null, counts, findings, run: ran });
  else print(...fold(lines, lineWidth()));
  return counts.error > 0 || (ran?.counterexamples.length ?? 0) > 0 ? exitStatus.failed : exitStatus.good;
}

export const validateDraft: Command = { help, run };
