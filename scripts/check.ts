import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Everything but the tests, each step named and timed. All steps run even after one fails, so that one run shows all
 * there is to mend; only the package checks need a build and are passed over without one.
 */
interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly needs?: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const packFolder = mkdtempSync(join(tmpdir(), 'virtiolab-pack-'));

// attw: the package is ESM only by decision, so resolution from CommonJS and from node10 is not asked about.
const STEPS: readonly Step[] = [
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'types in a browser', command: ['tsc', '-p', 'tsconfig.browser.json', '--noEmit'] },
  { name: 'types of the page', command: ['tsc', '-p', 'lab/tsconfig.json'] },
  { name: "types of the page's tests", command: ['tsc', '-p', 'test/browser/tsconfig.json'] },
  { name: 'lint and format', command: ['biome', 'ci', '--colors=off', '--error-on-warnings', '.'] },
  { name: 'floors', command: ['tsx', 'scripts/check-floors.ts'] },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
  {
    name: 'pack',
    // The step before has built what prepack would build again.
    command: ['npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', packFolder],
    needs: 'build',
  },
  { name: 'publint', command: ['publint', '--strict', '{package}'], needs: 'pack' },
  {
    name: 'attw',
    command: ['attw', '{package}', '--profile', 'esm-only', '--format', 'ascii'],
    needs: 'pack',
  },
];

function run([program, ...args]: Step['command']): { ok: boolean; output: string } {
  const packed = (): string => join(packFolder, readdirSync(packFolder)[0] ?? '');
  const result = spawnSync(
    program,
    args.map((arg) => (arg === '{package}' ? packed() : arg)),
    {
      cwd: root,
      encoding: 'utf8',
      // Also reachable when started without npm, which would have put the folder on the path.
      env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
    },
  );
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`;
  return { ok: result.status === 0, output };
}

const failed = new Set<string>();
for (const step of STEPS) {
  if (step.needs !== undefined && failed.has(step.needs)) {
    failed.add(step.name);
    console.log(`skip ${step.name}: needs ${step.needs}`);
    continue;
  }
  const started = performance.now();
  const { ok, output } = run(step.command);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${step.name} (${seconds} s)`);
  if (!ok) {
    failed.add(step.name);
    console.log(output.trimEnd());
  }
}
rmSync(packFolder, { recursive: true, force: true });
console.log(failed.size === 0 ? 'check: all good' : `check: failed: ${[...failed].join(', ')}`);
process.exitCode = failed.size === 0 ? 0 : 1;
