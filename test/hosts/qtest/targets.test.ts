import { afterAll, describe, expect, it } from 'vitest';
import { functionAddress, HeldScheduler, type Target, TargetGoneError } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  openTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import { qemuTarget } from '../../../src/hosts/qtest/index.ts';
import { presentLegacy } from '../../../src/mmr/index.ts';
import { Machine, machineTarget } from '../../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../../src/virtio/index.ts';
import { note, reason, Scratch, SECTORS, until } from './support.ts';

const SLOT = functionAddress(0, 4);
const scratch = new Scratch();
afterAll(() => scratch.close());

const startDisk = () =>
  scratch.start(
    ...['-drive', `if=none,id=d,file=${scratch.disk},format=raw,snapshot=on`],
    ...['-device', 'virtio-blk-pci,drive=d,addr=4,disable-legacy=off,disable-modern=off'],
  );

/** The same disk in this process. */
function inProcess(): Target {
  const machine = new Machine({ scheduler: new HeldScheduler() });
  const storage = new MemoryStorage(new Uint8Array(SECTORS * 512).map((_, i) => i >> 9));
  machine.plug(virtioFunction(new BlockDevice({ storage }), { kind: 'transitional' }).pci, SLOT);
  return machineTarget(machine, SLOT);
}

/** What can be said of both. */
async function exercise(target: Target): Promise<void> {
  runFirmware(target.bus);
  const transport = openTransport(target.bus, target.fn, { patience: 10_000 });
  const driver = new BlockDriver(transport, new DmaMemory(target.bus.ram, 0x100000));
  expect(driver.capacity).toBe(SECTORS);
  expect((await driver.read(77, 2))[512]).toBe(78);
  driver.close();
  target.close();
}

describe('one test for targets', () => {
  it('in this process, whose work is held', async () => {
    const target = inProcess();
    expect([target.name, target.held === null, target.stateful, target.deviations]).toEqual([
      '00:04.0 virtio-blk',
      false,
      target.bus,
      [],
    ]);
    await exercise(target);
    expect(machineTarget(new Machine(), SLOT)).toMatchObject({ name: '00:04.0 nothing', held: null });
  });

  it.skipIf(reason !== null)(`in a QEMU${note}`, async () => {
    const target = qemuTarget(await startDisk(), SLOT);
    expect([target.name, target.held, target.stateful, target.sharedRam]).toEqual([
      "QEMU's 00:04.0",
      null,
      null,
      true,
    ]);
    await exercise(target);
    expect(() => target.bus.configRead(SLOT, 0, 2)).toThrow(TargetGoneError);
  });

  it.skipIf(reason !== null)(`QEMU is known for what it does${note}`, async () => {
    const { bus, fn, deviations } = qemuTarget(await startDisk(), SLOT);
    const port = runFirmware(bus).find(({ address }) => address === fn)!.bars[0]!.address;
    bus.ioWrite(port + 14, 2, 0);
    bus.ioWrite(port + 14, 2, 1024);
    const observed = { 'queue-select-16-bits': bus.ioRead(port + 14, 2) === 0 };
    bus.ioWrite(port + 18, 1, 3);
    expect({ ...observed, 'status-3-bus-master': (bus.configRead(fn, 4, 2) & 4) !== 0 }).toEqual({
      'queue-select-16-bits': true,
      'status-3-bus-master': true,
    });
    const ids = deviations.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['queue-select-16-bits', 'status-3-bus-master']));
  });
});

it.skipIf(reason !== null)(
  `a guest in this process drives QEMU's function through the translator${note}`,
  async () => {
    const qemu = await startDisk();
    runFirmware(qemu.bus);
    const guest = new Machine({ ram: qemu.bus.ram });
    guest.plug(presentLegacy(qemu.bus, SLOT).pci, SLOT);
    runFirmware(guest);
    const found = findFunction(guest, SLOT)!;
    for (const intx of [false, true]) {
      const transport = new LegacyTransport(guest, found, legacyAccess(guest, found), { intx });
      const driver = new BlockDriver(transport, new DmaMemory(guest.ram, 0x100000), { depth: 2 });
      expect(driver.capacity).toBe(SECTORS);
      const data: Uint8Array[] = [];
      void driver.read(200, 3).then((bytes) => data.push(bytes));
      await until(qemu, () => data.length > 0);
      expect([data[0]![0], data[0]![1024]]).toEqual([200, 202]);
      driver.close();
    }
  },
);
