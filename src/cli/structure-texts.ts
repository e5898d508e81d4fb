import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  problemText,
  type ReadStructures,
  readStructures,
  type StructureText,
  structuresFromJson,
} from '../drafts/structs/index.ts';
import { UsageError } from './command.ts';

/** A specification has a thousandth of it. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The files that a path names: itself, or of a directory every TeX file in it but lists of changes (`cl-*.tex`). */
function filesOf(path: string): string[] {
  const found = statSync(path);
  if (found.isCharacterDevice() || found.isBlockDevice())
    throw new UsageError(`${JSON.stringify(path)} is a device; wants a file or a directory`);
  if (found.size > MOST_BYTES)
    throw new UsageError(
      `${JSON.stringify(path)} has ${found.size} bytes; wants a file of at most ${MOST_BYTES}`,
    );
  if (!found.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tex') && !/(?:^|[\\/])cl-/.test(file))
    .sort()
    .map((file) => join(path, file));
}

/** The texts of files and directories. @throws UsageError for one that cannot be read */
function textsOf(paths: readonly string[]): StructureText[] {
  const read = (path: string): StructureText[] => {
    try {
      const files = filesOf(path);
      if (files.length === 0) throw new UsageError(`${JSON.stringify(path)} has no .tex files`);
      return files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
    } catch (error) {
      if (error instanceof UsageError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new UsageError(
        `${JSON.stringify(path)} cannot be read (${code ?? message}); wants a file or a directory`,
      );
    }
  };
  return paths.flatMap(read);
}

/** What `--json` wrote, of one file alone. @throws UsageError, StructureJsonError */
function readJson({ file, text }: StructureText): ReadStructures {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${JSON.stringify(file)} is no JSON: ${(error as Error).message}`);
  }
  return { ...structuresFromJson(json), problems: [] };
}

/**
 * The structures of files and directories: of TeX and C, or of one JSON file.
 * @throws UsageError for what cannot be read, StructureJsonError for JSON that is something else
 */
export function structuresIn(paths: readonly string[]): ReadStructures {
  const texts = textsOf(paths);
  const json = texts.find(({ file }) => file.endsWith('.json'));
  if (json === undefined) return readStructures(texts);
  if (texts.length > 1)
    throw new UsageError(`${JSON.stringify(json.file)} and other files; wants JSON alone`);
  return readJson(json);
}

/** Says on standard error what could not be read. @returns whether anything could not */
export function tellProblems({ problems }: ReadStructures): boolean {
  for (const problem of problems) process.stderr.write(`${problemText(problem)}\n`);
  return problems.some(({ level }) => level === 'error');
}
