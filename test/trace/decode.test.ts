import { describe, expect, it } from 'vitest';
import { type AccessEvent, functionAddress, type LabEvent } from '../../src/core/index.ts';
import { findFunction, runFirmware } from '../../src/driver/index.ts';
import { type Draft, draft2023, fixedVectorsDraft, mmrFunction } from '../../src/mmr/index.ts';
import { capabilityId, Machine, type PciFunction } from '../../src/pci/index.ts';
import { Decoder, describeFunction, featureNames, identify } from '../../src/trace/index.ts';
import {
  BlockDevice,
  blockDeviceType,
  EntropyDevice,
  entropyDeviceType,
  MemoryStorage,
  networkDeviceType,
  virtioFunction,
} from '../../src/virtio/index.ts';

const at = functionAddress(0, 4);
const block = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(1 << 20)) });

/** A machine with one function, whose accesses come out decoded. */
function lab(pci: PciFunction, draft: Draft = draft2023) {
  const machine = new Machine();
  machine.plug(pci, at);
  runFirmware(machine);
  const fn = findFunction(machine, at)!;
  const decoder = new Decoder();
  decoder.add(machine, fn, draft);
  const seen: AccessEvent[] = [];
  machine.events = (event: LabEvent) => {
    if (event.kind === 'access') seen.push(event);
  };
  const decoded = (...accesses: (() => void)[]) => {
    seen.length = 0;
    for (const access of accesses) access();
    return seen.map((event) => {
      const { place, register, value, meaning } = decoder.decode(event);
      return [place, register, value, meaning];
    });
  };
  const bar = (index: number) => fn.bars.find((each) => each.index === index)!.address;
  const msixAt = fn.capabilities.find(({ id }) => id === capabilityId.msix)!.offset;
  return { machine, fn, decoded, bar, msixAt };
}

describe('decoding of the legacy block', () => {
  it('names registers and says what is in them', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'legacy' }).pci);
    const port = bar(0);
    expect(
      decoded(
        () => machine.ioWrite(port + 0x12, 1, 0),
        () => machine.ioWrite(port + 0x12, 1, 0x83),
        () => machine.ioRead(port + 0x12, 1),
        () => machine.ioWrite(port + 0x0e, 2, 7),
        () => machine.ioWrite(port + 0x08, 4, 0x123),
        () => machine.ioRead(port + 0x13, 1),
        () => machine.ioWrite(port + 0x04, 4, 0x10000200),
      ),
    ).toEqual([
      ['legacy', 'deviceStatus', '0x00', 'reset'],
      ['legacy', 'deviceStatus', '0x83', 'acknowledge driver failed'],
      ['legacy', 'deviceStatus', '0x83', 'acknowledge driver failed'],
      ['legacy', 'queueSelect', '0x0007', '7'],
      ['legacy', 'queueAddress', '0x00000123', 'page at 0x123000'],
      ['legacy', 'isrStatus', '0x00', '-'],
      ['legacy', 'driverFeatures', '0x10000200', 'flush ringIndirectDescriptors'],
    ]);
  });

  it('says when an access is not one of a whole register', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'legacy' }).pci);
    const port = bar(0);
    expect(
      decoded(
        () => machine.ioRead(port + 0x0c, 4),
        () => machine.ioRead(port + 0x01, 1),
        () => machine.ioRead(port + 0x14, 4),
        () => machine.ioRead(port + 0x18, 4),
        () => machine.ioRead(port + 0x1a, 2),
        () => machine.ioRead(port + 0x6c, 1),
      ).map(([, register, , meaning]) => [register, meaning]),
    ).toEqual([
      ['queueSize (4 bytes)', ''],
      ['deviceFeatures (1 byte at +1)', ''],
      ['config.capacity.low', '2048'],
      ['config.capacity.high', '0'],
      ['config.capacity (2 bytes at +6)', ''],
      ['config.0x58', ''],
    ]);
  });

  it('moves device configuration with the MSI-X enable bit, back and forth', () => {
    const { machine, decoded, bar, msixAt } = lab(virtioFunction(block(), { kind: 'legacy' }).pci);
    const read = () => machine.ioRead(bar(0) + 0x14, 2);
    const enable = (value: number) => () => machine.configWrite(at, msixAt + 2, 2, value);
    expect(decoded(read, enable(0x8000), read, enable(0), read).map(([, register]) => register)).toEqual([
      'config.capacity (2 bytes)',
      'messageControl',
      'configMsixVector',
      'messageControl',
      'config.capacity (2 bytes)',
    ]);
  });

  it('knows that vectors move in a memory block, and a draft in which they do not', () => {
    for (const [draft, register] of [
      [draft2023, 'config.capacity (2 bytes)'],
      [fixedVectorsDraft, 'configMsixVector'],
    ] as const) {
      const { machine, decoded, bar } = lab(mmrFunction(block(), { draft }).pci, draft);
      expect(decoded(() => machine.memoryRead(bar(0) + 0x1014, 2))[0]?.[1]).toBe(register);
    }
  });
});

describe('decoding of the modern structures', () => {
  it('names features by the word that was selected', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'modern' }).pci);
    const common = bar(4);
    expect(
      decoded(
        () => machine.memoryWrite(common, 4, 1),
        () => machine.memoryRead(common + 4, 4),
        () => machine.memoryWrite(common, 4, 0),
        () => machine.memoryWrite(common + 8, 4, 1),
        () => machine.memoryWrite(common + 12, 4, 1),
        () => machine.memoryRead(common + 0x10, 2),
      ),
    ).toEqual([
      ['common', 'deviceFeatureSelect', '0x00000001', '1'],
      ['common', 'deviceFeature', '0x00000101', 'version1 ringReset'],
      ['common', 'deviceFeatureSelect', '0x00000000', '0'],
      ['common', 'driverFeatureSelect', '0x00000001', '1'],
      ['common', 'driverFeature', '0x00000001', 'version1'],
      ['common', 'configMsixVector', '0xffff', 'NO_VECTOR'],
    ]);
  });

  it('names the other structures and the MSI-X table', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'modern' }).pci);
    expect(
      decoded(
        () => machine.memoryRead(bar(4) + 0x1000, 1),
        () => machine.memoryRead(bar(4) + 0x2000, 4),
        () => machine.memoryWrite(bar(4) + 0x3000, 2, 0),
        () => machine.memoryWrite(bar(1) + 0x18, 4, 9),
      ),
    ).toEqual([
      ['isr', 'isrStatus', '0x00', '-'],
      ['device', 'config.capacity.low', '0x00000800', '2048'],
      ['notify', 'queueNotify', '0x0000', '0'],
      ['msix-table', 'entry[1].messageData', '0x00000009', ''],
    ]);
  });

  it('PCI-KICK-04: tells where a kick with data says that the queue goes on', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'modern' }).pci);
    expect(
      decoded(
        () => machine.memoryWrite(bar(4) + 0x3004, 4, 0x80030001),
        () => machine.memoryWrite(bar(4) + 0x3004, 4, 0x7fff4001),
        () => machine.memoryRead(bar(4) + 0x38, 2),
        () => machine.memoryWrite(bar(4) + 0x3a, 2, 1),
        () => machine.memoryRead(bar(4) + 0x3e, 2),
      ),
    ).toEqual([
      ['notify', 'queueNotify', '0x80030001', '1, next 3, wrap 1'],
      ['notify', 'queueNotify', '0x7fff4001', '16385, next 32767, wrap 0'],
      ['common', 'queueNotifConfigData', '0x0000', ''],
      ['common', 'queueReset', '0x0001', '1'],
      ['common', 'adminQueueNum', '0x0000', '0'],
    ]);
  });
});

describe('decoding of configuration space', () => {
  it('names header and capability registers', () => {
    const { machine, decoded, msixAt } = lab(virtioFunction(block(), { kind: 'transitional' }).pci);
    expect(
      decoded(
        () => machine.configRead(at, 0, 2),
        () => machine.configWrite(at, 4, 2, 0x0407),
        () => machine.configRead(at, 0x18, 4),
        () => machine.configRead(at, msixAt + 2, 2),
        () => machine.configRead(at, 0xf8, 4),
      ),
    ).toEqual([
      ['header', 'vendorId', '0x1af4', ''],
      ['header', 'command', '0x0407', 'io memory busMaster interruptDisable'],
      ['header', 'bar[2]', '0x00000000', ''],
      ['msix', 'messageControl', '0x0001', '-, 2 vectors'],
      ['config', '0xf8', '0x00000000', ''],
    ]);
  });

  it('leaves alone what no known function answered', () => {
    const { machine, decoded } = lab(virtioFunction(block(), { kind: 'modern' }).pci);
    expect(
      decoded(
        () => machine.ioRead(0x1234, 1),
        () => machine.configRead(0, 0, 4),
        () => machine.memoryWrite(0x1000, 4, 5),
      ).map(([place, register]) => [place, register]),
    ).toEqual([
      ['', '0x0000'],
      ['host-bridge', '0x0000'],
      ['RAM', '0x1000'],
    ]);
  });
});

describe('what ids say', () => {
  it('tells the type and the kind of function', () => {
    expect(identify(0x1af4, 0x1001)).toEqual({ type: blockDeviceType, ids: 'legacy' });
    expect(identify(0x1af4, 0x1044)).toEqual({ type: entropyDeviceType, ids: 'modern' });
    expect(identify(0x1af4, 0x10f9)).toEqual({ type: networkDeviceType, ids: 'mmr' });
    expect(identify(0x1af4, 0x1050)).toBe(null);
    expect(identify(0x8086, 0x1001)).toBe(null);
  });

  it('names bits that no table has by their number', () => {
    expect(featureNames(blockDeviceType, 0, 0x80000001)).toBe('barrier 0x80000000');
    expect(featureNames(null, 0, 1)).toBe('0x1');
    expect(featureNames(blockDeviceType, 1, 3)).toBe('version1 accessPlatform');
  });
});

describe('description of a function', () => {
  it('has BARs and capabilities by name', () => {
    const { machine, fn } = lab(mmrFunction(new EntropyDevice()).pci);
    const description = describeFunction(machine, fn);
    expect(description).toMatchObject({
      address: '00:04.0',
      kind: 'mmr',
      type: 'entropy',
      device: 'virtio-rng',
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
    expect(description.extended[0]?.fields).toMatchObject({ bar: 0, offset: 0x1000, length: 24 });
  });
});
