import { readFile, stat } from 'node:fs/promises';
import { isBreach, judgeConfig } from '../conformance/config.ts';
import { DumpError, describeImage, readDump } from '../trace/index.ts';
import { exitStatus, UsageError } from './command.ts';
import { imageJson, imageLines, type JudgedFunction } from './image-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { bytesText, fold } from './text.ts';

/** A machine with five thousand functions of 4096 bytes each does not fill it. */
const MAX_FILE_BYTES = 64 << 20;

/** @throws UsageError where the file cannot be read, or is too long. */
async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new UsageError(
        `'${path}' has ${bytesText(size)}; a dump of ${bytesText(MAX_FILE_BYTES)} is read at most`,
      );
    return await readFile(path, 'latin1');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `'${path}' cannot be read: ${code === 'ENOENT' ? 'there is no such file' : message}`,
    );
  }
}

/** @throws UsageError for a file that is no dump. */
async function judgeFile(path: string): Promise<JudgedFunction[]> {
  const text = await readText(path);
  if (text.trim() === '') throw new UsageError(`'${path}' is empty`);
  try {
    return readDump(text).map((dumped) => ({
      dumped,
      description: describeImage(dumped.image),
      verdict: judgeConfig(dumped.image),
    }));
  } catch (error) {
    if (error instanceof DumpError) throw new UsageError(`'${path}': ${error.message}`);
    throw error;
  }
}

/**
 * Shows what a dump of other machines' functions holds, and what of it breaks which clause.
 * @param wants says of a function's place whether it is shown.
 * @returns the exit status.
 */
export async function readForeign(
  path: string,
  options: { readonly slot?: string; readonly json: boolean },
): Promise<number> {
  const all = await judgeFile(path);
  const { slot } = options;
  const shown = slot === undefined ? all : all.filter(({ dumped }) => dumped.slot.endsWith(slot));
  if (shown.length === 0)
    throw new UsageError(
      `no function at '${slot}' in '${path}'; there are functions from ${all[0]!.dumped.slot} to ${all.at(-1)!.dumped.slot}`,
    );
  const breaches = shown.flatMap(({ verdict }) => verdict.findings.filter(isBreach)).length;
  if (options.json) printJson({ file: path, functions: shown.map(imageJson), breaches });
  else {
    for (const each of shown) print(...fold(imageLines(each), lineWidth()), '');
    const [functions, found] = [shown.length, breaches].map(
      (count, i) => `${count} ${i === 0 ? 'function' : 'breach'}${count === 1 ? '' : i === 0 ? 's' : 'es'}`,
    );
    print(`${functions}, ${found} of a clause`);
  }
  return breaches === 0 ? exitStatus.good : exitStatus.failed;
}
