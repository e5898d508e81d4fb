import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../../src/hosts/present/present.ts';
import { viewOf } from '../../../src/hosts/vfio-user/fields.ts';
import {
  deviceFeature,
  errno,
  featureFlags,
  featurePayload,
  loggingReportPayload,
  loggingStartPayload,
  type MigStateName,
  migDataPayload,
  migrationPayload,
  migState,
  migStatePayload,
  regionIndex,
} from '../../../src/hosts/vfio-user/layout.ts';
import { migrationPath } from '../../../src/hosts/vfio-user/migration.ts';
import {
  BlockDevice,
  EntropyDevice,
  legacyHeader,
  MemoryStorage,
  type Transfer,
} from '../../../src/virtio/index.ts';
import { type Client, getFields, Served, structure, turn, until } from './support.ts';

/** Reads end when the test lets them. */
class SlowStorage extends MemoryStorage {
  readonly held: (() => void)[] = [];

  override read(transfer: Transfer): void {
    this.held.push(() => transfer.whenReady(() => super.read(transfer)));
  }
}

/** Where the legacy driver of these tests has its ring, the parts of its one request, and where a sector goes. */
const RING = {
  address: 0x10000,
  used: 0x11000,
  size: 16,
  header: 0x20000,
  sector: 0x21000,
  end: 0x22000,
} as const;

/** Brings a legacy block device up and asks for its first sector. */
async function askForSector(client: Client): Promise<void> {
  const write = (name: keyof typeof legacyHeader, value: number) =>
    client.write(0, legacyHeader[name].offset, value, legacyHeader[name].width as 1 | 2 | 4);
  await client.write(regionIndex.config, 4, 7, 2);
  await write('deviceStatus', 3);
  await write('queueSelect', 0);
  const size = await client.readNumber(0, legacyHeader.queueSize.offset, 2);
  await write('queueAddress', RING.address / 4096);
  await write('deviceStatus', 7);
  const view = viewOf(client.bytes);
  for (const [i, [address, length, flags]] of [
    [RING.header, 16, 1],
    [RING.sector, 512, 3],
    [RING.end, 1, 2],
  ].entries()) {
    const at = RING.address + 16 * i;
    view.setUint32(at, address!, true);
    view.setUint32(at + 8, length!, true);
    view.setUint16(at + 12, flags!, true);
    view.setUint16(at + 14, i + 1, true);
  }
  view.setUint16(RING.address + 16 * size + 2, 1, true);
  view.setUint8(RING.end, 0xff);
  await write('queueNotify', 0);
}

const { get, set, probe } = featureFlags;
const feature = (client: Client, index: number, flags: number, data: Uint8Array = new Uint8Array()) =>
  client.command('deviceFeature', structure(featurePayload, { argsz: 4096, flags: index | flags }, data));
const setState = (client: Client, state: MigStateName) =>
  feature(
    client,
    deviceFeature.migDeviceState,
    set,
    structure(migStatePayload, { state: migState[state], dataFd: 0xffffffff }),
  );
const stateOf = async (client: Client) => {
  const { payload } = await feature(client, deviceFeature.migDeviceState, get);
  return getFields(migStatePayload, viewOf(payload), 8).state;
};

/** All that there is to be read, `piece` bytes at a time. */
async function readAll(client: Client, piece: number): Promise<Uint8Array> {
  const found: number[] = [];
  for (;;) {
    const { error, payload } = await client.command(
      'migDataRead',
      structure(migDataPayload, { argsz: 8 + piece, size: piece }),
    );
    expect(error).toBe(0);
    found.push(...payload.subarray(8));
    if (payload.length < 8 + piece) return Uint8Array.from(found);
  }
}

async function writeAll(client: Client, bytes: Uint8Array, piece: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += piece) {
    const data = bytes.subarray(at, at + piece);
    const request = structure(migDataPayload, { argsz: 8, size: data.length }, data);
    expect((await client.command('migDataWrite', request)).error).toBe(0);
  }
}

describe('the way between two states of a migration', () => {
  it.each<[MigStateName, MigStateName, readonly MigStateName[] | null]>([
    ['running', 'running', []],
    ['running', 'stop', ['stop']],
    ['running', 'stopCopy', ['stop', 'stopCopy']],
    ['running', 'resuming', ['stop', 'resuming']],
    ['running', 'preCopy', ['preCopy']],
    ['preCopy', 'stopCopy', ['stopCopy']],
    ['preCopy', 'stop', ['running', 'stop']],
    ['preCopy', 'resuming', ['running', 'stop', 'resuming']],
    ['stopCopy', 'running', ['stop', 'running']],
    ['stopCopy', 'resuming', ['stop', 'resuming']],
    ['stopCopy', 'preCopy', null],
    ['resuming', 'running', ['stop', 'running']],
    ['resuming', 'stopCopy', ['stop', 'stopCopy']],
    ['resuming', 'preCopy', ['stop', 'running', 'preCopy']],
    ['stop', 'preCopy', ['running', 'preCopy']],
    ['running', 'error', null],
    ['running', 'runningP2p', null],
  ])('from %s to %s', (from, to, path) => {
    expect(migrationPath(from, to)).toEqual(path);
  });
});

describe('a device that moves', () => {
  const disk = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(65536)) });
  let [from, to]: Served[] = [];
  let [source, target]: Client[] = [];
  beforeEach(async () => {
    [from, to] = [await Served.of(disk(), 'mmr'), await Served.of(disk(), 'mmr')];
    [source, target] = [await from.connect(), await to.connect()];
    await source.map();
    await target.map();
  });
  afterEach(async () => {
    source!.close();
    target!.close();
    await from!.close();
    await to!.close();
  });
  const status = (client: Client) => client.readNumber(0, legacyHeader.deviceStatus.offset, 1);
  const queueAddress = (client: Client) => client.readNumber(0, legacyHeader.queueAddress.offset, 4);

  it('says what it can', async () => {
    const { payload } = await feature(source!, deviceFeature.migration, get);
    expect(getFields(migrationPayload, viewOf(payload), 8).flags).toBe(5);
    for (const [index, flags, error] of [
      [deviceFeature.migration, probe | get, 0],
      [deviceFeature.migration, probe | set, errno.ENOTSUP],
      [deviceFeature.migDeviceState, probe | get | set, 0],
      [deviceFeature.dmaLoggingStart, probe | set, 0],
      [deviceFeature.dmaLoggingReport, probe | set, errno.ENOTSUP],
      [deviceFeature.migDeviceState, get | set, errno.EINVAL],
      [99, get, errno.ENOTSUP],
      [deviceFeature.migration, 0, errno.EINVAL],
    ] as const)
      expect((await feature(source!, index, flags)).error).toBe(error);
  });

  it.each([997, 4096])('is there what it was here, in pieces of %i bytes', async (piece) => {
    await source!.write(0, legacyHeader.deviceStatus.offset, 3, 1);
    await source!.write(0, legacyHeader.queueAddress.offset, 0x10, 4);
    expect((await setState(source!, 'preCopy')).error).toBe(0);
    const early = await readAll(source!, 4096);
    // It goes on working meanwhile.
    await source!.write(0, legacyHeader.deviceStatus.offset, 7, 1);
    expect((await setState(source!, 'stopCopy')).error).toBe(0);
    expect(await stateOf(source!)).toBe(migState.stopCopy);
    const late = await readAll(source!, piece);
    expect((await setState(target!, 'resuming')).error).toBe(0);
    await writeAll(target!, new Uint8Array([...early, ...late]), piece);
    expect(await status(target!)).toBe(0);
    expect((await setState(target!, 'running')).error).toBe(0);
    expect([await status(target!), await queueAddress(target!)]).toEqual([7, 0x10]);
    expect((await setState(source!, 'running')).error).toBe(0);
    expect([await status(source!), await queueAddress(source!)]).toEqual([7, 0x10]);
  });

  it.each(guestWindows.filter((window) => window !== 'modern'))(
    'touches no memory while it is stopped, through %s: what ends then is told when it goes on',
    async (window) => {
      const storage = new SlowStorage(new Uint8Array(65536).fill(0x5a));
      const served = await Served.of(new BlockDevice({ storage }), window);
      const client = await served.connect();
      await client.map();
      await askForSector(client);
      await until('the request has begun', () => storage.held.length === 1);
      expect((await setState(client, 'stop')).error).toBe(0);
      for (const end of storage.held.splice(0)) end();
      await turn();
      await turn();
      const before = client.bytes.slice();
      expect([before[RING.sector], before[RING.end], before[RING.used]]).toEqual([0, 0xff, 0]);
      expect((await setState(client, 'running')).error).toBe(0);
      await until('it is answered', () => viewOf(client.bytes).getUint8(RING.end) === 0);
      expect(client.bytes.subarray(RING.sector, RING.sector + 512).every((byte) => byte === 0x5a)).toBe(true);
      client.close();
      await served.close();
    },
  );

  it('is refused where the stream is torn, goes on, or is of another device, and the device is as it was', async () => {
    await target!.write(0, legacyHeader.deviceStatus.offset, 3, 1);
    await setState(source!, 'stopCopy');
    const stream = await readAll(source!, 65536);
    const other = await Served.of(new EntropyDevice(), 'mmr');
    const stranger = await other.connect();
    await setState(stranger, 'stopCopy');
    const foreign = await readAll(stranger, 65536);
    for (const bytes of [
      stream.subarray(0, stream.length - 1),
      stream.subarray(0, 20),
      new Uint8Array([...stream, ...stream]),
      stream.map((byte, i) => (i === 30 ? byte ^ 1 : byte)).fill(0, 0, 8),
      foreign,
      Uint8Array.of(1, 2, 3),
    ]) {
      expect((await setState(target!, 'resuming')).error).toBe(0);
      await writeAll(target!, bytes, 65536);
      expect((await setState(target!, 'running')).error).toBe(errno.EINVAL);
      expect(await stateOf(target!)).toBe(migState.stop);
      expect(await status(target!)).toBe(3);
    }
    expect((await setState(target!, 'running')).error).toBe(0);
    stranger.close();
    await other.close();
  });

  it('gives and takes nothing at the wrong time', async () => {
    const read = structure(migDataPayload, { argsz: 16, size: 8 });
    expect((await source!.command('migDataRead', read)).error).toBe(errno.EINVAL);
    const write = structure(migDataPayload, { argsz: 8, size: 1 }, Uint8Array.of(1));
    expect((await source!.command('migDataWrite', write)).error).toBe(errno.EINVAL);
    expect((await feature(source!, deviceFeature.migDeviceState, set)).error).toBe(errno.EINVAL);
    await setState(source!, 'stopCopy');
    expect((await setState(source!, 'preCopy')).error).toBe(errno.EINVAL);
    expect((await source!.command('deviceReset')).error).toBe(0);
    expect(await stateOf(source!)).toBe(migState.running);
  });

  it('logs the pages that it writes, once', async () => {
    const report = async (address: number, length: number, pageSize: number) => {
      const data = structure(loggingReportPayload, { address, length, pageSize });
      const { error, payload } = await feature(source!, deviceFeature.dmaLoggingReport, get, data);
      return error !== 0 ? error : [...payload.subarray(8 + 24)];
    };
    expect(await report(0, 4096, 4096)).toBe(errno.EINVAL);
    const start = structure(loggingStartPayload, { pageSize: 4096, ranges: 0 });
    expect((await feature(source!, deviceFeature.dmaLoggingStart, set, start)).error).toBe(0);
    from!.device.onWrite!(0x2ffe, 4);
    from!.device.onWrite!(0x41000, 1);
    expect(await report(0, 0x10000, 4096)).toEqual([0b1100, 0, 0, 0, 0, 0, 0, 0]);
    expect(await report(0, 0x10000, 4096)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(await report(0x40000, 0x10000, 0x2000)).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(await report(0, 4096, 1000)).toBe(errno.EINVAL);
    expect((await feature(source!, deviceFeature.dmaLoggingStop, set)).error).toBe(0);
    expect(await report(0, 4096, 4096)).toBe(errno.EINVAL);
  });
});
