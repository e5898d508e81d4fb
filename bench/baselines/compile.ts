import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Skip } from '../frame.ts';

const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const COMPILER = process.env['CC'] ?? 'cc';
const FLAGS = ['-O2', '-std=gnu11'];

/** Runs a program to its end. @returns what it printed */
export const call = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Compiles a file beside this one, once per source, compiler and flags. @returns the program's path, or why there is none */
export function compileC(file: string): string | Skip {
  const source = fileURLToPath(new URL(file, import.meta.url));
  let version: string;
  try {
    version = call(COMPILER, ['--version']);
  } catch {
    return { skip: `no C compiler ('${COMPILER}' does not run)` };
  }
  const key = createHash('sha256').update(readFileSync(source)).update(version).update(FLAGS.join(' '));
  const program = join(CACHE, `${basename(file, '.c')}-${key.digest('hex').slice(0, 16)}`);
  try {
    if (!existsSync(program)) {
      mkdirSync(CACHE, { recursive: true });
      call(COMPILER, [...FLAGS, '-o', program, source]);
    }
    return program;
  } catch (error) {
    // A compiler without its C library's headers, as minimal installations have.
    return { skip: `'${COMPILER}' cannot compile: ${(error as Error).message.split('\n')[1] ?? error}` };
  }
}
