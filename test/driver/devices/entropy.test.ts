import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  DeviceFailedError,
  DmaMemory,
  EntropyDriver,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import { EntropyDevice, SeededEntropy, virtioFunction } from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';

function open(kind: 'legacy' | 'modern', behaviour: EntropyDevice | Probe, scheduler?: HeldScheduler) {
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const fn = virtioFunction(behaviour, { kind: 'transitional' });
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    kind === 'modern'
      ? new ModernTransport(machine, found)
      : new LegacyTransport(machine, found, legacyAccess(machine, found));
  return { fn, driver: new EntropyDriver(transport, new DmaMemory(machine.ram, 0x10000)) };
}

const seeded = () => new EntropyDevice({ source: new SeededEntropy(3) });

describe('the entropy driver', () => {
  test.each(['legacy', 'modern'] as const)('%s: reads as many bytes as it is asked for', async (kind) => {
    const expected = new Uint8Array(10_000);
    const source = new SeededEntropy(3);
    // One request of the driver after the other, each of up to 4096 bytes.
    for (let at = 0; at < expected.length; at += 4096) source.fill(expected.subarray(at, at + 4096));
    const { driver } = open(kind, seeded());
    expect((await driver.read(10_000)).every((byte, i) => byte === expected[i])).toBe(true);
    expect(await driver.read(0)).toEqual(new Uint8Array());
  });

  test('RNG-02, RNG-04: goes on where the device gave less, and takes no more than that', async () => {
    const { driver } = open('legacy', new Probe({ complete: 3 }));
    expect(await driver.read(8)).toEqual(new Uint8Array(8));
    const lying = open('legacy', new Probe({ complete: 0xffffffff }));
    expect(await lying.driver.read(5)).toEqual(new Uint8Array(5));
  });

  it('RNG-03: gives up a device that gives nothing', async () => {
    const { driver } = open('legacy', new Probe({ complete: 0 }));
    await expect(driver.read(1)).rejects.toThrow(DeviceFailedError);
    await expect(driver.read(1)).rejects.toThrow('the device returned no bytes (RNG-03)');
  });

  it('has one read in flight', async () => {
    const scheduler = new HeldScheduler();
    const { driver } = open('legacy', seeded(), scheduler);
    const first = driver.read(1);
    await expect(driver.read(1)).rejects.toThrow(/in flight/);
    scheduler.releaseAll();
    expect(await first).toHaveLength(1);
  });

  test.each(['close', 'break'] as const)('fails the read in flight at %s', async (end) => {
    const { driver, fn } = open('modern', new Probe());
    const reading = driver.read(1);
    if (end === 'close') driver.close();
    else fn.device.fail('SPL-DESC-05', 'broken');
    await expect(reading).rejects.toThrow(DeviceFailedError);
  });
});
