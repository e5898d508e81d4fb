import { describe, expect, it, test } from 'vitest';
import { DmaDomain, HeldScheduler } from '../../../src/core/index.ts';
import {
  ArgumentError,
  BlockDriver,
  type BlockDriverOptions,
  DeviceFailedError,
  DmaMemory,
  findFunction,
  NoDeviceError,
  OutOfRangeError,
  RequestFailedError,
  ResourceError,
  runFirmware,
  type TransportOptions,
} from '../../../src/driver/index.ts';
import { BlockDevice, type BlockOptions, CountedStorage, MemoryStorage } from '../../../src/virtio/index.ts';
import { sameBytes } from '../../core/bytes.ts';
import { clausesIn, SLOT, smallMachine, watch } from '../../pci/support.ts';
import { functionWith, type Kind, kinds, transportOf } from '../support/kinds.ts';

const SECTORS = 48;
const image = () => new Uint8Array(SECTORS * 512).map((_, i) => (i >> 9) * 5 + i);

interface Options extends TransportOptions, BlockDriverOptions {
  readonly readOnly?: boolean;
  readonly queueSize?: number;
  readonly device?: Partial<BlockOptions>;
  readonly scheduler?: HeldScheduler;
}

function open(kind: Kind, options: Options = {}) {
  const { readOnly = false, queueSize = 64, scheduler, bigEndian = false } = options;
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const storage = new MemoryStorage(image(), readOnly);
  const counted = new CountedStorage(storage);
  const device = new BlockDevice({ storage: counted, queueSize, serial: 'number 9', ...options.device });
  const guestEndian = bigEndian ? 'big' : 'little';
  const fn = functionWith(kind, device, { guestEndian });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  const events = watch(machine);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport = transportOf(kind, machine, found, options);
  const memory = new DmaMemory(machine.ram, 0x10000);
  const driver = new BlockDriver(transport, memory, { requestBytes: 4096, ...options });
  return { machine, storage, counted, device, fn, driver, events, memory };
}

describe.each(kinds)('the block driver, %s', (kind) => {
  it.each([
    ['messages', {}],
    ['the line', { intx: true }],
    ['plain rings', { ringFeatures: [] }],
    ['requests of one sector', { requestBytes: 512 }],
    ['one request at a time', { depth: 1 }],
    ['a queue of four', { queueSize: 4, ringFeatures: [] }],
    ...(kind === 'modern' ? [] : [['a big-endian guest', { bigEndian: true }] as const]),
  ] as const)(
    'reads, writes, flushes and asks for the id by %s, and breaks no clause',
    async (_, options) => {
      const { driver, storage, events } = open(kind, options);
      expect([driver.capacity, driver.readOnly]).toEqual([SECTORS, false]);
      expect(sameBytes(await driver.read(0, SECTORS), image())).toBe(true);
      const data = new Uint8Array(20 * 512).map((_, i) => 0x55 ^ i);
      await driver.write(17, data);
      await driver.flush();
      expect(sameBytes(storage.bytes.subarray(17 * 512, 37 * 512), data)).toBe(true);
      expect(sameBytes(await driver.read(16, 22), storage.bytes.subarray(16 * 512, 38 * 512))).toBe(true);
      expect(await driver.getId()).toBe('number 9');
      driver.close();
      expect(clausesIn(events)).toEqual([]);
    },
  );
});

describe.each(kinds)('the block driver and ranges, %s', (kind) => {
  const limits = { sectors: 4, segments: 2 };
  const device = { discard: limits, writeZeroes: limits, secureErase: limits };
  const ranges = [
    { sector: 3, sectors: 9 },
    { sector: 20, sectors: 0 },
    { sector: 30, sectors: 2 },
  ];
  const zeroed = image();
  for (const { sector, sectors } of ranges) zeroed.fill(0, sector * 512, (sector + sectors) * 512);

  // 4 + 4, 1 + 2 sectors: two segments each in two requests.
  it.each([
    ['discards', 'discard'],
    ['zeroes', 'writeZeroes'],
    ['erases', 'secureErase'],
  ] as const)('%s them in segments that the device takes', async (_, operation) => {
    const { driver, storage, counted, events, fn } = open(kind, { device });
    let requests = 0;
    const { behaviour } = fn.device;
    const handle = behaviour.handle.bind(behaviour);
    behaviour.handle = (chain) => {
      requests++;
      handle(chain);
    };
    await driver[operation](ranges);
    expect(sameBytes(storage.bytes, zeroed)).toBe(true);
    expect([requests, counted.requests[operation]]).toEqual([2, 4]);
    await driver[operation]([]);
    await driver.writeZeroes([{ sector: 40, sectors: 1 }], true);
    expect(storage.bytes[40 * 512 + 1]).toBe(0);
    await expect(driver[operation]([{ sector: SECTORS, sectors: 1 }])).rejects.toMatchObject({ status: 1 });
    expect(clausesIn(events)).toEqual(['BLK-OP-03']);
  });

  it('lets go of zeroed space where it is told to', async () => {
    const { driver, counted } = open(kind);
    const flags: boolean[] = [];
    const zero = counted.writeZeroes!;
    counted.writeZeroes = (transfer, mayUnmap) => {
      flags.push(mayUnmap);
      zero(transfer, mayUnmap);
    };
    await driver.writeZeroes([{ sector: 1, sectors: 1 }]);
    await driver.writeZeroes([{ sector: 1, sectors: 1 }], true);
    expect(flags).toEqual([false, true]);
  });

  it('does not ask for what was not offered', async () => {
    const { driver, counted } = open(kind, { readOnly: true });
    for (const operation of ['discard', 'writeZeroes', 'secureErase'] as const)
      await expect(driver[operation](ranges)).rejects.toThrow(DeviceFailedError);
    expect(counted.requests).toMatchObject({ discard: 0, writeZeroes: 0, secureErase: 0 });
  });

  it('BLK-OP-02: sees the disk grow and shrink', async () => {
    const seen: number[] = [];
    const { driver, device, storage } = open(kind, { onResize: (capacity) => seen.push(capacity) });
    for (const sectors of [64, 64, 8]) {
      storage.resize(sectors * 512);
      device.resize();
      expect(driver.capacity).toBe(sectors);
    }
    expect(seen).toEqual([64, 8]);
    expect((await driver.read(7, 1))[0]).toBe(image()[7 * 512]);
  });

  it('BLK-OP-10: switches the cache mode', async () => {
    const { driver, counted } = open(kind);
    const data = new Uint8Array(512);
    for (const on of [true, false, true]) {
      driver.setWriteback(on);
      await driver.write(0, data);
    }
    expect(counted.requests).toMatchObject({ write: 3, flush: 1 });
  });

  it('uses as many queues as both have', async () => {
    for (const [offered, wanted, used] of [
      [1, 4, 1],
      [3, 2, 2],
      [2, 4, 2],
      [4, 1, 1],
    ] as const) {
      const { driver, fn, events } = open(kind, {
        device: { queues: offered },
        queues: wanted,
        requestBytes: 512,
        depth: 4,
        queueSize: 16,
      });
      const kicked = new Set<number>();
      const { behaviour } = fn.device;
      const handle = behaviour.handle.bind(behaviour);
      behaviour.handle = (chain) => {
        kicked.add(chain.queue);
        handle(chain);
      };
      expect(sameBytes(await driver.read(0, SECTORS), image())).toBe(true);
      expect([driver.queues, [...kicked].sort()]).toEqual([used, Array.from({ length: used }, (_, i) => i)]);
      expect(clausesIn(events)).toEqual([]);
    }
  });
});

describe('the block driver', () => {
  it('tells a refused request from a good one', async () => {
    const { driver } = open('legacy', { readOnly: true });
    expect(driver.readOnly).toBe(true);
    const refused = driver.write(0, new Uint8Array(512));
    await expect(refused).rejects.toThrow(RequestFailedError);
    await expect(refused).rejects.toMatchObject({ status: 1, message: expect.stringContaining('ioError') });
    await expect(driver.request(0x99, 0, null, 512)).rejects.toMatchObject({ status: 2 });
    await expect(driver.read(SECTORS, 1)).rejects.toMatchObject({ status: 1 });
    expect((await driver.read(1, 1))[0]).toBe(image()[512]);
  });

  test.each([
    ['a negative sector', (driver: BlockDriver) => driver.read(-1, 1), ArgumentError],
    ['half a sector', (driver: BlockDriver) => driver.read(0, 0.5), ArgumentError],
    ['more sectors than a number counts', (driver: BlockDriver) => driver.read(2 ** 53, 1), ArgumentError],
    ['no number', (driver: BlockDriver) => driver.write(Number.NaN, new Uint8Array(512)), ArgumentError],
    ['half a sector of data', (driver: BlockDriver) => driver.write(0, new Uint8Array(513)), ArgumentError],
    ['a sector beyond the end', (driver: BlockDriver) => driver.read(SECTORS, 1), OutOfRangeError],
    ['a range over the end', (driver: BlockDriver) => driver.read(SECTORS - 1, 2), OutOfRangeError],
    ['a range that no memory has', (driver: BlockDriver) => driver.read(0, 2 ** 50), OutOfRangeError],
    [
      'data over the end',
      (driver: BlockDriver) => driver.write(SECTORS - 1, new Uint8Array(1024)),
      OutOfRangeError,
    ],
    [
      'a negative range',
      (driver: BlockDriver) => driver.discard([{ sector: -1, sectors: 1 }]),
      ArgumentError,
    ],
    [
      'half a range',
      (driver: BlockDriver) => driver.writeZeroes([{ sector: 0, sectors: 1.5 }]),
      ArgumentError,
    ],
    ['a type of 33 bits', (driver: BlockDriver) => driver.request(2 ** 32, 0, null, 0), ArgumentError],
  ] as const)('sends nothing for %s', async (_, ask, error) => {
    const { driver, counted } = open('modern');
    const before = JSON.stringify(counted.requests);
    await expect(ask(driver)).rejects.toThrow(error);
    expect(JSON.stringify(counted.requests)).toBe(before);
    expect((await driver.read(SECTORS - 1, 1)).length).toBe(512);
    expect((await driver.read(SECTORS, 0)).length).toBe(0);
  });

  // BLK-OP-05: 20 bytes, and a zero behind a shorter one.
  it.each(['', 'x', 'nineteen characters', 'exactly 20 character'])('reads the id "%s"', async (serial) => {
    expect(await open('modern', { device: { serial } }).driver.getId()).toBe(serial);
  });

  it('says of ranges what it says of everything once the device is lost', async () => {
    for (const sector of [0, SECTORS, SECTORS + 1]) {
      const { driver } = open('modern');
      driver.close();
      await expect(driver.read(sector, 1)).rejects.toThrow(driver.driver.failure!.message);
    }
  });

  it('refuses no range that the device has by now, though word of that is under way', async () => {
    const { driver, device, storage, fn } = open('modern');
    fn.interrupts.config = () => {};
    storage.resize((SECTORS + 2) * 512);
    device.resize();
    expect([driver.capacity, (await driver.read(SECTORS, 2)).length]).toEqual([SECTORS, 1024]);
    const beyond = { sector: SECTORS + 1, sectors: 2, capacity: SECTORS + 2 };
    await expect(driver.read(SECTORS + 1, 2)).rejects.toMatchObject(beyond);
  });

  it('sends no longer a buffer than the device takes', async () => {
    const { driver, events, counted } = open('modern', { device: { sizeMax: 1300 } });
    expect(sameBytes(await driver.read(0, 4), image().subarray(0, 2048))).toBe(true);
    expect([counted.requests.read, clausesIn(events)]).toEqual([2, []]);
    expect(() => open('modern', { device: { sizeMax: 511 } })).toThrow(NoDeviceError);
  });

  it('does not take more data than it has room for', async () => {
    const { driver } = open('modern');
    await expect(driver.request(0, 0, null, 4097)).rejects.toThrow(ResourceError);
    await expect(driver.request(1, 0, new Uint8Array(8192), 0)).rejects.toThrow(ResourceError);
  });

  test.each([
    [1, 1],
    [4, 4],
    [16, 12],
  ])('has at most %d requests in flight, of twelve', async (depth, inFlight) => {
    const scheduler = new HeldScheduler();
    const { driver } = open('legacy', { scheduler, depth, requestBytes: 512 });
    const reading = driver.read(0, 12);
    await Promise.resolve();
    // The queue is served; each request that it held is a task of its own from now on.
    scheduler.release();
    expect(scheduler.pending.map(({ label }) => label)).toEqual(Array(inFlight).fill('block request'));
    for (let i = 0; i < 100 && scheduler.pending.length > 0; i++) {
      scheduler.releaseAll();
      await Promise.resolve();
    }
    expect(sameBytes(await reading, image().subarray(0, 12 * 512))).toBe(true);
  });

  it('gets its answers whatever the order in which requests end', async () => {
    const scheduler = new HeldScheduler();
    const { driver } = open('modern', { scheduler, requestBytes: 512, depth: 8 });
    const reading = driver.read(3, 8);
    await Promise.resolve();
    scheduler.releaseAll((count) => count - 1);
    expect(sameBytes(await reading, image().subarray(3 * 512, 11 * 512))).toBe(true);
  });

  it('fails what is in flight when it is closed, or the device breaks', async () => {
    for (const end of ['close', 'break'] as const) {
      const scheduler = new HeldScheduler();
      const { driver, fn } = open('legacy', { scheduler, intx: true });
      const reading = driver.read(0, 1);
      await Promise.resolve();
      if (end === 'close') driver.close();
      else {
        fn.device.fail('SPL-DESC-05', 'broken');
        scheduler.releaseAll();
      }
      await expect(reading).rejects.toThrow(DeviceFailedError);
      await expect(driver.flush()).rejects.toThrow(DeviceFailedError);
    }
  });
});
