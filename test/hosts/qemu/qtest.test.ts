import { describe, expect, it } from 'vitest';
import { functionAddress } from '../../../src/core/index.ts';
import { DmaMemory, EntropyDriver, openTransport, runFirmware } from '../../../src/driver/index.ts';
import { Qemu } from '../../../src/hosts/qtest/index.ts';
import { note, qemu, reason } from './support.ts';

const RNG = functionAddress(0, 4);

describe.skipIf(reason !== null)(`The QEMU of these tests, without a guest${note}`, () => {
  it('has its bus driven through qtest, wherever it comes from', async () => {
    const machine = await Qemu.start({ program: qemu, arguments: ['-device', 'virtio-rng-pci,addr=4'] });
    try {
      runFirmware(machine.bus);
      const memory = new DmaMemory(machine.bus.ram, 1 << 20, 2 << 20);
      const driver = new EntropyDriver(openTransport(machine.bus, RNG), memory);
      expect((await driver.read(16)).length).toBeGreaterThan(0);
      driver.close();
    } finally {
      machine.close();
    }
  });
});
