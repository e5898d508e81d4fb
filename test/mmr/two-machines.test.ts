import { describe, expect, it, test } from 'vitest';
import { DmaDomain, functionAddress, GuestMemory } from '../../src/core/index.ts';
import { BlockDriver, EntropyDriver, openTransport } from '../../src/driver/index.ts';
import { ForeignDomainError, mmrFunction, twoMachines } from '../../src/mmr/index.ts';
import {
  BlockDevice,
  EntropyDevice,
  entropyDeviceType,
  MemoryStorage,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { clausesIn, watch } from '../pci/support.ts';

const ram = () => GuestMemory.allocate({ start: 0, length: 1 << 21 });
const host = () => ({ ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }) });
const disk = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(8192)) });

describe('a guest and its host', () => {
  test.each([
    ['an MMR function', () => mmrFunction(disk())],
    ['a transitional one', () => virtioFunction(disk(), { kind: 'transitional' })],
  ])('serve the guest\u2019s driver from its own RAM: %s', async (_, make) => {
    const options = { ram: ram(), host: host() };
    const machines = twoMachines(make(), options);
    const events = [watch(machines.guest), watch(machines.host)];
    const before = options.host.ram.read(0, 1 << 16);
    const driver = new BlockDriver(machines.transport(), machines.driverMemory(0x100000), { depth: 2 });
    const sector = new Uint8Array(512).map((_, i) => i);
    await driver.write(3, sector);
    expect(await driver.read(3, 1)).toEqual(sector);
    expect([...events.flatMap(clausesIn), machines.guest.ram]).toEqual([options.ram]);
    expect(options.host.ram.read(0, 1 << 16)).toEqual(before);
    expect([machines.inGuest().deviceId, machines.inGuest().revisionId]).toEqual([0x1001, 0]);
    expect(machines.inHost().address).toBe(functionAddress(0, 4));
  });

  it('hold several functions, each at a place of its own', async () => {
    const place = functionAddress(0, 9, 0);
    const machines = twoMachines(
      [
        virtioFunction(disk(), { kind: 'transitional' }),
        { fn: mmrFunction(new EntropyDevice()), guestAddress: place },
      ],
      { ram: ram(), host: host() },
    );
    expect(machines.functions.map(({ hostAddress, guestAddress }) => [hostAddress, guestAddress])).toEqual([
      [functionAddress(0, 4), functionAddress(0, 4)],
      [functionAddress(0, 5), place],
    ]);
    const transport = openTransport(machines.guest, place, { type: entropyDeviceType });
    const driver = new EntropyDriver(transport, machines.driverMemory(0x100000));
    expect((await driver.read(5)).length).toBe(5);
    expect(machines.transport(0).queueSize(0)).toBeGreaterThan(0);
  });

  it('take no domain over other memory, and a smaller one over the guest\u2019s', () => {
    const memory = ram();
    const fn = mmrFunction(disk());
    const make = (domain: DmaDomain) => twoMachines([{ fn, domain }], { ram: memory, host: host() });
    expect(() => make(new DmaDomain(ram()))).toThrow(ForeignDomainError);
    const domain = new DmaDomain(memory, [{ start: 0x100000, length: 4096, write: true }]);
    expect(make(domain).functions[0]!.domain).toBe(domain);
  });

  it('leave the guest\u2019s firmware to the test where it wants that', () => {
    const options = { ram: ram(), host: host(), guestFirmware: false };
    expect(twoMachines(mmrFunction(disk()), options).inGuest().bars[0]!.address).toBe(0);
  });
});
