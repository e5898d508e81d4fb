import { describe, expect, it, test } from 'vitest';
import {
  ArgumentError,
  DmaMemory,
  findFunction,
  ModernTransport,
  RequestFailedError,
  RtcDriver,
  type RtcDriverOptions,
  runFirmware,
  UnansweredError,
} from '../../../src/driver/index.ts';
import {
  type DeviceBehaviour,
  RtcDevice,
  rtcClockType,
  SteppedClock,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';

function open(behaviour: DeviceBehaviour, options: RtcDriverOptions = {}) {
  const machine = smallMachine();
  machine.plug(virtioFunction(behaviour, { kind: 'modern' }).pci, SLOT);
  runFirmware(machine);
  const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
  return new RtcDriver(transport, new DmaMemory(machine.ram, 0x10000), options);
}

const TSC = 1;
const clock = () => new SteppedClock({ time: 2n ** 62n + 1n, counters: { [TSC]: 1_000_000_000n } });

describe('the RTC driver', () => {
  it('reads clocks, and a counter beside them', async () => {
    const source = clock();
    const driver = open(new RtcDevice({ clocks: [source] }));
    expect(await driver.clockCount()).toBe(1);
    // RTC-OP-05: without the feature nothing is said of alarms.
    expect(await driver.capabilities(0)).toEqual({ type: rtcClockType.utc, smearing: 0, alarm: false });
    expect(await driver.read(0)).toBe(2n ** 62n + 1n);
    source.advance(5n);
    expect([await driver.canCross(0, TSC), await driver.canCross(0, 0)]).toEqual([true, false]);
    expect(await driver.readCross(0, TSC)).toEqual({ reading: 2n ** 62n + 6n, cycles: 5n });
  });

  it('asks about the clock that is meant', async () => {
    const monotonic = new SteppedClock({
      type: rtcClockType.monotonic,
      time: 2n ** 62n + 1n,
      counters: { [TSC]: 1_000_000_000n },
    });
    const driver = open(new RtcDevice({ clocks: [new SteppedClock({ time: 5n }), monotonic] }));
    const asked = async (index: number) => [
      (await driver.capabilities(index)).type,
      await driver.read(index),
      await driver.canCross(index, TSC),
    ];
    expect([await asked(0), await asked(1)]).toEqual([
      [rtcClockType.utc, 5n, false],
      [rtcClockType.monotonic, 2n ** 62n + 1n, true],
    ]);
    await expect(driver.capabilities(2)).rejects.toThrow(RequestFailedError);
  });

  it('hears of as many alarms as there are, more than it has buffers', async () => {
    const heard: number[] = [];
    const source = clock();
    const device = new RtcDevice({ clocks: [new SteppedClock(), source] });
    const driver = open(device, { onAlarm: (which) => heard.push(which) });
    expect(driver.hasAlarms).toBe(true);
    for (let i = 0; i < 20; i++) {
      await driver.setAlarm(1, source.read() + 3n);
      source.advance(3n);
    }
    expect(heard).toEqual(new Array(20).fill(1));
    expect(await driver.readAlarm(1)).toEqual({ time: source.read(), enabled: true });
    await driver.enableAlarm(1, false);
    expect(await driver.readAlarm(1)).toEqual({ time: source.read(), enabled: false });
  });

  it('does without alarms where the device has none', async () => {
    const source = { type: rtcClockType.tai, read: () => 1n };
    const driver = open(new RtcDevice({ clocks: [source] }), { onAlarm: () => {} });
    expect([driver.hasAlarms, await driver.read(0)]).toEqual([false, 1n]);
  });

  test('what the device refuses is an error with its status', async () => {
    const driver = open(new RtcDevice());
    await expect(driver.read(1)).rejects.toThrow(RequestFailedError);
    await expect(driver.read(1)).rejects.toThrow('read: status 3 (noDevice)');
    await expect(driver.readCross(0, 7)).rejects.toThrow(expect.objectContaining({ status: 2 }));
  });

  test('RTC-OP-01: half an answer is none', async () => {
    const probe = new Probe({ type: 'rtc', complete: 8 });
    probe.onChain = (chain) => void chain.write(0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0), 0, 8);
    await expect(open(probe).read(0)).rejects.toThrow(UnansweredError);
  });

  test.each([
    ['a clock', (driver: RtcDriver) => driver.read(0x10000)],
    ['a counter', (driver: RtcDriver) => driver.canCross(0, 256)],
    ['a time', (driver: RtcDriver) => driver.setAlarm(0, 2n ** 64n)],
    ['a time', (driver: RtcDriver) => driver.setAlarm(0, -1n)],
  ])('%s that no request can bear is not sent', async (_, send) => {
    await expect(send(open(new RtcDevice()))).rejects.toThrow(ArgumentError);
  });
});
