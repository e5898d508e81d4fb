import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { serve } from '../../src/cli/serve.ts';
import { LineClient } from '../hosts/qtest-server/line-client.ts';
import { program, type Ran, root, virtiolab } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-serve-'));
const path = join(folder, 'qtest');
const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A client, once somebody listens: a socket is there a moment before it takes connections, or after another one. */
async function reach(socket: string): Promise<LineClient> {
  for (const end = performance.now() + 20_000; ; await sleep(20)) {
    try {
      return await LineClient.connect(socket);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

/** A server that is used, and then told to end. */
async function served(
  args: readonly string[],
  use: (client: LineClient) => Promise<unknown>,
  as: readonly string[] = ['--qtest', path],
): Promise<Ran> {
  const child = spawn(process.execPath, [...program, 'serve', ...as, ...args], { cwd: root });
  running.push(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = once(child, 'close');
  while (!existsSync(path) && child.exitCode === null) await sleep(20);
  if (child.exitCode === null) {
    const client = await reach(path);
    let ends: unknown;
    try {
      ends = await use(client);
    } finally {
      // In its last moments it takes a signal as any program does.
      if (ends !== 'by itself') child.kill('SIGTERM');
      client.close();
    }
  }
  const [status] = (await closed) as [number | null];
  return { status, stdout, stderr };
}

/** The ids of the device at a place of bus 0. */
async function idsOf(client: LineClient, device: number): Promise<string | null> {
  await client.ask(`outl 0xcf8 ${0x80000000 + (device << 11)}`);
  return client.ask('inl 0xcfc');
}

describe('serve --qtest', () => {
  it('shows devices to a client, and ends well when it is told to', async () => {
    const { status, stdout, stderr } = await served(
      ['--device', 'block', '--device', 'network:modern', '--memory', '64'],
      async (client) => {
        expect(await idsOf(client, 4)).toBe('OK 0x10011af4');
        expect(await idsOf(client, 5)).toBe('OK 0x10411af4');
        expect(await idsOf(client, 6)).toBe('OK 0xffffffff');
        expect(await client.ask('readl 0x3fffffc')).toBe('OK 0x0000000000000000');
        expect(await client.ask('readl 0x4000000')).toBe('OK 0x00000000ffffffff');
      },
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toEqual([
      `qtest on ${path}, 64 MiB of RAM`,
      '  00:04.0 block',
      '  00:05.0 network:modern',
      '1 clients, 8 commands',
      '',
    ]);
    expect(existsSync(path)).toBe(false);
  });

  it('shows what a window leads to, and tells it in one document', async () => {
    const { status, stdout } = await served(
      ['--device', 'entropy', '--window', 'mmr', '--json'],
      async (client) => expect(await idsOf(client, 4)).toBe('OK 0x10051af4'),
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      socket: path,
      mebibytes: 128,
      functions: [{ address: '00:04.0', device: 'entropy' }],
      sessions: 1,
      commands: 2,
      reason: 'SIGTERM',
    });
  });

  it('has a monitor on a socket of its own, which may end it', async () => {
    const monitor = join(folder, 'qmp');
    const { status, stdout } = await served(
      ['--device', 'entropy', '--qmp', monitor, '--json'],
      async (client) => {
        const qmp = await reach(monitor);
        expect(await qmp.line()).toContain('"QMP"');
        expect(await qmp.ask('{"execute": "qmp_capabilities"}')).toContain('"return"');
        await qmp.ask('{"execute": "device_add", "arguments": {"driver": "virtio-rng-pci", "addr": "9"}}');
        expect(await idsOf(client, 9)).toBe('OK 0x10051af4');
        expect(await qmp.ask('{"execute": "quit"}')).toContain('SHUTDOWN');
        expect(await qmp.line()).toContain('"return"');
        expect(await qmp.line()).toBe(null);
        return 'by itself';
      },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sessions: 1, reason: 'quit' });
  });

  it.each([
    [[], "wants '--qtest SOCKET'"],
    [['--qtest', join(folder, 'x'.repeat(108))], 'the path takes'],
    [['--qtest', join(folder, 'file')], 'is a regular file'],
    [['--qtest', join(folder, 'none', 'x')], 'ENOENT'],
    [['--qtest', path, '--device', 'toaster'], "unknown device 'toaster'; devices are network"],
    [['--qtest', path, '--device', 'block:odd'], "unknown kind 'odd'; kinds are legacy"],
    [['--qtest', path, '--device', 'vsock:legacy'], 'it is modern only'],
    [['--qtest', path, '--device', 'a:b:c'], 'wants TYPE[:KIND]'],
    [['--qtest', path, '--device', 'block:modern', '--window', 'mmr'], '--window says what it is'],
    [['--qtest', path, '--device', 'block', '--window', 'cat'], "unknown window 'cat'"],
    [['--qtest', path, '--device', 'rtc', '--window', 'mmr'], 'leads to no rtc'],
    [['--qtest', path, '--device', 'block', '--image', join(folder, 'none')], 'no such file'],
    [['--qtest', path, '--image', join(folder, 'file')], 'belongs to one block device'],
    [['--qtest', path, '--qmp', join(folder, 'file')], 'is a regular file'],
    [['--qtest', path, '--memory', '0'], "wants a whole number of 1..3072, not '0'"],
    [['--qtest', path, '--memory', '1e2'], "not '1e2'"],
    [['--qtest', path, '--speed', '1'], "unknown option '--speed'"],
    [['--qtest', path, ...Array.from({ length: 29 }, () => '--device=entropy')], '29 devices'],
  ])('says what is wrong with %j', async (args, words) => {
    writeFileSync(join(folder, 'file'), '');
    await expect(serve.run(args)).rejects.toThrow(words);
  });

  it("takes QEMU's options in a QEMU's place, and ends well with a signal, as test programs want it", async () => {
    const ran = await served([], async () => {}, [
      '--qemu-system-x86_64',
      '-qtest',
      `unix:${path},server=on,wait=off`,
    ]);
    expect(ran).toEqual({ status: 0, stdout: '', stderr: '' });
    await expect(serve.run(['--qemu-system-x86_64', '-hda', 'x'])).rejects.toThrow(
      '-hda: not understood here',
    );
  });

  it.each([
    ['an option', ['--device', 'toaster']],
    ['a path', ['--qtest', join(folder, 'none', 'x')]],
  ])('says in a line that %s is wrong, and ends with status 2', async (_what, args) => {
    const { status, stdout, stderr } = await virtiolab(['serve', '--qtest', path, ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
