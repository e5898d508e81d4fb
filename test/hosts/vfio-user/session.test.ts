import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { viewOf } from '../../../src/hosts/vfio-user/fields.ts';
import {
  deviceInfoPayload,
  errno,
  irqIndex,
  irqInfoPayload,
  irqSetFlags,
  messageFlags,
  regionAccessPayload,
  regionIndex,
  regionInfoPayload,
  vfioCommand,
  writeMultiPayload,
} from '../../../src/hosts/vfio-user/layout.ts';
import { EntropyDevice, legacyHeader, SeededEntropy } from '../../../src/virtio/index.ts';
import { Client, getFields, library, Served, structure, until } from './support.ts';

const [F_GETFL, F_SETFL, O_NONBLOCK] = [3, 4, 0o4000];
const PAGE = 4096;
const { trigger, eventfd, none, unmask, mask } = irqSetFlags;
/** Where the driver of these tests has its one queue: descriptors, available ring; the used ring a page further. */
const RING = { address: 0x10000, used: 0x11000, buffer: 0x20000, size: 8 } as const;

/** Brings a legacy entropy device up in a client's memory, as LEG-VQ has it. */
async function bringUp(client: Client): Promise<void> {
  const write = (name: keyof typeof legacyHeader, value: number) =>
    client.write(0, legacyHeader[name].offset, value, legacyHeader[name].width as 1 | 2 | 4);
  await client.write(regionIndex.config, 4, 5, 2);
  await write('deviceStatus', 0);
  await write('deviceStatus', 3);
  await write('driverFeatures', 0);
  await write('queueSelect', 0);
  expect(await client.readNumber(0, legacyHeader.queueSize.offset, 2)).toBe(RING.size);
  await write('queueAddress', RING.address / PAGE);
  await write('deviceStatus', 7);
}

/** Makes one buffer of 64 bytes available, the `nth`, and kicks. */
async function ask(client: Client, nth: number): Promise<void> {
  const view = viewOf(client.bytes);
  view.setUint32(RING.address, RING.buffer, true);
  view.setUint32(RING.address + 8, 64, true);
  view.setUint16(RING.address + 12, 2, true);
  const available = RING.address + 16 * RING.size;
  view.setUint16(available + 4 + 2 * (nth % RING.size), 0, true);
  view.setUint16(available + 2, nth + 1, true);
  await client.write(0, legacyHeader.queueNotify.offset, 0, 2);
}

const used = (client: Client) => viewOf(client.bytes).getUint16(RING.used + 2, true);
const randomBytes = (client: Client) => client.bytes.slice(RING.buffer, RING.buffer + 64);

describe('a vfio-user server', () => {
  let served: Served;
  let client: Client;
  beforeEach(async () => {
    served = await Served.of(new EntropyDevice({ source: new SeededEntropy(7) }));
    client = await served.connect();
  });
  afterEach(async () => {
    client.close();
    await served.close();
  });

  it('says what it has: a PCI device with reset, nine regions, five kinds of interrupts', async () => {
    const { payload } = await client.command('deviceGetInfo', structure(deviceInfoPayload, { argsz: 16 }));
    expect(getFields(deviceInfoPayload, viewOf(payload))).toEqual({
      argsz: 16,
      flags: 3,
      regions: 9,
      irqs: 5,
    });
    const sizes = [];
    for (let index = 0; index < 9; index++) {
      const request = structure(regionInfoPayload, { argsz: 32, index });
      const answer = await client.command('deviceGetRegionInfo', request);
      const { size, flags } = getFields(regionInfoPayload, viewOf(answer.payload));
      sizes.push([size, flags]);
    }
    // The legacy block of an entropy device has no configuration: 24 bytes, in a BAR of 32.
    expect(sizes).toEqual([
      [32, 3],
      [4096, 3],
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
      [256, 3],
      [0, 0],
    ]);
    const request = structure(regionInfoPayload, { argsz: 32, index: 9 });
    expect((await client.command('deviceGetRegionInfo', request)).error).toBe(errno.EINVAL);
    const counts = [];
    for (let index = 0; index < 5; index++) {
      const answer = await client.command(
        'deviceGetIrqInfo',
        structure(irqInfoPayload, { argsz: 16, index }),
      );
      const { flags, count } = getFields(irqInfoPayload, viewOf(answer.payload));
      counts.push([count, flags]);
    }
    // INTx is maskable and masks itself; MSI there is none.
    expect(counts).toEqual([
      [1, 7],
      [0, 0],
      [2, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  it('reads and writes regions in pieces of any width, and refuses what is outside', async () => {
    expect(await client.readNumber(regionIndex.config, 0, 4)).toBe(0x10051af4);
    expect((await client.read(regionIndex.config, 0, 256)).payload.length).toBe(16 + 256);
    expect((await client.read(regionIndex.config, 1, 3)).payload.slice(16)).toEqual(
      Uint8Array.of(0x1a, 0x05, 0x10),
    );
    expect((await client.read(regionIndex.config, 253, 4)).error).toBe(errno.EINVAL);
    expect((await client.read(2, 0, 1)).error).toBe(errno.EINVAL);
    expect((await client.read(0, 0, 2 ** 21)).error).toBe(errno.EINVAL);
    expect((await client.write(0, 32, 0, 1)).error).toBe(errno.EINVAL);
    await client.write(0, legacyHeader.deviceStatus.offset, 1, 1);
    expect(await client.readNumber(0, legacyHeader.deviceStatus.offset, 1)).toBe(1);
    expect((await client.command('deviceReset')).error).toBe(0);
    expect(await client.readNumber(0, legacyHeader.deviceStatus.offset, 1)).toBe(0);
  });

  it('carries out several writes of one message in their order', async () => {
    const at = legacyHeader.deviceStatus.offset;
    const one = (value: number) =>
      structure(
        regionAccessPayload,
        { offset: at, region: 0, count: 1 },
        Uint8Array.of(value, 0, 0, 0, 0, 0, 0, 0),
      );
    const both = new Uint8Array([...one(1), ...one(3)]);
    const { payload } = await client.command(
      'regionWriteMulti',
      structure(writeMultiPayload, { count: 2 }, both),
    );
    expect(getFields(writeMultiPayload, viewOf(payload)).count).toBe(2);
    expect(await client.readNumber(0, at, 1)).toBe(3);
    const short = structure(writeMultiPayload, { count: 3 }, both);
    expect((await client.command('regionWriteMulti', short)).error).toBe(errno.EINVAL);
    const outside = structure(regionAccessPayload, { offset: 32, region: 0, count: 1 }, new Uint8Array(8));
    const mixed = structure(writeMultiPayload, { count: 2 }, new Uint8Array([...one(0), ...outside]));
    expect((await client.command('regionWriteMulti', mixed)).error).toBe(errno.EINVAL);
    // None of them is carried out.
    expect(await client.readNumber(0, at, 1)).toBe(3);
  });

  it('answers nothing to a command that wants no answer', async () => {
    const payload = structure(
      regionAccessPayload,
      { offset: legacyHeader.deviceStatus.offset, region: 0, count: 1 },
      Uint8Array.of(1),
    );
    client.send(vfioCommand.regionWrite, payload, messageFlags.noReply);
    // The next answer is that of the next command.
    expect(await client.readNumber(0, legacyHeader.deviceStatus.offset, 1)).toBe(1);
  });

  it('serves a queue in memory that is shared', async () => {
    expect((await client.map()).error).toBe(0);
    await bringUp(client);
    await ask(client, 0);
    await until('the buffer is used', () => used(client) === 1);
    expect(randomBytes(client).some((byte) => byte !== 0)).toBe(true);
    expect(await client.readNumber(0, legacyHeader.isrStatus.offset, 1)).toBe(1);
  });

  it('signals its line once, until the client unmasks it, and again while it is up', async () => {
    await client.map();
    const event = client.event();
    await client.setIrqs(irqIndex.intx, eventfd | trigger, 1, [event.fd]);
    await bringUp(client);
    await ask(client, 0);
    await until('it is signalled', () => event.take());
    await ask(client, 1);
    await until('the second is used', () => used(client) === 2);
    expect(event.take()).toBe(false);
    // Nobody has read ISR: the line is still up.
    await client.setIrqs(irqIndex.intx, none | unmask, 1);
    expect(event.take()).toBe(true);
    expect(await client.readNumber(0, legacyHeader.isrStatus.offset, 1)).toBe(1);
    await client.setIrqs(irqIndex.intx, none | unmask, 1);
    expect(event.take()).toBe(false);
    await client.setIrqs(irqIndex.intx, none | mask, 1);
    await ask(client, 2);
    await until('the third is used', () => used(client) === 3);
    expect(event.take()).toBe(false);
    await client.setIrqs(irqIndex.intx, none | unmask, 1);
    expect(event.take()).toBe(true);
    // Disconnected, nothing is signalled; a test of the client's own is.
    await client.setIrqs(irqIndex.intx, none | trigger, 1);
    expect(event.take()).toBe(true);
    await client.setIrqs(irqIndex.intx, none | trigger, 0);
    await client.setIrqs(irqIndex.intx, none | trigger, 1);
    expect(event.take()).toBe(false);
    event.close();
  });

  it('masks and unmasks its line by events of the client', async () => {
    await client.map();
    const [line, masking, unmasking, other] = [
      client.event(),
      client.event(),
      client.event(),
      client.event(),
    ];
    await client.setIrqs(irqIndex.intx, eventfd | trigger, 1, [line.fd]);
    const by = (action: number, ...fds: number[]) => client.setIrqs(irqIndex.intx, eventfd | action, 1, fds);
    expect((await by(unmask, unmasking.fd)).error).toBe(0);
    expect((await by(mask, masking.fd)).error).toBe(0);
    await bringUp(client);
    await ask(client, 0);
    await until('it is signalled', () => line.take());
    // Nobody has read ISR, so it is up still.
    unmasking.signal();
    await until('it is signalled again', () => line.take());
    expect(unmasking.take()).toBe(false);
    expect(await client.readNumber(0, legacyHeader.isrStatus.offset, 1)).toBe(1);
    masking.signal();
    // What was signalled before a command is heard before the next but one.
    for (let i = 0; i < 2; i++)
      await client.command('deviceGetInfo', structure(deviceInfoPayload, { argsz: 16 }));
    expect(masking.take()).toBe(false);
    await ask(client, 1);
    await until('the second is used', () => used(client) === 2);
    expect(line.take()).toBe(false);
    unmasking.signal();
    await until('it is signalled once more', () => line.take());
    // Another in its place, or none: the one before is not heard any more.
    await by(unmask, other.fd);
    await by(mask);
    unmasking.signal();
    expect(await client.readNumber(regionIndex.config, 0, 2)).toBe(0x1af4);
    expect(unmasking.take()).toBe(true);
    const file = openSync('/dev/zero', 'r');
    expect((await by(unmask, file)).error).toBe(errno.EINVAL);
    closeSync(file);
    for (const event of [line, masking, unmasking, other]) event.close();
  });

  it('waits for no event of a client whose count is full', async () => {
    // One that lets its writers wait.
    const fd = library.eventfd(0, 0);
    await client.setIrqs(irqIndex.intx, eventfd | trigger, 1, [fd]);
    await client.setIrqs(irqIndex.intx, none | trigger, 1);
    expect(library.fcntl(fd, F_GETFL, 0) & O_NONBLOCK).not.toBe(0);
    writeSync(fd, new BigUint64Array([2n ** 64n - 3n]));
    expect(library.fcntl(fd, F_SETFL, 0)).toBe(0);
    for (let i = 0; i < 3; i++) await client.setIrqs(irqIndex.intx, none | trigger, 1);
    expect(await client.readNumber(regionIndex.config, 0, 2)).toBe(0x1af4);
    closeSync(fd);
  });

  it('refuses what cannot be asked of interrupts', async () => {
    const event = client.event();
    for (const [index, flags, count, fds, start] of [
      [irqIndex.intx, eventfd | trigger, 2, [event.fd, event.fd], 0],
      [irqIndex.msix, eventfd | trigger, 2, [event.fd], 0],
      [irqIndex.msix, eventfd | trigger, 1, [event.fd], 2],
      [irqIndex.msix, none | mask, 1, [], 0],
      [irqIndex.msix, none | eventfd | trigger, 1, [event.fd], 0],
      [irqIndex.msix, none, 1, [], 0],
      [irqIndex.msi, none | trigger, 1, [], 0],
      [7, none | trigger, 1, [], 0],
    ] as const)
      expect((await client.setIrqs(index, flags, count, fds, start)).error).toBe(errno.EINVAL);
    event.close();
  });

  it('keeps maps apart, and takes back what was mapped just so', async () => {
    expect((await client.map(0, 0x10000)).error).toBe(0);
    expect((await client.map(0xf000, 0x2000)).error).toBe(errno.EEXIST);
    expect((await client.map(0x10000, 0x1000)).error).toBe(0);
    const beyond = client.mapRequest(0x100000, 0x1000, client.bytes.length);
    expect((await client.command('dmaMap', beyond, [client.memory.fd])).error).toBe(errno.EINVAL);
    expect((await client.command('dmaMap', client.mapRequest(0x100000, 0))).error).toBe(errno.EINVAL);
    const unmapped = (address: number, size: number) =>
      client.command(
        'dmaUnmap',
        client
          .mapRequest(0, 0)
          .map((_, i) => {
            const bytes = new Uint8Array(24);
            viewOf(bytes).setBigUint64(8, BigInt(address), true);
            viewOf(bytes).setBigUint64(16, BigInt(size), true);
            return bytes[i] ?? 0;
          })
          .slice(0, 24),
      );
    expect((await unmapped(0, 0x8000)).error).toBe(errno.ENOENT);
    expect((await unmapped(0, 0x10000)).error).toBe(0);
    expect((await client.map(0, 0x10000)).error).toBe(0);
    expect(served.device.memory.maps.map(({ address }) => address)).toEqual([0, 0x10000]);
  });

  it('takes a descriptor of no memory as an error, and keeps none', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const zero = openSync('/dev/zero', 'r+');
    expect((await client.command('dmaMap', client.mapRequest(0, 0x1000), [zero])).error).toBe(errno.EINVAL);
    closeSync(zero);
    const event = client.event();
    expect(
      (await client.command('deviceGetInfo', structure(deviceInfoPayload, { argsz: 16 }), [event.fd])).error,
    ).toBe(0);
    event.close();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('has nothing of a client once it left, and serves the next as the device was left', async () => {
    await client.map();
    await client.write(0, legacyHeader.deviceStatus.offset, 3, 1);
    const before = readdirSync('/proc/self/fd').length;
    client.close();
    await until('it is free', () => !served.service.attached);
    expect(served.device.ram.ranges).toEqual([]);
    expect(served.reasons).toEqual(['it left']);
    client = await served.connect();
    expect(await client.readNumber(0, legacyHeader.deviceStatus.offset, 1)).toBe(3);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });

  it('sends a client away when its device throws, and serves the next', async () => {
    const source = new SeededEntropy(7);
    const fill = source.fill.bind(source);
    source.fill = () => {
      throw new RangeError('no more noise');
    };
    const fragile = await Served.of(new EntropyDevice({ source }));
    const unlucky = await fragile.connect();
    await unlucky.map();
    await bringUp(unlucky);
    await ask(unlucky, 0).catch(() => {});
    await until('it is free', () => !fragile.service.attached);
    unlucky.close();
    expect(fragile.events.at(-1)).toMatchObject({
      reason: 'a fault of the device: no more noise',
      fault: expect.any(RangeError),
    });
    source.fill = fill;
    const lucky = await fragile.connect();
    await lucky.map();
    await bringUp(lucky);
    await ask(lucky, 0);
    await until('the buffer is used', () => used(lucky) === 1);
    lucky.close();
    await fragile.close();
  });

  it('has a second client wait until the first has left', async () => {
    const second = new Client(served.socket);
    const id = second.send(vfioCommand.version, null);
    expect(await client.readNumber(regionIndex.config, 0, 2)).toBe(0x1af4);
    expect(second.channel.next()).toBeNull();
    client.close();
    expect((await second.answer(id)).error).toBe(errno.EINVAL);
    second.close();
    client = await served.connect();
  });
});
