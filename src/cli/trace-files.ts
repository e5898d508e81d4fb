import { readFileSync } from 'node:fs';
import { DumpError, TraceError } from '../trace/index.ts';
import { UsageError } from './command.ts';

/** @throws UsageError */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`${JSON.stringify(path)} cannot be read (${code}); wants a file`);
  }
}

/** What is wrong with a file is the user's to mend. @throws UsageError */
export function taking<T>(path: string, take: (text: string) => T): T {
  const text = readBytes(path).toString('utf8');
  try {
    return take(text);
  } catch (error) {
    if (error instanceof TraceError || error instanceof DumpError)
      throw new UsageError(`${JSON.stringify(path)}: ${error.message}`);
    throw error;
  }
}
