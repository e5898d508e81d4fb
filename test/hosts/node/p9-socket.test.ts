import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HeldScheduler, Task } from '../../../src/core/index.ts';
import { P9Client, P9Driver } from '../../../src/driver/index.ts';
import { P9Socket } from '../../../src/hosts/node/index.ts';
import { P9Device, type P9ServerError } from '../../../src/virtio/index.ts';
import { Diod, diodNote, hasDiod } from '../../guest/diod.ts';
import { buildRig, ways } from '../../properties/support/rigs.ts';

let folder: string;
let server: Server;
let sockets: Socket[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-socket-'));
  sockets = [];
  server = createServer((socket) => void sockets.push(socket.on('error', () => {})));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

/** A connection, and what it brings: bytes, and its end. */
function connect(address: ConstructorParameters<typeof P9Socket>[0]) {
  const seen: string[] = [];
  let wake = () => {};
  const connection = new P9Socket(address).connect({
    data: (bytes) => {
      seen.push(Buffer.from(bytes).toString());
      wake();
    },
    closed: (error) => {
      seen.push(`closed ${(error as NodeJS.ErrnoException | null)?.code ?? null}`);
      wake();
    },
  });
  const until = async (count: number) => {
    while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { connection, seen, until };
}

describe('a 9P server behind a socket', () => {
  it.each(['UNIX', 'TCP'] as const)(
    'carries bytes both ways over %s, and says when it ends',
    async (kind) => {
      const path = join(folder, 'socket');
      await new Promise<void>((resolve) =>
        kind === 'UNIX' ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve),
      );
      const { port } = kind === 'UNIX' ? { port: 0 } : (server.address() as { port: number });
      server.on('connection', (socket) => {
        socket.once('data', (bytes) => {
          socket.write(`got ${bytes}`);
          socket.once('data', () => socket.end());
        });
      });
      const { connection, seen, until } = connect(kind === 'UNIX' ? { path } : { host: '127.0.0.1', port });
      // Sent before the connection stands, from a buffer that is used again.
      const buffer = new TextEncoder().encode('one');
      connection.send(buffer);
      buffer.fill(0);
      await until(1);
      connection.send(new TextEncoder().encode('two'));
      await until(2);
      expect(seen).toEqual(['got one', 'closed null']);
    },
  );

  it('says that nobody is there', async () => {
    const { seen, until } = connect({ path: join(folder, 'nothing') });
    await until(1);
    expect(seen).toEqual(['closed ENOENT']);
  });

  it('is silent after it was closed', async () => {
    const path = join(folder, 'socket');
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const left = new Promise((resolve) => server.on('connection', (socket) => socket.on('close', resolve)));
    const { connection, seen } = connect({ path });
    connection.close();
    connection.send(Uint8Array.of(1));
    const other = connect({ path });
    other.connection.send(Uint8Array.of(1));
    other.connection.close();
    await Promise.race([left, new Promise((resolve) => setTimeout(resolve, 100))]);
    expect([seen, other.seen]).toEqual([[], []]);
  });
});

describe(`diod${diodNote}`, () => {
  it.skipIf(!hasDiod)('is read by the driver of this project, killed, and mounted again', async () => {
    const diod = await Diod.prepare();
    const lost: P9ServerError[] = [];
    const server = new P9Socket({ path: diod.socket });
    const device = new P9Device({ server, onServerLost: (error) => lost.push(error) });
    const immediately = { submit: (task: Task) => task.run(), pending: [] } as unknown as HeldScheduler;
    const options = { bigEndian: true, intx: false, lateInterrupts: false, lateWrites: false };
    const rig = buildRig(device, { way: ways[0]!, ...options }, immediately);
    const driver = new P9Driver(rig.transport(), rig.memory);
    const client = new P9Client(driver);
    try {
      const large = Uint8Array.from({ length: 30_000 }, (_, i) => i * 7);
      mkdirSync(join(diod.exported, 'sub'), { recursive: true });
      writeFileSync(join(diod.exported, 'sub/large'), large);
      writeFileSync(join(diod.exported, 'grüße'), '');
      symlinkSync('sub', join(diod.exported, 'link'));
      await diod.start();
      await client.mount(diod.exported);
      expect((await client.list([])).map(({ name }) => name).sort()).toEqual(['grüße', 'link', 'sub']);
      expect(await client.read(['sub', 'large'])).toEqual(large);
      expect((await client.stat(['sub', 'large'])).size).toBe(30_000n);
      await expect(client.read(['nothing'])).rejects.toMatchObject({ status: 2 });
      await diod.kill();
      await expect(client.read(['sub', 'large'])).rejects.toMatchObject({ status: 5 });
      await diod.start();
      await client.mount(diod.exported);
      expect(await client.read(['grüße'])).toEqual(new Uint8Array());
      expect(lost).toHaveLength(1);
    } finally {
      driver.close();
      await diod.destroy();
    }
  });
});
