import { RtcDriver } from '../../driver/index.ts';
import { RtcDevice, rtcClockType, rtcCounter, rtcDeviceType, SteppedClock } from '../../virtio/index.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

const SECOND = 1_000_000_000n;
/** TAI is ahead of UTC by so much, since 2017. */
const LEAP_SECONDS = 37n;
const HERTZ = 2_400_000_000n;
/** A day on which nothing stepped. */
const START = 1_750_000_000n * SECOND;

const dateOf = (time: bigint) => new Date(Number(time / 1_000_000n)).toISOString();

/** Clocks that stand still until they are told otherwise: what is read can be compared. */
class Outside {
  readonly utc = new SteppedClock({ time: START, counters: { [rtcCounter.x86TimeStamp]: HERTZ } });
  readonly tai = new SteppedClock({ type: rtcClockType.tai, time: START + LEAP_SECONDS * SECOND });
  readonly monotonic = new SteppedClock({ type: rtcClockType.monotonic });
  readonly device = new RtcDevice({ clocks: [this.utc, this.tai, this.monotonic] });

  pass(nanoseconds: bigint): void {
    for (const clock of [this.utc, this.tai, this.monotonic]) clock.advance(nanoseconds);
  }
}

async function clocksFact(driver: RtcDriver): Promise<DemoFact> {
  const names = new Map(Object.entries(rtcClockType).map(([name, value]) => [value as number, name]));
  const found: string[] = [];
  for (let clock = 0; clock < (await driver.clockCount()); clock++) {
    const { type, alarm } = await driver.capabilities(clock);
    found.push(`${names.get(type)}${alarm ? ' with an alarm' : ''}`);
  }
  return {
    what: 'Clocks',
    result: found.join(', '),
    good: found.join() === 'utc with an alarm,tai with an alarm,monotonic with an alarm',
  };
}

async function crossFact(driver: RtcDriver, outside: Outside): Promise<DemoFact> {
  const { x86TimeStamp, armVirtualCount } = rtcCounter;
  const before = await driver.readCross(0, x86TimeStamp);
  outside.pass(SECOND / 2n);
  const after = await driver.readCross(0, x86TimeStamp);
  const hertz = ((after.cycles - before.cycles) * SECOND) / (after.reading - before.reading);
  const others = await driver.canCross(0, armVirtualCount);
  return {
    what: 'Beside a counter',
    result: `two readings say that the TSC runs at ${hertz} Hz`,
    good: hertz === HERTZ && !others,
  };
}

async function alarmFact(driver: RtcDriver, outside: Outside, heard: number[]): Promise<DemoFact> {
  const at = (await driver.read(0)) + 3n * SECOND;
  await driver.setAlarm(0, at);
  outside.pass(3n * SECOND - 1n);
  const early = heard.length;
  outside.pass(1n);
  const told = heard.join();
  await driver.enableAlarm(0, false);
  outside.utc.set(START);
  outside.pass(10n * SECOND);
  const { enabled, time } = await driver.readAlarm(0);
  return {
    what: 'Alarm',
    result: `set for ${dateOf(at)}, heard when it was that late and not before; silent once it was switched off`,
    good: early === 0 && told === '0' && heard.length === 1 && !enabled && time === at,
  };
}

export const rtcDemo: DeviceDemo = {
  type: rtcDeviceType,
  summary: 'lists clocks, reads them, alone and beside the TSC, and waits for an alarm',
  first: 'The first reading',
  sample: () => new RtcDevice(),
  async visit(): Promise<DeviceVisit> {
    const outside = new Outside();
    return {
      behaviour: outside.device,
      subject: 'three clocks that stand still until they are told to go on',
      async drive(transport, memory, marks) {
        const heard: number[] = [];
        const driver = new RtcDriver(transport, memory, { onAlarm: (clock) => heard.push(clock) });
        marks.markBroughtUp();
        const first = await driver.read(0);
        marks.markFirst();
        const tai = await driver.read(1);
        outside.pass(1n);
        const later = await driver.read(0);
        const facts: DemoFact[] = [
          {
            what: 'Time',
            result: `${dateOf(first)}; TAI is ${(tai - first) / SECOND} s ahead`,
            good: first === START && tai - first === LEAP_SECONDS * SECOND,
          },
          { what: 'Resolution', result: `${later - first} ns`, good: later - first === 1n },
          await clocksFact(driver),
          await crossFact(driver, outside),
          await alarmFact(driver, outside, heard),
        ];
        driver.close();
        return facts;
      },
      close: async () => {},
    };
  },
};
