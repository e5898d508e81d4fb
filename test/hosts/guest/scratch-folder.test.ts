import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderNotWritableError } from '../../../src/hosts/guest/errors.ts';
import { scratchFolder } from '../../../src/hosts/guest/scratch-folder.ts';
import { root } from '../../cli/run.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

/** A process that makes a scratch folder and ends as told. @returns its status and signal. */
function child(ending: string) {
  const code = `
    import { scratchFolder } from './src/hosts/guest/scratch-folder.ts';
    await scratchFolder(${JSON.stringify(parent)}, 'fetch-');
    ${ending}`;
  return spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  });
}

describe('a scratch folder', () => {
  it('goes away when told, and with its process', async () => {
    const { path, remove } = await scratchFolder(parent, 'fetch-');
    writeFileSync(join(path, 'file'), '');
    remove();
    remove();
    expect(existsSync(path)).toBe(false);
    expect(child('process.exit(3)').status).toBe(3);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('is swept by the next one where its process was killed', async () => {
    expect(child("process.kill(process.pid, 'SIGKILL')").signal).toBe('SIGKILL');
    expect(readdirSync(parent)).toHaveLength(1);
    const { path, remove } = await scratchFolder(parent, 'fetch-');
    expect(readdirSync(parent).map((name) => join(parent, name))).toEqual([path]);
    remove();
  });

  it('is left alone while its process lives, or may live on another machine', async () => {
    const host = hostname().replace(/[^\w.]/g, '_');
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const kept = [
      `fetch-${process.pid}-${host}-abcdef`,
      `fetch-${dead}-elsewhere-abcdef`,
      'fetch-other',
      'pieces',
    ];
    const stale = [`fetch-${dead}-${host}-abcdef`, `fetch-${dead}-elsewhere-ghijkl`];
    for (const name of [...kept, ...stale]) mkdirSync(join(parent, name));
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    utimesSync(join(parent, stale[1]!), twoDaysAgo, twoDaysAgo);
    (await scratchFolder(parent, 'fetch-')).remove();
    expect(readdirSync(parent).sort()).toEqual([...kept].sort());
  });

  it('is refused by name where there can be none', async () => {
    const file = join(parent, 'file');
    writeFileSync(file, '');
    const refused = scratchFolder(file, 'fetch-');
    await expect(refused).rejects.toThrow(FolderNotWritableError);
    await expect(refused).rejects.toMatchObject({ path: file });
  });
});
