import { spawnSync } from 'node:child_process';
import { rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dist, isFresh, newest, root } from './fresh.mjs';

/**
 * Compiles `src` into `dist`. Plain JavaScript: npm runs this with `--prepare` on every install of a checkout, also where
 * development dependencies were left out, and then it must neither fail nor take long.
 *
 *   node scripts/build.mjs            anew, whatever is there; fails without a compiler
 *   node scripts/build.mjs --prepare  only where `dist` is missing or older than the sources; passed over without a compiler
 */
const preparing = process.argv.includes('--prepare');

/** An image of a container may hold no more than the manifest when npm runs. */
const hasSources = () => newest(join(root, 'src')) > 0;

/** The compiler's program, or null where it is not installed. */
function compiler() {
  try {
    const manifest = createRequire(import.meta.url).resolve('typescript/package.json', { paths: [root] });
    return join(dirname(manifest), 'bin', 'tsc');
  } catch {
    return null;
  }
}

function build() {
  if (preparing && (!hasSources() || isFresh())) return 0;
  const tsc = compiler();
  if (tsc === null) {
    const what = 'TypeScript is not installed (npm install --include=dev)';
    console.error(preparing ? `virtiolab: dist is not built: ${what}` : `virtiolab: cannot build: ${what}`);
    return preparing ? 0 : 1;
  }
  // Stale output would otherwise be packed: tsc never deletes what a removed source once produced.
  rmSync(dist, { recursive: true, force: true });
  // The compiler's complaints go to standard error, so that `npm pack --json` prints nothing but its document.
  const ran = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (ran.error !== undefined) console.error(`virtiolab: cannot build: ${ran.error.message}`);
  // Half a build would pass for a whole one the next time.
  if (ran.status !== 0) rmSync(dist, { recursive: true, force: true });
  return ran.status || (preparing ? 0 : buildLab());
}

/** The page that `virtiolab lab` serves. An install of a checkout has no need of it: the command builds it when it is asked for. */
function buildLab() {
  const config = join(root, 'lab', 'vite.config.ts');
  if (statSync(config, { throwIfNoEntry: false }) === undefined) return 0;
  const manifest = createRequire(import.meta.url).resolve('vite/package.json', { paths: [root] });
  const vite = join(dirname(manifest), 'bin', 'vite.js');
  const ran = spawnSync(
    process.execPath,
    [vite, 'build', '--config', config, '--outDir', join(dist, 'lab')],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  );
  return ran.status ?? 1;
}

process.exitCode = build();
