import { describe, expect, it } from 'vitest';
import { DmaDomain } from '../../../src/core/index.ts';
import {
  DmaMemory,
  FunctionGoneError,
  findFunction,
  NetworkDriver,
  runFirmware,
  type Transport,
  VirtioDriver,
} from '../../../src/driver/index.ts';
import { feature, featureWords, Hub, NetworkDevice, networkConfig } from '../../../src/virtio/index.ts';
import { accessesIn, SLOT, smallMachine, watch } from '../../pci/support.ts';
import { functionWith, type Kind, kinds, transportOf } from '../support/kinds.ts';

const place = { descriptor: 0x10000, driver: 0x10080, device: 0x11000 };

function open(kind: Kind) {
  const machine = smallMachine();
  const behaviour = new NetworkDevice({
    link: new Hub().socket(),
    macAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
  const fn = functionWith(kind, behaviour, { transportFeatures: [feature.ringReset] });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const make = (): Transport => transportOf(kind, machine, found);
  return { machine, fn, found, make };
}

describe.each(kinds)('the %s transport of a function that is gone', (kind) => {
  it('says so instead of waiting for a reset, and at once', () => {
    const { machine, make } = open(kind);
    const transport = make();
    machine.unplug(SLOT);
    const events = watch(machine);
    expect(() => transport.reset()).toThrow(FunctionGoneError);
    expect(() => transport.status).toThrow(FunctionGoneError);
    expect(accessesIn(events).length).toBeLessThan(6);
  });

  it('says so where a queue, a vector or a field reads all ones', () => {
    const { machine, make } = open(kind);
    const transport = make();
    transport.writeFeatures(featureWords(kind === 'modern' ? [feature.version1, feature.ringReset] : []));
    const driver = new VirtioDriver(transport, new DmaMemory(machine.ram, 0x20000));
    transport.connect({ queue: () => {}, config: () => {} });
    machine.unplug(SLOT);
    const events = watch(machine);
    expect(() => driver.setUpQueue(0)).toThrow(FunctionGoneError);
    expect(() => transport.setUpQueue(0, 8, place)).toThrow(FunctionGoneError);
    expect(() => driver.readField(networkConfig, 'status')).toThrow(FunctionGoneError);
    if (kind === 'modern') expect(() => transport.resetQueue(0)).toThrow(FunctionGoneError);
    expect(accessesIn(events).length).toBeLessThan(60);
  });

  it('is none of another line: a field of all ones is a value while status is not', () => {
    const { make, machine } = open(kind);
    const driver = new NetworkDriver(make(), new DmaMemory(machine.ram, 0x20000), { buffers: 1, depth: 1 });
    driver.driver.transport.readConfig = () => 0xffff;
    expect(driver.driver.readField(networkConfig, 'status')).toBe(0xffff);
  });

  it('cannot be made anew', () => {
    const { make, machine } = open(kind);
    machine.unplug(SLOT);
    // Ids are those of the time when the function was found; ports answer only when they are used.
    if (kind === 'legacy') expect(() => make().reset()).toThrow(FunctionGoneError);
    else expect(make).toThrow(FunctionGoneError);
  });
});

describe('a driver of a function that is gone', () => {
  it('does not take all ones for a MAC address', () => {
    const { make, machine } = open('modern');
    const driver = new NetworkDriver(make(), new DmaMemory(machine.ram, 0x20000), { buffers: 1, depth: 1 });
    expect([...driver.macAddress!]).toEqual([2, 0, 0, 0, 0, 1]);
    machine.unplug(SLOT);
    expect(() => driver.macAddress).toThrow(FunctionGoneError);
  });

  it('ends a suspension with that', () => {
    const { make, machine } = open('modern');
    const driver = new VirtioDriver(make(), new DmaMemory(machine.ram, 0x20000));
    driver.bringUp({ features: [], queues: [0] }, { queue: () => {}, config: () => {} });
    machine.unplug(SLOT);
    expect(() => driver.needsReset).toThrow(FunctionGoneError);
  });
});
