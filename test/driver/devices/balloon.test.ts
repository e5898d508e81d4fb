import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  BalloonDriver,
  type BalloonDriverOptions,
  DeviceFailedError,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NoDeviceError,
  runFirmware,
} from '../../../src/driver/index.ts';
import {
  BalloonDevice,
  type BalloonOptions,
  balloonFeature,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT, smallMachine, watch } from '../../pci/support.ts';
import { strayWrites } from '../support/pieces.ts';

const EVERYTHING: BalloonOptions = {
  deflateOnOutOfMemory: true,
  freePageHints: true,
  freePageReports: true,
  mustTellHost: 'offered',
};

function open(
  kind: 'legacy' | 'modern' | 'big-endian legacy',
  options: BalloonOptions,
  driverOptions: BalloonDriverOptions = {},
  scheduler?: HeldScheduler,
) {
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const bigEndian = kind === 'big-endian legacy';
  const device = new BalloonDevice(options);
  const fn = virtioFunction(device, { kind: 'transitional', guestEndian: bigEndian ? 'big' : 'little' });
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    kind === 'modern'
      ? new ModernTransport(machine, found)
      : new LegacyTransport(machine, found, legacyAccess(machine, found), { bigEndian });
  const events = watch(machine);
  const memory = new DmaMemory(machine.ram, 0x40000);
  const strays = strayWrites(memory);
  const driver = new BalloonDriver(transport, memory, driverOptions);
  /** Writes into the configuration's `actual`, as they crossed the bus. */
  const writes = () =>
    events.flatMap((event) =>
      event.kind === 'access' &&
      event.operation === 'write' &&
      event.target.endsWith('BAR0 legacy') &&
      event.offset === ACTUAL
        ? [[event.width, event.value]]
        : [],
    );
  const findings = () => events.filter((event) => event.kind === 'finding');
  return { device, driver, fn, machine, writes, findings, strays };
}

/** Where `actual` stands in a legacy block that has vector registers. */
const ACTUAL = 0x18 + 4;
const kinds = ['legacy', 'modern', 'big-endian legacy'] as const;

describe('the balloon driver', () => {
  test.each(kinds)('%s: meets a target that is set before it starts, and every one after', async (kind) => {
    const { device, driver, findings } = open(kind, EVERYTHING, { pages: 40 });
    device.setTarget(30);
    await driver.settled();
    expect([driver.target, device.actual, device.inflated.size, driver.balloon.length]).toEqual([
      30, 30, 30, 30,
    ]);
    device.setTarget(7);
    await driver.settled();
    expect([device.actual, device.inflated.size]).toEqual([7, 7]);
    device.setTarget(100);
    await driver.settled();
    expect([device.actual, device.inflated.size, findings()]).toEqual([40, 40, []]);
  });

  it('asks for many pages at once within the memory that it has for that', async () => {
    const { device, driver, strays } = open('modern', EVERYTHING, { pages: 100 });
    for (const target of [100, 0]) {
      device.setTarget(target);
      await driver.settled();
      expect([device.inflated.size, strays]).toEqual([target, []]);
    }
  });

  it('says that a ring is too short for pages that it was to report at once', async () => {
    const { driver } = open('modern', EVERYTHING, { pages: 4, ringFeatures: [] });
    const { rings } = driver.driver;
    const ring = rings.get(Math.max(...rings.keys()))!;
    ring.add(Array.from({ length: ring.free - 1 }, () => ({ address: 0, length: 1, writable: true })));
    await expect(driver.report(2)).rejects.toThrow('a ring too short for a request');
  });

  it('LEG-BAL-05, BAL-OP-10: writes its count whole, after each change', async () => {
    const { device, driver, writes } = open('legacy', {}, { pages: 40 });
    device.setTarget(3);
    await driver.settled();
    device.setTarget(1);
    await driver.settled();
    expect(writes()).toEqual([
      [4, 3],
      [4, 1],
    ]);
  });

  it('BAL-OP-06, BAL-OP-08: changes its count only when the device has handed the request back', async () => {
    const tasks = new HeldScheduler();
    const { device, driver } = open('modern', {}, { pages: 4 }, tasks);
    device.setTarget(4);
    tasks.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect([driver.balloon.length, device.actual]).toEqual([0, 0]);
    for (let i = 0; i < 20; i++) {
      tasks.releaseAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await driver.settled();
    expect([driver.balloon.length, device.actual]).toEqual([4, 4]);
  });

  test.each(kinds)('%s: says how it is whenever it is asked', async (kind) => {
    let calls = 0n;
    const statistics = () => ({ freeMemory: ++calls, totalMemory: 2n ** 64n - calls });
    const { device } = open(kind, {}, { statistics });
    for (const call of [2n, 3n, 4n]) {
      expect(device.requestStatistics()).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(device.statistics).toEqual({ freeMemory: call, totalMemory: 2n ** 64n - call });
    }
  });

  test.each(kinds)(
    '%s: hints at all that it has, keeps it, and takes it back when that is done',
    async (kind) => {
      const { device, driver, findings } = open(kind, EVERYTHING, { pages: 10 });
      device.setTarget(4);
      await driver.settled();
      device.hints.start();
      await driver.settled();
      expect([device.hints.complete, device.hints.pages.size, driver.hinted.length]).toEqual([true, 6, 6]);
      expect(driver.hinted.every((page) => device.hints.pages.has(page))).toBe(true);
      device.setTarget(8);
      await driver.settled();
      expect(device.actual).toBe(4);
      device.hints.done();
      await driver.settled();
      expect([device.actual, driver.hinted, findings()]).toEqual([8, [], []]);
    },
  );

  it('BAL-FPH-07, BAL-FPH-09: says its poison before DRIVER_OK, and poisons pages that it reports', async () => {
    const { device, driver, machine, findings } = open('modern', EVERYTHING, { poison: 0x5a4b3c2d });
    const pages = await driver.report(3);
    expect([device.poison, device.reported.size, findings()]).toEqual([0x5a4b3c2d, 3, []]);
    const poisoned = Uint8Array.from({ length: 4096 }, (_, i) => [0x2d, 0x3c, 0x4b, 0x5a][i % 4]!);
    for (const page of pages) expect(Buffer.compare(machine.ram.read(page * 4096, 4096), poisoned)).toBe(0);
  });

  it('BAL-FEAT-02: does not accept PAGE_POISON without a poison', () => {
    const { driver, device } = open('modern', EVERYTHING);
    expect([driver.driver.has(balloonFeature.pagePoison), device.poison]).toEqual([false, null]);
  });

  it('finds the reporting queue by the numbering that it was told', async () => {
    for (const numbering of ['specification', 'contiguous'] as const) {
      const { device, driver } = open('modern', { freePageReports: true, numbering }, { numbering });
      await driver.report(2);
      expect(device.reported.size).toBe(2);
    }
    const wrong = { freePageReports: true, numbering: 'contiguous' } as const;
    expect(() => open('modern', wrong, {})).toThrow(NoDeviceError);
  });

  test.each(['close', 'break'] as const)('fails what is under way at %s', async (end) => {
    const tasks = new HeldScheduler();
    const { driver, fn } = open('modern', EVERYTHING, { pages: 4 }, tasks);
    const report = driver.report(1);
    if (end === 'close') driver.close();
    else fn.device.fail('SPL-DESC-05', 'broken');
    tasks.releaseAll();
    await expect(report).rejects.toThrow(DeviceFailedError);
    await expect(driver.settled()).rejects.toThrow(DeviceFailedError);
    await expect(driver.report(1)).rejects.toThrow(DeviceFailedError);
  });

  it('has no queue to report with where that was not offered', async () => {
    await expect(open('modern', {}).driver.report(1)).rejects.toThrow(/no reporting queue/);
  });
});
