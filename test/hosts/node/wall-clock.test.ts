import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  DmaMemory,
  findFunction,
  ModernTransport,
  RtcDriver,
  runFirmware,
} from '../../../src/driver/index.ts';
import { WallClock } from '../../../src/hosts/node/index.ts';
import { RtcDevice, virtioFunction } from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';

const START = Date.UTC(2026, 0, 1);

describe('the clock of the machine', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: START });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is read, and rings an alarm in time, however far off', async () => {
    const machine = smallMachine();
    machine.plug(virtioFunction(new RtcDevice({ clocks: [new WallClock()] }), { kind: 'modern' }).pci, SLOT);
    runFirmware(machine);
    const heard: number[] = [];
    const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
    const driver = new RtcDriver(transport, new DmaMemory(machine.ram, 0x10000), {
      onAlarm: () => heard.push(Date.now() - START),
    });
    const now = await driver.read(0);
    expect(now).toBe(BigInt(START) * 1_000_000n);
    const days = 40 * 24 * 3_600_000;
    await driver.setAlarm(0, now + BigInt(days) * 1_000_000n - 1n);
    vi.advanceTimersByTime(days - 1);
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(heard).toEqual([days]);
    expect(vi.getTimerCount()).toBe(0);
    await driver.setAlarm(0, 2n ** 64n - 1n);
    expect(vi.getTimerCount()).toBe(1);
    await driver.enableAlarm(0, false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
