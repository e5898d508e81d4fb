import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MessageSocket } from '../../../src/hosts/posix/socket.ts';
import { HEADER_BYTES, regionIndex, vfioCommand } from '../../../src/hosts/vfio-user/layout.ts';
import { proposal } from '../../../src/hosts/vfio-user/negotiation.ts';
import { EntropyDevice, legacyHeader } from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { Client, library, Served, turn, until } from './support.ts';

/** What a hostile client sends: a message whose header says what it likes, or no message at all, and descriptors. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly fds: number;
}

const commands = [...Object.values(vfioCommand), 0, 14, 19, 0xffff];
/** Numbers that stand at the limits of what fields may say. */
const limits = [0, 1, 2, 4, 7, 8, 15, 16, 32, 255, 256, 4095, 4096, 0x10000, 0x7fffffff, 0xffffffff];

const payload = fc.oneof(
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 96 }) },
  {
    weight: 3,
    arbitrary: fc
      .array(fc.constantFrom(...limits), { maxLength: 16 })
      .map((words) => new Uint8Array(Uint32Array.from(words).buffer)),
  },
);

const message: fc.Arbitrary<Sent> = fc
  .record({
    command: fc.constantFrom(...commands),
    flags: fc.constantFrom(0, 0, 0, 1, 2, 0x10, 0x20, 0xffffffff),
    /** By how much the header's size is wrong. */
    off: fc.constantFrom(0, 0, 0, 0, 0, 1, -1, 4096, 0x7fff0000, -1000),
    payload,
    fds: fc.constantFrom(0, 0, 0, 1, 2, 17),
  })
  .map(({ command, flags, off, payload: data, fds }) => {
    const bytes = new Uint8Array(HEADER_BYTES + data.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 7, true);
    view.setUint16(2, command, true);
    view.setUint32(4, (bytes.length + off) >>> 0, true);
    view.setUint32(8, flags, true);
    bytes.set(data, HEADER_BYTES);
    return { bytes, fds };
  });

const anything: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 9, arbitrary: message },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => ({ bytes, fds: 0 })) },
);

const openFds = () => readdirSync('/proc/self/fd').length;

describe('a server before a hostile client', () => {
  let served: Served;
  beforeAll(async () => {
    served = await Served.of(new EntropyDevice());
  });
  afterAll(() => served.close());

  /** A client that means well finds the device as ever. */
  async function servesTheNext(): Promise<void> {
    const client = await served.connect();
    await client.command('deviceReset');
    await client.map();
    expect(await client.readNumber(regionIndex.config, 0, 4)).toBe(0x10051af4);
    await client.write(0, legacyHeader.deviceStatus.offset, 3, 1);
    expect(await client.readNumber(0, legacyHeader.deviceStatus.offset, 1)).toBe(3);
    client.close();
    await until('it is free', () => !served.service.attached);
  }

  it(
    'goes on, keeps nothing, and serves the next, whatever was sent in whatever pieces',
    async () => {
      await servesTheNext();
      const before = openFds();
      await fc.assert(
        fc.asyncProperty(
          fc.boolean(),
          fc.array(anything, { minLength: 1, maxLength: 12 }),
          fc.integer({ min: 1, max: 40 }),
          async (agreed, sent, piece) => {
            const socket = MessageSocket.connect(library, served.socket);
            const zero = openSync('/dev/zero', 'r');
            const put = async (bytes: Uint8Array, fds: readonly number[]) => {
              for (let at = 0; at < bytes.length; at += piece) {
                try {
                  if (socket.send(bytes.subarray(at, at + piece), at === 0 ? fds : []) < 0) return;
                } catch {
                  return; // It was sent away.
                }
                if (piece < 8) await turn();
              }
            };
            if (agreed) {
              const version = proposal();
              const head = new Uint8Array(HEADER_BYTES);
              new DataView(head.buffer).setUint16(2, vfioCommand.version, true);
              new DataView(head.buffer).setUint32(4, HEADER_BYTES + version.length, true);
              await put(new Uint8Array([...head, ...version]), []);
            }
            for (const { bytes, fds } of sent)
              await put(
                bytes,
                Array.from({ length: fds }, () => zero),
              );
            await turn();
            closeSync(zero);
            socket.close();
            await until('it is free', () => !served.service.attached);
            await servesTheNext();
            expect(served.device.ram.ranges).toEqual([]);
            expect(openFds()).toBe(before);
          },
        ),
        { numRuns: runs(150) },
      );
    },
    PATIENCE,
  );

  it.each([
    ['a message shorter than its header', 4, 'a message of 4 bytes'],
    ['one of a gigabyte', 2 ** 30, 'a message of 1073741824 bytes'],
  ])('sends a client away for %s', async (_what, size, reason) => {
    const client = await served.connect();
    const bytes = new Uint8Array(HEADER_BYTES);
    new DataView(bytes.buffer).setUint32(4, size, true);
    client.channel.socket.send(bytes);
    await client.ended();
    expect(served.reasons.at(-1)).toContain(reason);
    client.close();
  });

  it('sends a client away that gives a command before the version is agreed on, or answers what was not asked', async () => {
    const early = new Client(served.socket);
    early.send(vfioCommand.deviceReset, null);
    await early.ended();
    expect(served.reasons.at(-1)).toContain('before the version');
    early.close();
    const answering = await served.connect();
    answering.send(vfioCommand.dmaRead, null, 1);
    await answering.ended();
    expect(served.reasons.at(-1)).toContain('which was not given');
    answering.close();
  });

  it('sends a client away whose memory becomes shorter, instead of looking at what is gone', async () => {
    const client = await served.connect();
    // A file that anybody may cut, unlike the memory of these tests, which is sealed.
    const name = `/dev/shm/virtiolab-test-${process.pid}`;
    const fd = openSync(name, 'w+');
    rmSync(name);
    ftruncateSync(fd, 0x10000);
    expect(fstatSync(fd).size).toBe(0x10000);
    expect((await client.command('dmaMap', client.mapRequest(0, 0x10000), [fd])).error).toBe(0);
    expect(await client.readNumber(regionIndex.config, 0, 2)).toBe(0x1af4);
    ftruncateSync(fd, 0x1000);
    client.send(vfioCommand.regionRead, new Uint8Array(16));
    await client.ended();
    expect(served.reasons.at(-1)).toBe('a file of its memory has become shorter');
    closeSync(fd);
    client.close();
    await servesTheNext();
  });

  it('sends a client away that does not take its answers', async () => {
    const client = await served.connect();
    const request = new Uint8Array(16);
    new DataView(request.buffer).setUint32(8, regionIndex.config, true);
    new DataView(request.buffer).setUint32(12, 256, true);
    try {
      for (let i = 0; i < 200_000 && served.service.attached; i++) {
        client.send(vfioCommand.regionRead, request);
        if (i % 64 === 0) await turn();
      }
    } catch {
      // The connection is broken.
    }
    await until('it was sent away', () => !served.service.attached);
    expect(served.reasons.at(-1)).toMatch(/not taken|EPIPE|ECONNRESET/);
    client.close();
  });
});
