import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program, root, virtiolab } from './run.ts';

let folder: string;
let large: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
  large = join(folder, 'large.img');
  writeFileSync(large, '');
  // So long that nobody reads it to its end while a test waits; a hole, which takes no room.
  truncateSync(large, 64 * 2 ** 30);
});
afterAll(() => rmSync(folder, { recursive: true }));

const TIMEOUT_MS = 240_000;
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

function ended(child: ChildProcess): Promise<{ status: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal })));
}

describe.concurrent('a program that is ended', { timeout: TIMEOUT_MS }, () => {
  it.for([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s says so to the shell and leaves nothing behind', async ([signal, status]) => {
    const temporary = mkdtempSync(join(folder, 'tmp-'));
    const child = spawn(process.execPath, [...program, 'demo', '--image', large], {
      cwd: root,
      env: { ...process.env, TMPDIR: temporary },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      child.kill(signal);
    });
    expect(await ended(child)).toEqual({ status, signal: null });
    // Progress is a line now and then where there is no terminal, and no copy is made.
    expect(stderr).toMatch(/^(?:read \d+ % of 64 GiB\n)+$/);
    expect(stdout).toBe('');
    expect(readdirSync(temporary).filter((name) => name.startsWith('virtiolab'))).toEqual([]);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  it.skipIf(!hasScript)(
    `by Ctrl-C takes its progress from the terminal${hasScript ? '' : ' (skipped: no script)'}`,
    async () => {
      const command = [process.execPath, ...program, 'demo', '--image', large].join(' ');
      const child = spawn('script', ['-qefc', command, '/dev/null'], { cwd: root });
      let shown = '';
      let pressed = false;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
        if (pressed || !shown.includes('% of')) return;
        pressed = true;
        child.stdin.write('\u0003');
      });
      expect((await ended(child)).status).toBe(130);
      // What stands on the line at last.
      let line = '';
      for (const part of shown.split('\n').at(-1)!.split('\r')) line = part + line.slice(part.length);
      expect(line.trim()).toBe('');
    },
  );

  it.skipIf(!existsSync('/dev/full'))('by a full disk says what could not be written', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [...program, 'lspci'], {
      cwd: root,
      stdio: ['ignore', full, 'pipe'],
    });
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const { status } = await ended(child);
    closeSync(full);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^virtiolab: standard output cannot be written: ENOSPC[^\n]*\n$/);
  });
});

describe('lines', { timeout: TIMEOUT_MS }, () => {
  it.for([['demo'], ['demo', '--device', 'p9'], ['lspci'], ['lspci', '-v']])(
    'are no longer than COLUMNS says: %s',
    async (args) => {
      const { status, stdout } = await virtiolab(args, { COLUMNS: '80' });
      expect(status).toBe(0);
      expect(widest(stdout)).toBeLessThanOrEqual(80);
      const { stdout: wide } = await virtiolab(args, { COLUMNS: '' });
      expect(widest(wide)).toBeGreaterThan(80);
      // Nothing is left out but the legend of what stands below.
      const words = (text: string) => text.split(/\s+/).filter((word) => word !== '').length;
      expect(words(stdout)).toBeGreaterThanOrEqual(words(wide));
    },
  );

  it('of what the host does stand under those of the guest with less than 110 columns', async () => {
    const [narrow, wide] = await Promise.all(
      ['109', '110'].map(async (COLUMNS) => (await virtiolab(['demo'], { COLUMNS })).stdout),
    );
    expect(narrow).toMatch(/\n {2}out +c012 +deviceStatus +01 +acknowledge\n +=> W c0001012 01\n/);
    expect(wide).toMatch(/\n {2}out +c012 +deviceStatus +01 +acknowledge +W c0001012 01\n/);
    expect(wide).not.toContain('=>');
  });

  it('of a dump stay whole, for the pciutils', async () => {
    const [narrow, wide] = await Promise.all(
      ['40', ''].map(async (COLUMNS) => (await virtiolab(['lspci', '-v', '-x'], { COLUMNS })).stdout),
    );
    expect(narrow).toBe(wide);
  });
});

describe('--json', { timeout: TIMEOUT_MS }, () => {
  it('gives one document where a command fails, and the same line to people', async () => {
    const { status, stdout, stderr } = await virtiolab(['boot', '--json'], {
      PATH: folder,
      VIRTIOLAB_CACHE: join(folder, 'cache'),
    });
    expect(status).toBe(1);
    const { error } = JSON.parse(stdout) as { error: string };
    expect(error).toMatch(/^no apt-get, .* on this machine; needs a Debian or Ubuntu machine/);
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(`virtiolab: ${error}`);
  });
});
