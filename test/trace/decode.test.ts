import { describe, expect, it } from 'vitest';
import { type AccessEvent, functionAddress, type LabEvent, ro } from '../../src/core/index.ts';
import { findFunction, runFirmware } from '../../src/driver/index.ts';
import { type Draft, draft2023, fixedVectorsDraft, mmrFunction } from '../../src/mmr/index.ts';
import { capabilityId, Machine, type PciFunction } from '../../src/pci/index.ts';
import { Decoder, featureNames, identify, placesOf } from '../../src/trace/index.ts';
import {
  BlockDevice,
  blockDeviceType,
  defineDeviceType,
  entropyDeviceType,
  MemoryStorage,
  networkDeviceType,
  virtioFunction,
} from '../../src/virtio/index.ts';

const at = functionAddress(0, 4);
const block = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(1 << 20)) });

/** A port access to a legacy block, whoever saw it. */
const portAccess = (offset: number, width: 1 | 2 | 4): AccessEvent => ({
  kind: 'access',
  space: 'io',
  operation: 'read',
  address: 0xc000 + offset,
  width,
  value: 0,
  target: '00:04.0 BAR0 legacy',
  offset,
  posted: false,
});

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

  it('says how far into a register an access begins, of types with packed configuration too', () => {
    const packed = defineDeviceType({
      name: 'packed',
      functionName: 'virtio-packed',
      typeNumber: 60,
      transitionalId: 0x103f,
      classCode: 0xff0000,
      config: { mode: ro(0, 1), level: ro(1, 4), places: ro(5, 2, '', { count: 3 }) },
    });
    const { machine, fn } = lab(virtioFunction(block(), { kind: 'legacy' }).pci);
    const decoder = new Decoder();
    decoder.add(machine, { ...fn, deviceId: 0x103f }, draft2023, [packed]);
    const registerOf = (offset: number, width: 1 | 2 | 4) =>
      decoder.decode(portAccess(offset, width)).register;
    expect([
      registerOf(0x0f, 2),
      registerOf(0x15, 4),
      registerOf(0x17, 2),
      registerOf(0x1b, 2),
      registerOf(0x1c, 1),
    ]).toEqual([
      'queueSelect (2 bytes at +1)',
      'config.level',
      'config.level (2 bytes at +2)',
      'config.places[1]',
      'config.places[1] (1 byte at +1)',
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

  it.each([
    ['the register', 2, 2, 0x8000],
    ['the byte that has it', 3, 1, 0x80],
    ['the whole dword', 0, 4, 0x80000000],
  ] as const)('learns of MSI-X by a write of %s', (_, offset, width, value) => {
    const { machine, decoded, bar, msixAt } = lab(virtioFunction(block(), { kind: 'legacy' }).pci);
    const read = () => machine.ioRead(bar(0) + 0x14, 2);
    const write = (bits: number) => () => machine.configWrite(at, msixAt + offset, width, bits);
    const beside = () => machine.configWrite(at, msixAt + 2, 1, 0xff);
    expect(
      decoded(beside, read, write(value), read, beside, read, write(0), read)
        .filter(([place]) => place === 'legacy')
        .map(([, register]) => register),
    ).toEqual([
      'config.capacity (2 bytes)',
      'configMsixVector',
      'configMsixVector',
      'config.capacity (2 bytes)',
    ]);
  });

  it.each([
    ['the register', 8, 2, 0x8000],
    ['the byte that has it', 9, 1, 0x80],
    ['the whole dword', 8, 4, 0x8000],
  ] as const)(
    'learns that a function-level reset ends MSI-X, by a write of %s',
    (_, offset, width, value) => {
      const { machine, fn, decoded, bar, msixAt } = lab(mmrFunction(block()).pci);
      const expressAt = fn.capabilities.find(({ id }) => id === capabilityId.express)!.offset;
      const read = () => machine.memoryRead(bar(0) + 0x1014, 2);
      const registers = decoded(
        () => machine.configWrite(at, msixAt + 2, 2, 0x8000),
        () => machine.configWrite(at, expressAt + 8, 2, 0x2810),
        read,
        () => machine.configWrite(at, expressAt + offset, width, value),
        () => machine.configWrite(at, 0x10, 4, bar(0)),
        () => machine.configWrite(at, 4, 2, 2),
        read,
      ).map(([, register]) => register);
      expect([registers[2], registers.at(-1)]).toEqual(['configMsixVector', 'config.capacity (2 bytes)']);
    },
  );

  it.each([
    ['off', 0, 'config.capacity (2 bytes)'],
    ['on', 0x8000, 'configMsixVector'],
  ])('sees that MSI-X is %s already where a function is added', (_, control, register) => {
    const { machine, fn, msixAt } = lab(virtioFunction(block(), { kind: 'legacy' }).pci);
    machine.configWrite(at, msixAt + 2, 2, control);
    const decoder = new Decoder();
    decoder.add(machine, fn);
    expect(decoder.decode(portAccess(0x14, 2)).register).toBe(register);
  });

  it('lets a draft say nothing of a function that is none of its own', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'legacy' }).pci, fixedVectorsDraft);
    expect(decoded(() => machine.ioRead(bar(0) + 0x14, 2))[0]?.[1]).toBe('config.capacity (2 bytes)');
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

  it('keeps the word that is selected where bytes beside it, or none of its registers, are written', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'modern' }).pci);
    const common = bar(4);
    expect(
      decoded(
        () => machine.memoryWrite(common, 4, 1),
        () => machine.memoryWrite(common + 1, 1, 0),
        () => machine.memoryWrite(common + 2, 2, 0),
        () => machine.memoryWrite(common + 0x100, 4, 0),
        () => machine.memoryRead(common + 4, 4),
      ).map(([, register, , meaning]) => [register, meaning]),
    ).toEqual([
      ['deviceFeatureSelect', '1'],
      ['deviceFeatureSelect (1 byte at +1)', ''],
      ['deviceFeatureSelect (2 bytes at +2)', ''],
      ['0x100', ''],
      ['deviceFeature', 'version1 ringReset'],
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

  it('has the offset in a place of a function that no table describes', () => {
    const { machine, decoded, bar } = lab(virtioFunction(block(), { kind: 'modern' }).pci);
    const { target } = placesOf(machine).find(({ target: each }) => each.endsWith('msix-pba'))!;
    expect(target).toBe('00:04.0 BAR1 msix-pba');
    const [pending] = decoded(() => machine.memoryRead(bar(1) + 0x804, 4));
    expect(pending).toEqual(['msix-pba', '0x0004', '0x00000000', '']);
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
