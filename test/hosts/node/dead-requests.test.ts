import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import { BounceBuffers } from '../../../src/hosts/node/bounce-buffers.ts';
import { FileStorage, P9Socket } from '../../../src/hosts/node/index.ts';
import {
  BlockDevice,
  CountedStorage,
  DiskUnit,
  P9Device,
  type P9Receiver,
  ScsiDevice,
} from '../../../src/virtio/index.ts';
import { AT_ONCE, DyingGuest, QUEUE_SIZE, type Slow, slowDevices, ways } from '../../virtio/support/dying.ts';

const ROUNDS = 200;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const shape = (name: string) => slowDevices[name]!(new HeldScheduler());

test.each(['block', 'block that flushes', 'scsi'])(
  'requests of %s that died over a file are no more than a queue has, and the next are served when they are over',
  async (name) => {
    const path = join(folder, 'disk.img');
    writeFileSync(path, new Uint8Array(64 * 512));
    const file = await FileStorage.open(path, { concurrency: 2 });
    const storage = new CountedStorage(file);
    const units = [{ target: 0, lun: 0, unit: new DiskUnit({ storage }) }];
    const slow: Slow = {
      ...shape(name),
      behaviour:
        name === 'scsi'
          ? new ScsiDevice({ units, queueSize: QUEUE_SIZE })
          : new BlockDevice({ storage, queueSize: QUEUE_SIZE }),
    };
    const dying = new DyingGuest(slow, ways['status 0']!);
    // The program gets no turn in between, and so nothing ends.
    for (let round = 0; round < ROUNDS; round++) {
      dying.begin();
      dying.kill();
    }
    const { read, flush } = storage.requests;
    expect(read + flush).toBe(QUEUE_SIZE);
    dying.begin();
    await vi.waitFor(() => expect(dying.ring.usedIndex).toBe(AT_ONCE));
    await file.close();
  },
);

test('sockets of a 9P server that are being closed are no more than a queue has requests', async () => {
  const path = join(folder, 'socket');
  // Whoever does not read never learns that the other side has gone, and is not closed then.
  const listener = createServer((peer) => peer.on('error', () => {}).resume());
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  const socket = new P9Socket({ path });
  let connections = 0;
  const server = {
    connect: (receiver: P9Receiver) => {
      connections++;
      return socket.connect(receiver);
    },
  };
  const slow = { ...shape('9p'), behaviour: new P9Device({ server, queueSize: QUEUE_SIZE }) };
  const dying = new DyingGuest(slow, ways['status 0']!);
  for (let round = 0; round < ROUNDS; round++) {
    dying.begin();
    dying.kill();
  }
  const most = Math.ceil(QUEUE_SIZE / AT_ONCE);
  expect(connections).toBe(most);
  dying.begin();
  await vi.waitFor(() => expect(connections).toBe(most + 1));
  dying.kill();
  await new Promise<void>((resolve) => listener.close(() => resolve()));
});

test('who waits for a buffer and does not want it any more gets none, and keeps nobody waiting', async () => {
  const buffers = new BounceBuffers(1, 512);
  const lent = (await buffers.take())!;
  let wanted = true;
  const got: string[] = [];
  const ask = (name: string, wants: () => boolean) =>
    void buffers.take(wants).then((buffer) => got.push(`${name} ${buffer === null ? 'none' : 'one'}`));
  for (const name of ['a', 'b']) ask(name, () => wanted);
  ask('c', () => true);
  expect(buffers.waiting).toBe(3);
  wanted = false;
  // Forgotten as soon as anybody else waits.
  ask('d', () => true);
  expect(buffers.waiting).toBe(2);
  buffers.giveBack(lent);
  await vi.waitFor(() => expect(got).toEqual(['a none', 'b none', 'c one']));
});
