import { describe, expect, it } from 'vitest';
import { BlockDriver, EntropyDriver, LegacyTransport } from '../../src/driver/index.ts';
import { draft2023, hasMmrId, memoryAccess, mmrVirtualFunctions } from '../../src/mmr/index.ts';
import { CapabilitySpaceError, VirtualFunction, VirtualFunctionsError } from '../../src/pci/index.ts';
import {
  Administration,
  BlockDevice,
  EntropyDevice,
  feature,
  Hub,
  MemoryStorage,
  NetworkDevice,
  SeededEntropy,
  VirtualMembers,
  virtioFunction,
  virtualFunctions,
} from '../../src/virtio/index.ts';
import { at as header } from '../pci/support.ts';
import { sriov } from '../pci/virtual-support.ts';
import { kitOf, kitTypes } from '../properties/kits/index.ts';
import { VirtualGuest } from './support/virtual.ts';

const pf = () => virtioFunction(new EntropyDevice(), { kind: 'modern', express: true });
/** Disks of 16 sectors, each full of its number. */
const disk = (index: number) =>
  new BlockDevice({ storage: new MemoryStorage(new Uint8Array(8192).fill(index)) });

const offers = (fn: ReturnType<typeof pf>) =>
  (fn.device.features.offered[1]! & (1 << (feature.singleRootIov - 32))) !== 0;

describe('a virtio function with virtual ones', () => {
  it('offers SR_IOV, and without them it does not', () => {
    expect(offers(pf())).toBe(false);
    const owner = pf();
    virtualFunctions(owner, { total: 2, make: disk });
    expect(offers(owner)).toBe(true);
  });

  it('is told on when a driver that may not enable them does', () => {
    const guest = new VirtualGuest(virtualFunctions(pf(), { total: 2, make: disk }));
    guest.software.enable(2);
    expect(guest.clauses()).toEqual(['RF-11']);
    guest.agree();
    guest.software.disable();
    guest.software.enable(2);
    guest.owner.pci.configWrite(header.command, 2, 0);
    guest.owner.device.reset();
    guest.software.disable();
    guest.software.enable(1);
    expect(guest.clauses()).toEqual([]);
    const other = new VirtualGuest(virtualFunctions(pf(), { total: 2, make: disk }));
    other.machine.load(guest.machine.save());
    other.software.disable();
    other.software.enable(1);
    expect(other.clauses()).toEqual([]);
  });

  it('has functions of another type, that drivers drive side by side', async () => {
    const guest = new VirtualGuest(virtualFunctions(pf(), { total: 3, make: disk }));
    guest.agree();
    guest.software.enable(3);
    expect(guest.software.read(sriov.deviceId, 2)).toBe(0x1042);
    const drivers = [1, 2, 3].map((index) => {
      guest.machine.configWrite(guest.address(index), 4, 2, 4);
      return new BlockDriver(guest.transport(index), guest.memory(index), { requestBytes: 1024, depth: 2 });
    });
    const read = await Promise.all(drivers.map((driver) => driver.read(0, 1)));
    expect(read.map(([byte]) => byte)).toEqual([1, 2, 3]);
    expect(guest.clauses()).toEqual([]);
    guest.software.write(sriov.control, 2, 0);
    expect(guest.functions.at(1)).toBeUndefined();
  });

  it('has functions of its own type', async () => {
    const owner = pf();
    const make = (index: number) => new EntropyDevice({ source: new SeededEntropy(index) });
    const guest = new VirtualGuest(virtualFunctions(owner, { total: 2, make }));
    guest.software.enable(2);
    guest.machine.configWrite(guest.address(2), 4, 2, 4);
    const driver = new EntropyDriver(guest.transport(2), guest.memory(2));
    const seeded = new Uint8Array(8);
    new SeededEntropy(2).fill(seeded);
    expect(await driver.read(8)).toEqual(seeded);
    expect(guest.functions.at(2)!.pci.msix!.vectors).toBe(2);
  });

  it('has MMR functions, whose block a legacy driver drives', async () => {
    const guest = new VirtualGuest(mmrVirtualFunctions(pf(), { total: 3, make: disk }));
    guest.software.enable(3);
    expect(guest.software.read(sriov.deviceId, 2)).toBe(draft2023.deviceIds['block']);
    for (const index of [1, 3]) {
      guest.machine.configWrite(guest.address(index), 4, 2, 4);
      const fn = guest.find(index);
      const access = memoryAccess(guest.machine, fn, draft2023);
      const driver = new BlockDriver(new LegacyTransport(guest.machine, fn, access), guest.memory(index), {
        requestBytes: 1024,
        depth: 1,
      });
      expect((await driver.read(0, 1))[0]).toBe(index);
      driver.close();
    }
  });

  it.each(kitTypes)('is of any type, as they are: %s', (name) => {
    const make = () => kitOf(name).make(8).behaviour;
    const owner = () => virtioFunction(make(), { kind: 'modern', express: true });
    const all = [virtualFunctions(owner(), { total: 2, make })];
    if (hasMmrId(kitOf(name).type, draft2023)) all.push(mmrVirtualFunctions(owner(), { total: 2, make }));
    for (const functions of all) {
      const guest = new VirtualGuest(functions);
      guest.agree();
      guest.software.enable(2);
      const transport = guest.transport(2);
      transport.setStatus(1);
      const { device } = functions.at(2)!;
      expect([device.behaviour.type.name, device.status, functions.at(1)!.device.status]).toEqual([
        name,
        1,
        0,
      ]);
      guest.software.disable();
      expect(guest.clauses()).toEqual([]);
    }
  });

  it('has them as the group that its administration knows of', () => {
    const members = new VirtualMembers();
    const administration = new Administration({ members });
    const owner = virtioFunction(new EntropyDevice(), { kind: 'modern', express: true, administration });
    expect([members.enabled, members.count]).toEqual([false, 0]);
    const functions = virtualFunctions(owner, { total: 3, make: disk, members });
    const guest = new VirtualGuest(functions);
    guest.software.enable(2);
    expect([members.enabled, members.count, members.bar0]).toEqual([true, 2, false]);
    expect(members.member(2)).toBe(functions.at(2));
    expect(members.member(2).device.behaviour.type.name).toBe('block');
  });

  it('can have devices that legacy drivers reach through their owner', () => {
    for (const legacyCommands of [false, true]) {
      const guest = new VirtualGuest(virtualFunctions(pf(), { total: 1, make: disk, legacyCommands }));
      guest.software.enable(1);
      const { device, legacy } = guest.functions.at(1)!;
      expect([device.options.legacy, legacy !== null]).toEqual([legacyCommands, legacyCommands]);
    }
  });
});

describe('virtio functions of which few exist as objects', () => {
  it('go on as if nothing had been, once a driver has started them', async () => {
    const make = (index: number) =>
      new BlockDevice({ storage: new MemoryStorage(storages[index]!), serial: `${index}` });
    const storages = [0, 1, 2, 3, 4].map((index) => new Uint8Array(8192).fill(index));
    const guest = new VirtualGuest(virtualFunctions(pf(), { total: 4, live: 1, make }));
    guest.software.enable(4);
    const drivers = [1, 2, 3, 4].map((index) => {
      guest.machine.configWrite(guest.address(index), 4, 2, 4);
      return new BlockDriver(guest.transport(index), guest.memory(index), { requestBytes: 1024, depth: 2 });
    });
    for (let round = 0; round < 3; round++)
      for (const [i, driver] of drivers.entries()) {
        expect((await driver.read(round, 1))[0]).toBe(i + 1);
        await driver.write(round + 1, new Uint8Array(512).fill(i + 1));
      }
    expect(guest.functions.pci.size).toEqual({ live: 1, kept: 3 });
    expect(guest.clauses()).toEqual(['RF-11']);
  });

  it('stay where something outside can wake them', () => {
    const hub = new Hub();
    const make = () => new NetworkDevice({ link: hub.socket() });
    const guest = new VirtualGuest(virtualFunctions(pf(), { total: 3, live: 1, make }));
    guest.software.enable(3);
    for (const index of [1, 2, 3]) guest.software.vf(index).read(0, 4);
    expect(guest.functions.pci.size).toEqual({ live: 3, kept: 0 });
  });
});

describe('virtio functions that cannot be virtual', () => {
  it.each(['legacy', 'transitional'] as const)('have I/O: %s', (kind) => {
    expect(() => virtualFunctions(pf(), { total: 1, make: disk, kind })).toThrow(VirtualFunctionsError);
  });

  it('belong to one that is not PCI Express', () => {
    const owner = virtioFunction(new EntropyDevice(), { kind: 'modern' });
    expect(() => virtualFunctions(owner, { total: 1, make: disk })).toThrow(CapabilitySpaceError);
    expect(offers(owner)).toBe(false);
  });

  it('are unlike the first', () => {
    const make = (index: number) => (index === 2 ? new EntropyDevice() : disk(index));
    const guest = new VirtualGuest(virtualFunctions(pf(), { total: 2, make }));
    guest.software.enable(2);
    expect(guest.functions.at(1)!.pci).toBeInstanceOf(VirtualFunction);
    expect(() => guest.functions.at(2)).toThrow(/entropy.*as the first one has/);
  });
});
