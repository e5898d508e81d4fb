import { execFile } from 'node:child_process';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type UstarMember, ustarArchive } from './ustar.ts';

const MAX_LIST_BYTES = 1 << 26;
/** What a package's folder holds besides its own files. */
const NOT_OURS = new Set(['node_modules', 'coverage']);

/** Paths that git tracks below a folder; empty where there is no git, or nothing is tracked. */
async function trackedFiles(root: string): Promise<string[]> {
  const list = promisify(execFile)('git', ['-C', root, 'ls-files', '-z'], { maxBuffer: MAX_LIST_BYTES });
  return list.then(
    ({ stdout }) => stdout.split('\0').filter((path) => path !== ''),
    () => [],
  );
}

/** Every file below a folder, hidden ones and those of others left out. */
async function filesBelow(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith('.') || NOT_OURS.has(entry.name)) continue;
      if (entry.isDirectory()) await visit(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  await visit('');
  return found;
}

/**
 * A disk image with real contents: a tar archive of the files that git tracks below `root`, or of all files there where
 * it is no git checkout. Equal files make equal images.
 */
export async function repositoryImage(root: string): Promise<{ image: Uint8Array; files: number }> {
  const tracked = await trackedFiles(root);
  const paths = (tracked.length > 0 ? tracked : await filesBelow(root)).sort();
  const members: UstarMember[] = [];
  for (const path of paths) {
    const found = await lstat(join(root, path)).catch(() => null);
    // Tracked files may be gone from the folder, or be links.
    if (found?.isFile() !== true) continue;
    const permissions = (found.mode & 0o100) !== 0 ? 0o755 : 0o644;
    members.push({ path, permissions, bytes: await readFile(join(root, path)) });
  }
  return { image: ustarArchive(members), files: members.length };
}
