import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', 'bench/main.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  });

describe('the bench command', () => {
  it('prints its options', () => {
    const { status, stdout } = bench('--help');
    expect(stdout).toContain('--json');
    expect(status).toBe(0);
  });

  it.each([
    [['--jsn'], "Unknown option '--jsn' (--help shows the options)\n"],
    [['queue'], "Unexpected argument 'queue' (--help shows the options)\n"],
    [['--processes', '0'], "--processes '0': wants 1 to 99 (--help shows the options)\n"],
    [['--only', 'no-such-bench'], "no bench is called 'no-such-bench' (--help shows the options)\n"],
  ])('refuses %j with one line and status 2', (args, line) => {
    const { status, stdout, stderr } = bench(...args);
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: line });
  });
});
