import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { root, sourcesChanged } from '../scripts/fresh.mjs';

/** Where tests find the program, as deep in the checkout as its sources are. */
export const PROGRAM_FOLDER = '.program';

/**
 * Before all tests: compiles the sources where they have changed. A command started from compiled code takes half the
 * processor time of one started from the sources, and hundreds are started. Types are somebody else's to check.
 */
export default function setUp(): void {
  const folder = join(root, PROGRAM_FOLDER);
  const built = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > sourcesChanged()) return;
  const compiler = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  // What is written meanwhile may or may not be in it.
  const started = new Date();
  const fresh = `${folder}.${process.pid}`;
  const options = [
    '--noCheck',
    '--declaration',
    'false',
    '--declarationMap',
    'false',
    '--sourceMap',
    'false',
  ];
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(compiler, 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', fresh, ...options],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the program cannot be compiled: ${stdout}`);
  utimesSync(fresh, started, started);
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  renameSync(fresh, folder);
}
