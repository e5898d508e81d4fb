import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { answer, QtestMachine, QtestServer } from '../../../src/hosts/qtest-server/index.ts';
import { note, reason } from '../qtest/support.ts';
import { LineClient } from './line-client.ts';
import { fatalLines, sharedInterrupts, sharedLines } from './lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-qtest-server-'));
const path = join(folder, 'qtest');
const machine = () => QtestMachine.ofBytes(128 << 20);

let server: QtestServer | null = null;
let qemu: ChildProcess | null = null;
const clients: LineClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server?.close();
  server = null;
  qemu?.kill('SIGKILL');
  qemu = null;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function connect(): Promise<LineClient> {
  const client = await LineClient.connect(path);
  clients.push(client);
  return client;
}

/** A QEMU whose processor stands still, and that answers at the path. */
async function connectQemu(): Promise<LineClient> {
  const halt = new Uint8Array(0x10000);
  halt.set([0xfa, 0xf4, 0xeb, 0xfd], 0xfff0);
  writeFileSync(join(folder, 'halt'), halt);
  rmSync(path, { force: true });
  qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'pc,accel=tcg', '-bios', join(folder, 'halt'), '-display', 'none', '-nodefaults'],
      ...['-qtest', `unix:${path},server=on,wait=off`, '-qtest-log', 'none'],
    ],
    { stdio: 'ignore' },
  );
  for (let tries = 0; ; tries++)
    try {
      return await connect();
    } catch (error) {
      if (tries > 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

const ask = async (client: LineClient) => {
  const answers: (readonly [string, string | null])[] = [];
  for (const [line] of sharedLines) answers.push([line, await client.ask(line)]);
  // The timer of a PC goes on whatever its processor does.
  return { answers, interrupts: client.interrupts.filter((line) => !line.endsWith(' 0')) };
};

describe('the protocol', () => {
  it('is answered over a socket, line by line', async () => {
    server = await QtestServer.listen(path, machine());
    const { answers, interrupts } = await ask(await connect());
    expect(answers).toEqual(sharedLines);
    expect(interrupts).toEqual(sharedInterrupts);
  });

  it.skipIf(reason !== null)(`is answered by a QEMU in the same way${note}`, async () => {
    const { answers, interrupts } = await ask(await connectQemu());
    expect(answers).toEqual(sharedLines);
    expect(interrupts).toEqual(sharedInterrupts);
  });

  it('is answered where a QEMU ends', () => {
    const target = machine();
    for (const [line, expected] of fatalLines) expect([line, answer(target, line)]).toEqual([line, expected]);
  });

  it.skipIf(reason !== null)(`ends a QEMU in such lines indeed${note}`, async () => {
    const client = await connectQemu();
    expect(await client.ask('inb 080')).toBe(null);
  });

  it('has a clock that goes on when it is told to', () => {
    const target = machine();
    const asked = (line: string) => answer(target, line);
    expect(asked('clock_step 100')).toBe('OK 100');
    expect(asked('clock_step 0x10')).toBe('OK 116');
    expect(asked('clock_step -5')).toBe('FAIL could not advance time');
    expect(asked('clock_step 0')).toBe('FAIL could not advance time');
    expect(asked('clock_step')).toMatch(/^FAIL .* no pending deadline$/);
    expect(asked('clock_set 1000')).toBe('OK 1000');
    expect(asked('clock_set 5')).toBe('FAIL 1000');
    expect(asked('clock_set 0x7fffffffffffffff')).toBe('FAIL 1000');
    expect(asked('clock_step 1')).toBe('OK 1001');
  });

  it('reads all ones where nothing is, as PCI does', () => {
    const target = machine();
    expect(answer(target, 'readl 0xe0000000')).toBe('OK 0x00000000ffffffff');
    expect(answer(target, 'readq 0xfffffffffffffff8')).toBe('OK 0xffffffffffffffff');
    expect(answer(target, 'read 0x7fffffe 4')).toBe('OK 0x0000ffff');
    expect(answer(target, 'write 0x7fffffe 4 0x01020304')).toBe('OK');
    expect(answer(target, 'readw 0x7fffffe')).toBe('OK 0x0000000000000201');
  });
});
