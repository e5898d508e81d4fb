import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repositoryImage, UstarPathError, ustarArchive } from '../../../src/hosts/node/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const list = (archive: string) =>
  execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).split('\n').slice(0, -1);

describe('tar archive (ustar)', () => {
  it('is what tar unpacks', () => {
    const deep = `${'folder/'.repeat(20)}file`;
    const members = [
      { path: 'a.txt', permissions: 0o644, bytes: bytes('hello') },
      { path: 'über.sh', permissions: 0o755, bytes: bytes('x'.repeat(512)) },
      { path: deep, permissions: 0o644, bytes: new Uint8Array(0) },
    ];
    const archive = ustarArchive(members);
    expect(archive.length % 512).toBe(0);
    writeFileSync(join(folder, 'a.tar'), archive);
    execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder });
    for (const member of members)
      expect(new Uint8Array(readFileSync(join(folder, member.path)))).toEqual(member.bytes);
  });

  it('refuses paths that its header cannot hold', () => {
    for (const path of ['', 'x'.repeat(101), `${'x'.repeat(156)}/y`, 'a\0b'])
      expect(() => ustarArchive([{ path, permissions: 0, bytes: bytes('') }])).toThrow(UstarPathError);
  });
});

describe('repository image', () => {
  it('holds what git tracks', async () => {
    writeFileSync(join(folder, 'tracked'), 'one');
    writeFileSync(join(folder, 'other'), 'two');
    const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'ignore' });
    git('init');
    git('add', 'tracked');
    const { image, files } = repositoryImage(folder);
    writeFileSync(join(folder, 'a.tar'), image);
    expect(files).toBe(1);
    expect(list(join(folder, 'a.tar'))).toEqual(['tracked']);
  });

  it('holds every file where nothing is tracked, and is the same each time', async () => {
    mkdirSync(join(folder, 'src'));
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'src', 'b.ts'), 'b');
    writeFileSync(join(folder, 'a.md'), 'a');
    writeFileSync(join(folder, 'node_modules', 'x'), 'x');
    const first = repositoryImage(folder);
    const second = repositoryImage(folder);
    expect(Buffer.compare(first.image, second.image)).toBe(0);
    writeFileSync(join(folder, 'a.tar'), first.image);
    expect(list(join(folder, 'a.tar'))).toEqual(['a.md', 'src/b.ts']);
  });
});
