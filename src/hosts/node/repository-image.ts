import { spawnSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type UstarMember, ustarArchive } from './ustar.ts';

const MAX_LIST_BYTES = 1 << 26;
/** What a package's folder holds besides its own files. */
const NOT_OURS = new Set(['node_modules', 'coverage']);

/** Paths that git tracks below a folder; empty where there is no git, or nothing is tracked. */
function trackedFiles(root: string): string[] {
  const args = ['-C', root, 'ls-files', '-z'];
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8', maxBuffer: MAX_LIST_BYTES });
  return status === 0 ? stdout.split('\0').filter((path) => path !== '') : [];
}

/** Every file below a folder, hidden ones and those of others left out. */
function filesBelow(root: string): string[] {
  const found: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith('.') || NOT_OURS.has(entry.name)) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  visit('');
  return found;
}

/**
 * A disk image with real contents: a tar archive of the files that git tracks below `root`, or of all files there where
 * it is no git checkout. Equal files make equal images. One file after the other without waiting: hundreds of small files
 * take a tenth of the time that promises of them would.
 */
export function repositoryImage(root: string): { image: Uint8Array; files: number } {
  const tracked = trackedFiles(root);
  const paths = (tracked.length > 0 ? tracked : filesBelow(root)).sort();
  const members: UstarMember[] = [];
  for (const path of paths) {
    const found = lstatSync(join(root, path), { throwIfNoEntry: false });
    // Tracked files may be gone from the folder, or be links.
    if (found?.isFile() !== true) continue;
    const permissions = (found.mode & 0o100) !== 0 ? 0o755 : 0o644;
    members.push({ path, permissions, bytes: readFileSync(join(root, path)) });
  }
  return { image: ustarArchive(members), files: members.length };
}
