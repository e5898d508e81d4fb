import { describe, expect, it } from 'vitest';
import { registers, ro } from '../../src/core/index.ts';
import { findFunction, runFirmware } from '../../src/driver/index.ts';
import { draft2023, mmrFunction } from '../../src/mmr/index.ts';
import { Bridge, type PciFunction } from '../../src/pci/index.ts';
import { describeFunction, placesOf, type WindowDescription } from '../../src/trace/index.ts';
import {
  BlockDevice,
  EntropyDevice,
  functionKindNames,
  MemoryStorage,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { addScratch, bareFunction, bridgeOf, SLOT, smallMachine } from '../pci/support.ts';

function described(pci: PciFunction) {
  const machine = smallMachine();
  machine.plug(pci, SLOT);
  runFirmware(machine);
  return describeFunction(machine, findFunction(machine, SLOT)!);
}

describe('description of a function', () => {
  it('has BARs and capabilities by name', () => {
    const description = described(mmrFunction(new EntropyDevice()).pci);
    expect(description).toMatchObject({
      address: '00:04.0',
      kind: 'mmr',
      type: 'entropy',
      device: 'virtio-rng',
      subsystemVendorId: 0x1af4,
      bridge: null,
    });
    expect(description.bars.map(({ index, sizeBytes }) => [index, sizeBytes])).toEqual([
      [0, 8192],
      [1, 4096],
      [4, 16384],
    ]);
    expect(description.capabilities.map(({ name }) => name)).toEqual([
      'express',
      'msix',
      'virtio common',
      'virtio isr',
      'virtio device',
      'virtio notify',
      'virtio pciConfig',
    ]);
    // What every capability begins with is no field of it.
    expect(description.capabilities[1]!.fields).toEqual({ messageControl: 1, table: 1, pendingBits: 0x801 });
    expect(description.extended[0]?.fields).toMatchObject({ bar: 0, offset: 0x1000, length: 24 });
    expect(description.extended[0]?.fields).not.toHaveProperty('header');
  });

  it.each(functionKindNames)('tells its kind by what stands on it: %s', (kind) => {
    const storage = new MemoryStorage(new Uint8Array(4096));
    expect(described(virtioFunction(new BlockDevice({ storage }), { kind }).pci)).toMatchObject({
      kind,
      type: 'block',
      device: 'virtio-blk',
    });
  });

  it('says of one that is none of virtio only what every function has', () => {
    expect(described(bareFunction())).toMatchObject({
      vendorId: 0x1234,
      classCode: 0xff0102,
      kind: null,
      type: null,
      device: null,
      bridge: null,
      bars: [],
      capabilities: [],
      extended: [],
    });
  });
});

describe("a capability that is specific to another vendor than virtio's", () => {
  const structure = registers({
    capabilityId: ro(0, 1),
    nextPointer: ro(1, 1),
    structureType: ro(3, 1, '', { reset: 1 }),
    bar: ro(4, 1),
    length: ro(12, 4, '', { reset: 64 }),
  });
  const foreign = () => {
    const pci = bareFunction({ express: true });
    addScratch(pci, 0, 'memory32', 4096, 16);
    pci.capabilities.add(9, structure, {});
    pci.extendedCapabilities.add(
      draft2023.extendedCapabilityId,
      1,
      registers({ header: ro(0, 4), at: ro(4, 4) }),
      {},
    );
    return pci;
  };

  it('is none of its structures: not described, not decoded, no place', () => {
    const machine = smallMachine();
    machine.plug(foreign(), SLOT);
    runFirmware(machine);
    const fn = findFunction(machine, SLOT)!;
    const { capabilities, extended } = describeFunction(machine, fn);
    expect(capabilities.map(({ name, fields }) => [name, Object.keys(fields).length > 0])).toEqual([
      ['express', true],
      ['vendorSpecific', false],
    ]);
    expect(extended.map(({ name }) => name)).toEqual(['vendorSpecific']);
    expect(placesOf(machine)).toEqual([]);
    // The same of virtio's.
    const virtio = describeFunction(machine, { ...fn, vendorId: 0x1af4 });
    expect(virtio.capabilities[1]!.name).toBe('virtio common');
  });
});

describe('description of a bridge', () => {
  const [io, memory, prefetchable]: readonly WindowDescription[] = [
    { name: 'io', start: 0x2000, end: 0x4000 },
    { name: 'memory', start: 0xc0000000, end: 0xc0200000 },
    { name: 'prefetchable', start: 0x80_0000_0000, end: 0x80_0010_0000 },
  ];

  /** A bridge that was told where to lead, and its description. */
  function bridge(commandBits: number) {
    const machine = smallMachine();
    machine.plug(new Bridge({ kind: 'root-port' }), SLOT);
    const registers = bridgeOf(machine, SLOT);
    registers.buses(1, 3);
    registers.io(io!.start, io!.end);
    registers.memory(memory!.start, memory!.end);
    registers.prefetchable(prefetchable!.start, prefetchable!.end);
    registers.command(commandBits);
    return { ...registers, describe: () => describeFunction(machine, findFunction(machine, SLOT)!) };
  }

  it('has its buses and windows, and no subsystem', () => {
    const { subsystemVendorId, bridge: leads } = bridge(3).describe();
    expect(subsystemVendorId).toBe(0);
    expect(leads).toEqual({ primary: 0, secondary: 1, subordinate: 3, windows: [io, memory, prefetchable] });
  });

  it.each([
    ['nothing', 0, []],
    ['ports', 1, [io]],
    ['memory', 2, [memory, prefetchable]],
  ])('has the windows of what it passes on: %s', (_, commandBits, windows) => {
    expect(bridge(commandBits).describe().bridge!.windows).toEqual(windows);
  });

  it('has no window whose limit is below its base', () => {
    const { memory: setMemory, describe: describeNow } = bridge(3);
    setMemory(0xc0200000, 0xc0000000);
    expect(describeNow().bridge!.windows).toEqual([io, prefetchable]);
  });
});
