import { expect, it, test } from 'vitest';
import { functionAddress, GuestMemory } from '../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  EnabledVirtualFunctions,
  enableVirtualFunctions,
  ResourceError,
  runFirmware,
} from '../../src/driver/index.ts';
import { Hypervisor, mmrVirtualFunctions } from '../../src/mmr/index.ts';
import { Bridge, Machine } from '../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';
import { GUEST_SLOT } from './support.ts';
import { guestMachine, guestTransport } from './virtual-support.ts';

const MOST = 65535;
/** The first place of a segment of its own. */
const OWNER = functionAddress(0, 0, 0, 1);

const disk = (index: number) =>
  new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512).fill(index % 251)) });

it('a physical function with a segment to itself gives the last of its 65,535 to a guest, and makes but few', async () => {
  const machine = new Machine({
    ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }),
    ecamBase: 2 ** 40,
    ecamBuses: 256,
    segments: 2,
  });
  machine.unplug(OWNER);
  const owner = virtioFunction(disk(0), { kind: 'modern', express: true });
  const virtual = mmrVirtualFunctions(owner, { total: MOST, make: disk });
  machine.plug(owner.pci, OWNER);
  // Two BARs of 32 bits each take 768 MiB together.
  expect(() => runFirmware(machine, { segments: 2 })).toThrow(ResourceError);
  runFirmware(machine, { segments: 2, memory: { start: 0x80000000, end: 0xe0000000 } });
  const functions = enableVirtualFunctions(machine, OWNER, MOST);
  expect(functions).toBeInstanceOf(EnabledVirtualFunctions);
  expect([functions.addressOf(1), functions.addressOf(MOST)]).toEqual([OWNER + 1, 0x1ffff]);
  const hypervisor = new Hypervisor(functions, virtual.pci);
  const guests = [MOST, 1, 40000].map((index) => {
    const guest = guestMachine(2 << 20);
    hypervisor.attach(index, guest, GUEST_SLOT);
    return { index, driver: new BlockDriver(guestTransport(guest), new DmaMemory(guest.ram, 0x10000)) };
  });
  for (const { index, driver } of guests) expect((await driver.read(0, 1))[0]).toBe(index % 251);
  expect(virtual.pci.size).toEqual({ live: 3, kept: 0 });
});

/** Offsets and strides as they are in the field, and where the last function is. */
test.each([
  ['igb', 384, 2, 7, 0x28c],
  ['an NVMe drive', 32, 1, 64, 0x15f],
  ['ThunderX', 1, 1, 128, 0x180],
  ['an accelerator', 16, 2, 16, 0x12e],
  ["a DPU's block device", 1144, 1, 255, 0x676],
] as const)(
  'behind a port, virtual functions are where those of %s are, and work for a guest',
  async (...hardware) => {
    const [, offset, stride, total, last] = hardware;
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, SLOT);
    const owner = virtioFunction(disk(0), { kind: 'modern', express: true });
    const virtual = mmrVirtualFunctions(owner, { total, offset, stride, make: disk });
    machine.plug(owner.pci, { behind: port });
    // Another port, whose bus comes after all of theirs.
    machine.plug(new Bridge({ kind: 'root-port' }), SLOT + 8);
    runFirmware(machine);
    const functions = enableVirtualFunctions(machine, 0x100, total);
    expect(functions.addressOf(total)).toBe(last);
    const guest = guestMachine(2 << 20);
    new Hypervisor(functions, virtual.pci).attach(total, guest, GUEST_SLOT);
    const driver = new BlockDriver(guestTransport(guest), new DmaMemory(guest.ram, 0x10000));
    expect((await driver.read(0, 1))[0]).toBe(total % 251);
  },
);
