import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const dist = join(root, 'dist');

/** Time of the last change below a path; 0 where there is nothing. */
export function newest(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  // A folder's own time changes with a file that goes away.
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const SOURCES = ['src', 'tsconfig.json', 'tsconfig.build.json'];

/** Time of the last change of what is compiled. */
export const sourcesChanged = () => Math.max(...SOURCES.map((name) => newest(join(root, name))));

/** `dist` is what the sources compile to now. */
export const isFresh = () => sourcesChanged() <= newest(join(dist, 'index.js'));
