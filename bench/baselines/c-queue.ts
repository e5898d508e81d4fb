import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Skip } from '../frame.ts';
import { verifyRun, WorkloadError } from '../workload.ts';

const SOURCE = fileURLToPath(new URL('queue.c', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
const COMPILER = process.env['CC'] ?? 'cc';
const FLAGS = ['-O2', '-std=c11'];

const call = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Compiles once per source, compiler and flags; returns the program's path. */
function compile(compilerVersion: string): string {
  const key = createHash('sha256')
    .update(readFileSync(SOURCE))
    .update(compilerVersion)
    .update(FLAGS.join(' '));
  const program = join(CACHE, `queue-${key.digest('hex').slice(0, 16)}`);
  if (!existsSync(program)) {
    mkdirSync(CACHE, { recursive: true });
    call(COMPILER, [...FLAGS, '-o', program, SOURCE]);
  }
  return program;
}

/** The queue workload in C. `run` returns million chains per second; a run of 400 000 batches takes about half a second. */
export function prepareCQueue(): { run: (batches?: number) => number } | Skip {
  let version: string;
  try {
    version = call(COMPILER, ['--version']);
  } catch {
    return { skip: `no C compiler ('${COMPILER}' does not run)` };
  }
  let program: string;
  try {
    program = compile(version);
  } catch (error) {
    // A compiler without its C library's headers, as minimal installations have.
    return { skip: `'${COMPILER}' cannot compile: ${(error as Error).message.split('\n')[1] ?? error}` };
  }
  return {
    run: (batches = 400_000) => {
      const [rate, checksum, used] = call(program, [String(batches)])
        .trim()
        .split(' ')
        .map(Number);
      if (rate === undefined || !(rate > 0)) throw new WorkloadError('C queue: printed no rate');
      verifyRun('C queue', batches, checksum ?? Number.NaN, used ?? Number.NaN);
      return rate;
    },
  };
}
