import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError } from './command.ts';

const here = dirname(fileURLToPath(import.meta.url));
/** In the package, beside the compiled command line. */
const SHIPPED = join(here, '../lab');
/** In the repository. */
const ROOT = join(here, '../..');
const CONFIG = join(ROOT, 'lab/vite.config.ts');
const BUILT = join(ROOT, 'lab/dist');
/** What the page is made of. */
const SOURCES = ['lab', 'src'];
const NOT_SOURCES = new Set(['dist', 'node_modules']);

/** Time of the last change of a file below a path, in ms; 0 where there is none. */
function newest(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.mtimeMs;
  const names = readdirSync(path).filter((name) => !NOT_SOURCES.has(name));
  return Math.max(0, ...names.map((name) => newest(join(path, name))));
}

const isFresh = () =>
  Math.max(...SOURCES.map((name) => newest(join(ROOT, name)))) <= newest(join(BUILT, 'index.html'));

/** The builder's program, or null where development dependencies were left out. */
function builder(): string | null {
  try {
    const manifest = createRequire(import.meta.url).resolve('vite/package.json');
    return join(dirname(manifest), 'bin/vite.js');
  } catch {
    return null;
  }
}

/**
 * The folder with the page's files: those of the package, or in the repository what was built, anew where sources have changed.
 * @param told hears that it takes a while. @throws CommandError
 */
export function labFiles(told: () => void): string {
  if (existsSync(join(SHIPPED, 'index.html'))) return SHIPPED;
  if (!existsSync(CONFIG))
    throw new CommandError('this package was built without the page: npm run build writes it');
  if (isFresh()) return BUILT;
  const vite = builder();
  if (vite === null)
    throw new CommandError(
      'the page is not built, and its builder is not installed (npm install --include=dev)',
    );
  told();
  const { status, stderr } = spawnSync(process.execPath, [vite, 'build', '--config', CONFIG], {
    cwd: ROOT,
    // What is served is what would be hosted, whatever the caller is for.
    env: { ...process.env, NODE_ENV: 'production' },
    encoding: 'utf8',
  });
  if (status !== 0) throw new CommandError(`the page cannot be built: ${stderr.trim().split('\n')[0] ?? ''}`);
  return BUILT;
}
