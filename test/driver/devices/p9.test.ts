import { describe, expect, it, test } from 'vitest';
import type { HeldScheduler } from '../../../src/core/index.ts';
import {
  DeviceFailedError,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  P9Client,
  P9Driver,
  RequestFailedError,
  ResourceError,
  runFirmware,
} from '../../../src/driver/index.ts';
import { P9Device, P9MemoryServer, type P9Server, virtioFunction } from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { HeldServer } from '../../properties/support/held-server.ts';
import { Probe } from '../../virtio/support/probe.ts';

const text = (value: string) => new TextEncoder().encode(value);
const TREE = { hello: text('hello'), long: new Uint8Array(5000).map((_, i) => i) };

function open(kind: 'legacy' | 'modern', server: P9Server | Probe, options = {}, scheduler?: HeldScheduler) {
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const behaviour = server instanceof Probe ? server : new P9Device({ server, mountTag: 'tåg' });
  const fn = virtioFunction(behaviour, { kind: 'transitional' });
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    kind === 'modern'
      ? new ModernTransport(machine, found)
      : new LegacyTransport(machine, found, legacyAccess(machine, found));
  return { fn, driver: new P9Driver(transport, new DmaMemory(machine.ram, 0x10000), options) };
}

describe('the 9P driver', () => {
  test.each(['legacy', 'modern'] as const)('%s: reads a tree through its client', async (kind) => {
    const { driver } = open(kind, new P9MemoryServer(TREE), { messageBytes: 1024 });
    const client = new P9Client(driver);
    await client.mount();
    expect([driver.mountTag, client.msize]).toEqual(['tåg', 1024]);
    expect((await client.list([])).map(({ name }) => name)).toEqual(['hello', 'long']);
    expect(await client.read(['long'])).toEqual(TREE.long);
    await expect(client.read(['nothing'])).rejects.toThrow(RequestFailedError);
  });

  it('has as many messages in flight as its depth, and hands out replies in any order', async () => {
    const server = new HeldServer((bytes) => bytes.map((byte, i) => (i === 4 ? byte + 1 : byte)));
    const { driver } = open('modern', server, { depth: 2 });
    const version = Uint8Array.of(13, 0, 0, 0, 100, 255, 255, 0, 1, 0, 0, 0, 0);
    const mounted = driver.rpc(version);
    server.release(0, 0);
    expect((await mounted)[4]).toBe(101);
    const order: number[] = [];
    const sent = [1, 2, 3].map((tag) =>
      driver.rpc(Uint8Array.of(7, 0, 0, 0, 116, tag, 0)).then((reply) => order.push(reply[5]!)),
    );
    expect(server.pending).toHaveLength(2);
    server.release(1, 0);
    await sent[1];
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.pending).toHaveLength(2);
    server.release(1, 0);
    server.release(0, 0);
    await Promise.all(sent);
    expect(order).toEqual([2, 3, 1]);
  });

  it("says what is asked for: the client's messages, field by field", async () => {
    const { driver } = open('modern', new P9MemoryServer(TREE), { messageBytes: 1024 });
    const sent: string[] = [];
    const client = new P9Client({
      messageBytes: driver.messageBytes,
      rpc: (message) => {
        sent.push(Buffer.from(message.subarray(4)).toString('hex'));
        return driver.rpc(message);
      },
    });
    await client.mount('tree', 1000);
    await client.read(['hello']);
    expect(await client.stat(['long'])).toMatchObject({ size: 5000n, mode: 0o100444, valid: 0x7ffn });
    const [fid, next] = ['01000000', '02000000'];
    expect(sent).toEqual([
      // Tversion: no tag, msize, version.
      `64ffff000400000800${Buffer.from('9P2000.L').toString('hex')}`,
      // Tattach: fid, no afid, uname, aname, n_uname.
      `68000000000000ffffffff0400${Buffer.from('root').toString('hex')}0400${Buffer.from('tree').toString('hex')}e8030000`,
      // Twalk from the root, Tlopen to read, Tread until there is nothing, Tclunk.
      `6e010000000000${fid}01000500${Buffer.from('hello').toString('hex')}`,
      `0c0200${fid}00000000`,
      `740300${fid}0000000000000000e8030000`,
      `740400${fid}0500000000000000e8030000`,
      `780500${fid}`,
      // Twalk, Tgetattr with all basic fields, Tclunk.
      `6e060000000000${next}01000400${Buffer.from('long').toString('hex')}`,
      `180700${next}ff07000000000000`,
      `780800${next}`,
    ]);
  });

  it('refuses messages that it has no room for', async () => {
    const { driver } = open('legacy', new P9MemoryServer(TREE), { messageBytes: 100 });
    await expect(driver.rpc(new Uint8Array(101))).rejects.toThrow(ResourceError);
    await expect(driver.rpc(new Uint8Array(7), 101)).rejects.toThrow(ResourceError);
  });

  it('gives up a device that answers with less than a message, and takes nothing for a flush', async () => {
    const probe = (complete: number) => new Probe({ type: 'p9', complete });
    await expect(open('legacy', probe(6)).driver.rpc(new Uint8Array(7))).rejects.toThrow(DeviceFailedError);
    expect(await open('legacy', probe(0)).driver.rpc(new Uint8Array(7))).toEqual(new Uint8Array());
  });

  test.each(['close', 'break'] as const)('fails what is in flight at %s', async (end) => {
    const { driver, fn } = open('modern', new HeldServer((bytes) => bytes));
    const flying = driver.rpc(Uint8Array.of(13, 0, 0, 0, 100, 255, 255, 0, 1, 0, 0, 0, 0));
    if (end === 'close') driver.close();
    else fn.device.fail('SPL-DESC-05', 'broken');
    await expect(flying).rejects.toThrow(DeviceFailedError);
    await expect(driver.rpc(new Uint8Array(7))).rejects.toThrow(DeviceFailedError);
  });

  test.each([
    ['another version', [19, 0, 0, 0, 101, 255, 255, 0, 1, 0, 0, 6, 0, ...text('9P2000')]],
    ['another message', [7, 0, 0, 0, 121, 255, 255]],
  ])('does not mount where %s comes back', async (_, reply) => {
    const client = new P9Client({ messageBytes: 1024, rpc: async () => Uint8Array.from(reply) });
    await expect(client.mount()).rejects.toThrow(DeviceFailedError);
  });
});
