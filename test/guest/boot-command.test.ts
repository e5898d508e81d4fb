import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tourLines } from '../../src/cli/boot-view.ts';
import { guestCacheFolder } from '../../src/hosts/guest/cache-folder.ts';
import { ext4Image } from '../../src/hosts/guest/ext4-image.ts';
import { handOver } from '../../src/hosts/guest/terminal.ts';
import type { TourResult } from '../../src/hosts/guest/tour/tour.ts';
import { ext4Note, hasExt4Tools, md5 } from './ext4.ts';
import { pieces, skipNote, startGuest } from './support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `virtiolab boot` as a user does. */
function boot(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'boot', ...args], {
      cwd: ROOT,
      env: { ...process.env, ...environment },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject).on('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.end();
  });
}

describe.skipIf(pieces === null)(`virtiolab boot${skipNote}`, () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'virtiolab-boot-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.skipIf(!hasExt4Tools)(
    `prints one document with --json, from which its screen is made${ext4Note}`,
    async () => {
      const file = new TextEncoder().encode('seen from the guest\n');
      const image = join(folder, 'disk.img');
      await writeFile(image, (await ext4Image(2 << 20, { 'a/file': file }))!.bytes);
      const { status, stdout, stderr } = await boot(['--image', image, '--cold', '--json']);
      expect(stderr).toMatch(/^booting linux-image-\S+: \d/m);
      const result = JSON.parse(stdout) as TourResult;
      expect(result).toMatchObject({ window: 'mmr', good: true, findings: [], mountError: null });
      const total = Object.values(result.interrupts.guest).reduce((sum, count) => sum + count, 0);
      expect(total).toBe(result.interrupts.host);
      expect(status).toBe(0);
      const screen = tourLines(result).join('\n');
      expect(screen).toMatch(/^linux-image-\S+ through mmr, booted in [\d.]+ s\n/);
      expect(screen).toMatch(
        /00:05\.0 +\[0100\] +1af4:1001 +rev 00 +virtio-pci +irq \d+ +io [0-9a-f]+\.\.[0-9a-f]+\n/,
      );
      expect(screen).toMatch(/first 2 MiB: MD5 [0-9a-f]{32}, the same in the host\n/);
      expect(screen).toContain(`a/file  MD5 ${md5(file)}`);
      expect(screen).toMatch(/[0-9a-f]{64}, given by the host\n/);
      expect(screen).toMatch(/00:05\.0 +legacy\.queueNotify +(\d+) +\1\n/);
      // Status is read to push each write ahead of it.
      expect(screen).toMatch(/00:05\.0 +legacy\.deviceStatus +\d+ +(\d+) +\d{2} +\1\n/);
    },
  );

  it('goes on from a snapshot, which the first run leaves; one that is torn is thrown away, and said', {
    timeout: 400_000,
  }, async () => {
    const cache = join(folder, 'cache');
    // The pieces are those of the usual cache.
    const run = () => boot(['--window', 'io-bar', '--json'], { VIRTIOLAB_CACHE: cache });
    await mkdir(cache);
    for (const name of await readdir(guestCacheFolder()))
      if (name !== 'snapshots') await symlink(join(guestCacheFolder(), name), join(cache, name));
    const results = [];
    for (let i = 0; i < 2; i++) results.push(JSON.parse((await run()).stdout) as TourResult);
    const work = ({ functions, registers, findings, good }: TourResult) => ({
      functions,
      registers: registers.map(({ function: fn, register }) => `${fn} ${register}`),
      findings,
      good,
    });
    expect(results.map(({ restored }) => restored)).toEqual([false, true]);
    expect(work(results[1]!)).toEqual(work(results[0]!));
    const [snapshot] = await readdir(join(cache, 'snapshots'));
    const path = join(cache, 'snapshots', snapshot!);
    await truncate(path, (await stat(path)).size - 1);
    const { status, stdout, stderr } = await run();
    expect([status, (JSON.parse(stdout) as TourResult).restored]).toEqual([0, false]);
    expect(stderr).toMatch(/^virtiolab: .*is \d+ bytes long, not \d+.*: it is thrown away$/m);
    expect((await stat(path)).size).toBeGreaterThan(0);
  });

  it('hands a terminal over to a shell in the guest, until its input has ended', async () => {
    const guest = await startGuest();
    try {
      const output: Buffer[] = [];
      const sink = new Writable({
        write: (piece: Buffer, _encoding, done) => {
          output.push(piece);
          done();
        },
      });
      await guest.runOk('before=kept');
      await handOver(guest, {
        input: Readable.from([Buffer.from('echo $((6 * 7)) from the guest\n')]),
        output: sink,
      });
      expect(Buffer.concat(output).toString('latin1')).toContain('\n42 from the guest\n');
      expect(await guest.runOk('echo $before')).toBe('kept\n');
    } finally {
      await guest.destroy();
    }
  });

  it.each([
    [['--image', '/nowhere/disk.img'], 'image "/nowhere/disk.img": no such file'],
    [
      ['--window', 'native-mmr'],
      "unknown window 'native-mmr'; windows are io-bar, memory-bar, mmr, mmr-virtual, admin, modern-shim",
    ],
    [['--keep', '--json'], '--keep and --json do not go together'],
  ])('is called wrongly with %s', async (args, message) => {
    const { status, stdout, stderr } = await boot(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
