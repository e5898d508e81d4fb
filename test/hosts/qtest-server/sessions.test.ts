import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SocketInUseError } from '../../../src/hosts/node/index.ts';
import { QtestMachine, QtestServer } from '../../../src/hosts/qtest-server/index.ts';
import { LineClient } from './line-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-qtest-sessions-'));
const path = join(folder, 'qtest');
let server: QtestServer;
let machine: QtestMachine;
const clients: LineClient[] = [];

beforeEach(async () => {
  machine = QtestMachine.ofBytes(64 << 20);
  server = await QtestServer.listen(path, machine);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function connect(): Promise<LineClient> {
  const client = await LineClient.connect(path);
  clients.push(client);
  return client;
}

/** Whoever comes next finds the machine answering, with what was written before. */
async function stillServes(): Promise<void> {
  const client = await connect();
  expect(await client.ask('endianness')).toBe('OK little');
  client.close();
}

describe('a client', () => {
  it('may send a command in pieces, and several in one', async () => {
    const client = await connect();
    for (const piece of ['end', 'ianness\nwri', 'tel 0x100 0x12345678\nreadl 0', 'x100\n']) {
      client.socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect([await client.line(), await client.line(), await client.line()]).toEqual([
      'OK little',
      'OK',
      'OK 0x0000000012345678',
    ]);
  });

  it('that leaves in the middle of a command leaves nothing behind', async () => {
    const client = await connect();
    client.socket.end('writel 0x100 0x1\nwritel 0x100 0x2');
    expect(await client.line()).toBe('OK');
    expect(await client.line()).toBe(null);
    const next = await connect();
    expect(await next.ask('readl 0x100')).toBe('OK 0x0000000000000001');
  });

  it('that resets the connection costs only itself', async () => {
    const client = await connect();
    client.socket.write('read 0 65536\n'.repeat(1000));
    client.close();
    await stillServes();
  });

  it('gets an answer a line, whatever the line is', async () => {
    const client = await connect();
    const garbage = Array.from({ length: 3000 }, (_, i) =>
      String.fromCharCode(...Array.from({ length: i % 40 }, (__, j) => 1 + ((i * 7919 + j * 104729) % 255))),
    ).map((line) => line.replaceAll('\n', '\0'));
    client.socket.write(`${garbage.join('\n')}\n`, 'latin1');
    for (const line of garbage) expect(await client.line(), JSON.stringify(line)).toMatch(/^FAIL /);
    expect(await client.ask('endianness')).toBe('OK little');
  });

  it('is hung up on for a line that never ends', async () => {
    const client = await connect();
    const megabyte = 'a'.repeat(1 << 20);
    const gone = new Promise<void>((resolve) => client.socket.once('close', () => resolve()));
    const taken = () => Promise.race([gone, new Promise((resolve) => client.socket.once('drain', resolve))]);
    let sent = 0;
    for (; sent < 64 && !client.socket.destroyed; sent++) if (!client.socket.write(megabyte)) await taken();
    await gone;
    expect(sent).toBeGreaterThan(31);
    expect(sent).toBeLessThan(64);
    await stillServes();
  });

  it('that takes no answers is not listened to meanwhile', async () => {
    const client = await connect();
    client.socket.pause();
    client.socket.write('read 0 524288\n'.repeat(64));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(server.commands).toBeLessThan(10);
    client.socket.resume();
    for (let i = 0; i < 64; i++) expect((await client.line())!.length).toBe(2 * 524288 + 5);
  });

  it('that comes while another is there has its turn after it', async () => {
    const [first, second] = [await connect(), await connect()];
    second.socket.write('readl 0x100\n');
    expect(await first.ask('writel 0x100 7')).toBe('OK');
    first.close();
    expect(await second.line()).toBe('OK 0x0000000000000007');
    expect(server.sessions).toBe(2);
  });

  it('is one of 17 at most', async () => {
    const all: LineClient[] = [];
    for (let i = 0; i < 20; i++) all.push(await connect());
    await Promise.all(all.slice(17).map((client) => client.line().then((line) => expect(line).toBe(null))));
    for (const client of all.slice(0, 17)) {
      expect(await client.ask('endianness')).toBe('OK little');
      client.close();
    }
  });

  it('hears of lines that are high when it asks to, and of none before', async () => {
    const hold = (level: number) => `set_irq_in ioapic unnamed-gpio-in 7 ${level}`;
    const first = await connect();
    expect(await first.ask(hold(1))).toBe('OK');
    expect(first.interrupts).toEqual([]);
    expect(await first.ask('irq_intercept_in ioapic')).toBe('OK');
    expect(await first.ask(hold(0))).toBe('OK');
    expect(await first.ask(hold(1))).toBe('OK');
    expect(first.interrupts).toEqual(['IRQ raise 7']);
    first.close();
  });
});

describe('a server', () => {
  it('is the only one at its path', async () => {
    await expect(QtestServer.listen(path, machine)).rejects.toThrow(SocketInUseError);
    await stillServes();
  });

  it('that closes does not wait for a client that takes no answers', async () => {
    const client = await connect();
    client.socket.pause();
    client.socket.write('read 0 524288\n'.repeat(64));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await server.close();
  });

  it('that closes hangs up', async () => {
    const client = await connect();
    const waiting = await connect();
    expect(await client.ask('endianness')).toBe('OK little');
    await server.close();
    expect([await client.line(), await waiting.line()]).toEqual([null, null]);
  });
});
