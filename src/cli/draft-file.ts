import { readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type DraftDocument,
  DraftDocumentError,
  DraftTextError,
  documentOfDraft,
  parseDraft,
  problemLine,
  readDraft,
  shippedDrafts,
} from '../drafts/index.ts';
import { checkDraft, type Draft, DraftError } from '../mmr/index.ts';
import { UsageError } from './command.ts';

/** What is wrong with the shape of a file is shown so far. */
const MOST_PROBLEMS = 50;
const MODULES: readonly string[] = ['.js', '.mjs', '.ts', '.mts'];

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isDocument = (value: unknown) => isObject(value) && 'draft' in value && 'name' in value;
const isTable = (value: unknown): value is Draft =>
  isObject(value) && 'deviceIds' in value && 'encoding' in value && 'cfgType' in value;

/** Shows what is wrong with a document's shape, on standard error. @throws UsageError */
function taking<T>(file: string, take: () => T): T {
  try {
    return take();
  } catch (error) {
    if (error instanceof DraftTextError || error instanceof DraftError)
      throw new UsageError(`${JSON.stringify(file)}: ${error.message}`);
    if (!(error instanceof DraftDocumentError)) throw error;
    for (const problem of error.problems.slice(0, MOST_PROBLEMS))
      process.stderr.write(`${file}: ${problemLine(problem)}\n`);
    throw new UsageError(`${JSON.stringify(file)} is no draft: what is wrong with it is said above`);
  }
}

/** The one draft that a module exports: a document, or the table of a reading of the MMR draft. @throws UsageError */
async function fromModule(file: string): Promise<DraftDocument> {
  const exported: Readonly<Record<string, unknown>> = await import(pathToFileURL(resolve(file)).href).catch(
    (error: Error) => {
      throw new UsageError(`${JSON.stringify(file)} cannot be loaded: ${error.message.split('\n')[0]}`);
    },
  );
  const found = [...new Set(Object.values(exported))].filter((value) => isDocument(value) || isTable(value));
  if (found.length !== 1)
    throw new UsageError(`${JSON.stringify(file)} exports ${found.length} drafts; wants one`);
  const [draft] = found;
  return taking(file, () => (isTable(draft) ? documentOfDraft(checkDraft(draft)) : readDraft(draft)));
}

/**
 * The draft of a file, or the one of that name that comes with the program.
 * @throws UsageError for what cannot be read, or is no draft.
 */
export async function draftOf(file: string): Promise<DraftDocument> {
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
  return MODULES.includes(extname(file)) ? await fromModule(file) : taking(file, () => parseDraft(text));
}
