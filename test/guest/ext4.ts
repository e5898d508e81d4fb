import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** These live where only an administrator's path leads. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };

function run(tool: string, args: readonly string[]): string {
  return execFileSync(tool, [...args], {
    env: ENVIRONMENT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const has = (tool: string): boolean => {
  try {
    run(tool, ['-V']);
    return true;
  } catch {
    return false;
  }
};

const missing = ['mkfs.ext4', 'e2fsck', 'debugfs'].filter((tool) => !has(tool));
/** The machine's own tools for ext4 are there. */
export const hasExt4Tools = missing.length === 0;
/** For a test's title. */
export const ext4Note = hasExt4Tools ? '' : ` (skipped: no ${missing.join(', ')})`;

export const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

function inFolder<T>(body: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'virtiolab-ext4-'));
  try {
    return body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An ext4 file system in an array, made by the machine's own tool. */
export function makeExt4(lengthBytes: number): Uint8Array {
  return inFolder((folder) => {
    const image = join(folder, 'image');
    writeFileSync(image, new Uint8Array(lengthBytes));
    run('mkfs.ext4', ['-q', '-F', image]);
    return new Uint8Array(readFileSync(image));
  });
}

/**
 * Has the machine's own tool check a file system, which must be clean, and reads files out of it.
 * @throws where the check finds anything.
 */
export function checkExt4(bytes: Uint8Array, paths: readonly string[]): Record<string, Uint8Array> {
  return inFolder((folder) => {
    const image = join(folder, 'image');
    writeFileSync(image, bytes);
    run('e2fsck', ['-f', '-n', image]);
    return Object.fromEntries(
      paths.map((path) => {
        const copy = join(folder, 'copy');
        run('debugfs', ['-R', `dump ${path} ${copy}`, image]);
        return [path, new Uint8Array(readFileSync(copy))];
      }),
    );
  });
}
