import { BalloonDriver } from '../../driver/index.ts';
import { BALLOON_PAGE_BYTES, BalloonDevice, balloonDeviceType, balloonFeature } from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

/** Pages that the driver can spare, and what its device wants of them first and then. */
const SPARE = 2048;
const WANTED = 1500;
const THEN = 300;
const REPORTED = 32;
const POISON = 0xaaaaaaaa;
const TOTAL = 64n << 20n;

const pagesText = (pages: number) => `${pages} pages (${bytesText(pages * BALLOON_PAGE_BYTES)})`;

function sizeFact(what: string, wanted: number, device: BalloonDevice, driver: BalloonDriver): DemoFact {
  const { actual, inflated } = device;
  const named = [...driver.balloon].every((page) => inflated.has(page)) && inflated.size === wanted;
  const ranges = inflated.ranges().length;
  return {
    what,
    result: `${pagesText(actual)} in ${ranges} range${ranges === 1 ? '' : 's'}; actual ${actual}`,
    good: actual === wanted && named,
    data: { wanted, actual, pages: inflated.size, ranges: inflated.ranges() },
  };
}

async function visit(): Promise<DeviceVisit> {
  const device = new BalloonDevice({
    deflateOnOutOfMemory: true,
    freePageHints: true,
    freePageReports: true,
    mustTellHost: 'offered',
    discard: true,
  });
  return {
    behaviour: device,
    subject: `a driver with ${pagesText(SPARE)} to spare`,
    async drive(transport, memory, marks) {
      const facts: DemoFact[] = [];
      let collected = 0;
      const driver = new BalloonDriver(transport, memory, {
        pages: SPARE,
        poison: POISON,
        statistics: () => ({ totalMemory: TOTAL, minorFaults: BigInt(++collected) }),
      });
      marks.markBroughtUp();
      const names = Object.entries(balloonFeature).filter(([, bit]) => driver.driver.has(bit));
      facts.push({
        what: 'Features',
        result: names.map(([name]) => name).join(', '),
        good: names.length === Object.keys(balloonFeature).length && device.poison === POISON,
      });
      device.setTarget(WANTED);
      await driver.settled();
      marks.markFirst();
      facts.push(sizeFact('Inflated', WANTED, device, driver));
      const given = memory.ram.read(driver.balloon[0]! * BALLOON_PAGE_BYTES, BALLOON_PAGE_BYTES);
      facts.push({
        what: 'Discarded',
        result: `page ${driver.balloon[0]} is empty once it is in the balloon`,
        good: given.every((byte) => byte === 0),
      });
      device.setTarget(THEN);
      await driver.settled();
      facts.push(sizeFact('Deflated', THEN, device, driver));
      facts.push(await statisticsFact(device, driver), await hintFact(device, driver));
      const reported = await driver.report(REPORTED);
      const told = reported.length === REPORTED && reported.every((page) => device.reported.has(page));
      const content = memory.ram.read(reported[0]! * BALLOON_PAGE_BYTES, BALLOON_PAGE_BYTES);
      facts.push({
        what: 'Reported',
        result: `${pagesText(device.reported.size)}, which hold their poison`,
        good: told && content.every((byte) => byte === (POISON & 0xff)),
      });
      driver.close();
      facts.push({
        what: 'Reset',
        result: `${device.inflated.size} pages in the balloon, actual ${device.actual}`,
        good: device.inflated.size === 0 && device.actual === 0,
      });
      return facts;
    },
    close: async () => {},
  };
}

async function statisticsFact(device: BalloonDevice, driver: BalloonDriver): Promise<DemoFact> {
  const asked = device.requestStatistics();
  for (let tries = 0; tries < 100 && device.statistics.minorFaults === undefined; tries++)
    await new Promise((resolve) => setImmediate(resolve));
  await driver.settled();
  const values = Object.entries(device.statistics).map(([name, value]) => `${name} ${value}`);
  return {
    what: 'Statistics',
    result: values.length === 0 ? 'none came' : values.join(', '),
    good: asked && device.statistics.totalMemory === TOTAL,
  };
}

async function hintFact(device: BalloonDevice, driver: BalloonDriver): Promise<DemoFact> {
  const commandId = device.hints.start();
  await driver.settled();
  const { complete, pages } = device.hints;
  const hinted = pages.size;
  device.hints.done();
  await driver.settled();
  return {
    what: 'Hinted',
    result: `${pagesText(hinted)} in the round of command id ${commandId}; used again when it was done`,
    good: complete && hinted === SPARE - driver.balloon.length && driver.hinted.length === 0,
  };
}

export const balloonDemo: DeviceDemo = {
  type: balloonDeviceType,
  summary: 'inflates and deflates, asks for statistics, has free pages hinted and reported',
  first: 'The first pages',
  sample: () => new BalloonDevice(),
  visit,
};
