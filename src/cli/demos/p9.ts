import { createHash } from 'node:crypto';
import { P9Client, P9Driver, RequestFailedError } from '../../driver/index.ts';
import {
  P9Device,
  P9MemoryServer,
  type P9Receiver,
  type P9Server,
  p9DeviceType,
  p9Error,
} from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

const MOUNT_TAG = 'virtiolab';
const LARGE_BYTES = 1 << 20;
/** Names of files that are read at the same time. */
const MANY = Array.from({ length: 12 }, (_, i) => `file ${i}`);

const text = (value: string) => new TextEncoder().encode(value);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A server that can be taken away in the middle. */
class MortalServer implements P9Server {
  readonly #server: P9Server;
  #receiver: P9Receiver | null = null;

  constructor(server: P9Server) {
    this.#server = server;
  }

  connect(receiver: P9Receiver) {
    this.#receiver = receiver;
    return this.#server.connect(receiver);
  }

  die(): void {
    this.#receiver?.closed(null);
  }
}

/** The error number with which something is refused; 0 when it is not. */
async function refusal(attempt: Promise<unknown>): Promise<number> {
  try {
    await attempt;
    return 0;
  } catch (error) {
    if (error instanceof RequestFailedError) return error.status;
    throw error;
  }
}

async function visit(): Promise<DeviceVisit> {
  const large = Uint8Array.from({ length: LARGE_BYTES }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const many = Object.fromEntries(MANY.map((name) => [name, text(name.repeat(200))]));
  const server = new MortalServer(
    new P9MemoryServer({ 'hello.txt': text('Hello from the host.\n'), folder: { many, 'large.bin': large } }),
  );
  const lost: string[] = [];
  const device = new P9Device({
    server,
    mountTag: MOUNT_TAG,
    onServerLost: ({ message }) => lost.push(message),
  });
  return {
    behaviour: device,
    subject: `mount tag ${MOUNT_TAG}, a server in memory`,
    async drive(transport, memory, marks): Promise<DemoFact[]> {
      const driver = new P9Driver(transport, memory, { messageBytes: 65536 });
      marks.markBroughtUp();
      const client = new P9Client(driver);
      await client.mount();
      marks.markFirst();
      const root = (await client.list([])).map(({ name }) => name);
      const read = await client.read(['folder', 'large.bin']);
      const together = await Promise.all(MANY.map((name) => client.read(['folder', 'many', name])));
      const missing = await refusal(client.read(['folder', 'nothing']));
      const { size } = await client.stat(['folder', 'large.bin']);
      server.die();
      const dead = await refusal(client.read(['hello.txt']));
      await client.mount();
      const hello = new TextDecoder().decode(await client.read(['hello.txt']));
      driver.close();
      const equal = sha256(read) === sha256(large);
      return [
        { what: 'Mount tag', result: driver.mountTag, good: driver.mountTag === MOUNT_TAG },
        { what: 'Session', result: `9P2000.L, messages of ${client.msize} bytes`, good: client.msize > 0 },
        { what: 'Root', result: root.join(', '), good: root.join() === 'hello.txt,folder' },
        {
          what: 'Read',
          result: `${bytesText(read.length)}, ${equal ? 'as they are at the server' : 'other than at the server'}`,
          details: [`SHA-256 ${sha256(read)}`],
          good: equal && size === BigInt(LARGE_BYTES),
          data: { bytes: read.length, sha256: sha256(read), equal },
        },
        {
          what: 'At once',
          result: `${together.length} files, several messages in flight`,
          good: together.every((bytes, i) => sha256(bytes) === sha256(text(MANY[i]!.repeat(200)))),
        },
        { what: 'Missing', result: `error ${missing} (ENOENT)`, good: missing === p9Error.noEntry },
        {
          what: 'Server dies',
          result: `error ${dead} (EIO), and no driver that waits for ever`,
          details: lost,
          good: dead === p9Error.io && lost.length === 1,
        },
        { what: 'Mounted again', result: JSON.stringify(hello), good: hello === 'Hello from the host.\n' },
        {
          what: 'Reset',
          result: device.connected ? 'the session lives on' : 'ends the session',
          good: !device.connected,
        },
      ];
    },
    close: async () => {},
  };
}

export const p9Demo: DeviceDemo = {
  type: p9DeviceType,
  summary: 'mounts a tree in memory, reads it, and survives the death of its server',
  first: 'The version message',
  sample: () => new P9Device({ server: new P9MemoryServer({}) }),
  visit,
};
