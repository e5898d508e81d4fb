import { describe, expect, it, test } from 'vitest';
import type { Bus } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DeviceFailedError,
  DmaMemory,
  type FoundBar,
  type FoundFunction,
  FunctionGoneError,
  findFunction,
  findStructure,
  findStructures,
  ModernTransport,
  NoDeviceError,
  NoStructureError,
  runFirmware,
  sharedMemoryOf,
} from '../../../src/driver/index.ts';
import {
  BlockDevice,
  feature,
  featureWords,
  hasFeature,
  MemoryStorage,
  structureType,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';

/** A capability of a function that is nothing but its configuration space. */
interface Capability {
  readonly type: number;
  readonly bytes?: number;
  readonly bar?: number;
  readonly offset?: number;
  readonly length?: number;
  readonly multiplier?: number;
  readonly high?: readonly [offset: number, length: number];
}

const MEMORY: FoundBar = {
  index: 4,
  kind: 'memory64',
  prefetchable: true,
  size: 0x4000,
  address: 0x8000_0000,
};
const PORTS: FoundBar = { index: 0, kind: 'io', prefetchable: false, size: 0x100, address: 0xc000 };
const bytesOf = (type: number) => (type === 2 ? 20 : type === 8 ? 24 : type === 5 ? 20 : 16);

/** Capabilities stand from 0x40 on, one every 32 bytes. */
function made(list: readonly Capability[], bars: readonly FoundBar[] = [PORTS, MEMORY], first = 0x40) {
  const config = new DataView(new ArrayBuffer(0x120));
  config.setUint16(0, 0x1af4, true);
  const capabilities = list.map((each, i) => {
    const at = first + 0x20 * i;
    config.setUint8(at, 9);
    config.setUint8(at + 2, each.bytes ?? bytesOf(each.type));
    config.setUint8(at + 3, each.type);
    config.setUint8(at + 4, each.bar ?? 4);
    config.setUint32(at + 8, each.offset ?? 0, true);
    config.setUint32(at + 12, each.length ?? 0x1000, true);
    if (each.type === 2) config.setUint32(at + 16, each.multiplier ?? 4, true);
    if (each.high) {
      config.setUint32(at + 16, each.high[0], true);
      config.setUint32(at + 20, each.high[1], true);
    }
    return { id: 9, offset: at };
  });
  const read = { 1: 'getUint8', 2: 'getUint16', 4: 'getUint32' } as const;
  const bus = { configRead: (_fn, at, width) => config[read[width]](at, true) } as Bus;
  const fn = { address: SLOT, capabilities, bars, owner: null } as unknown as FoundFunction;
  return { bus, fn, config };
}

const common = { type: 1, offset: 0 };
const isr = { type: 3, offset: 0x1000 };
const notify = { type: 2, offset: 0x3000 };
const device = { type: 4, offset: 0x2000 };
const good = [common, isr, device, notify];

/** A bad one of a type stands before the good one: which is taken? */
const chosen = (bad: Capability) => {
  const { bus, fn } = made([bad, ...good]);
  const { common: c, notify: n, isr: i, device: d } = findStructures(bus, fn);
  const taken = { 1: c, 2: n, 3: i, 4: d }[bad.type as 1 | 2 | 3 | 4]!;
  return taken.capability === 0x40 ? 'it' : 'the next';
};

describe('a virtio structure', () => {
  test.each<readonly [string, Capability, 'it' | 'the next']>([
    ['PCI-CAP-15: common with a capability of 16 bytes', { ...common, bytes: 16 }, 'it'],
    ['PCI-CAP-15: common with a capability of 15 bytes', { ...common, bytes: 15 }, 'the next'],
    ['PCI-CAP-09: common with a longer capability', { ...common, bytes: 40 }, 'it'],
    ['PCI-CAP-15: notify with a capability of 16 bytes', { ...notify, bytes: 16 }, 'the next'],
    ['PCI-CAP-15: notify with a capability of 19 bytes', { ...notify, bytes: 19 }, 'the next'],
    ['PCI-CAP-15: notify with a capability of 20 bytes', { ...notify, bytes: 20 }, 'it'],
    ['PCI-CAP-15: isr with a capability of 0 bytes', { ...isr, bytes: 0 }, 'the next'],
    ['PCI-CAP-15: device with a capability of 12 bytes', { ...device, bytes: 12 }, 'the next'],
    ['PCI-CAP-13: common of length 0', { ...common, length: 0 }, 'the next'],
    ['PCI-CAP-13: common of length 55', { ...common, length: 55 }, 'the next'],
    ['PCI-CAP-13: common of length 56', { ...common, length: 56 }, 'it'],
    ['PCI-NOT-04: notify of length 0', { ...notify, length: 0 }, 'the next'],
    ['PCI-NOT-04: notify of length 1', { ...notify, length: 1 }, 'the next'],
    ['PCI-NOT-04: notify of length 2', { ...notify, length: 2 }, 'it'],
    ['PCI-CAP-13: isr of length 0', { ...isr, length: 0 }, 'the next'],
    ['PCI-CAP-13: isr of length 1', { ...isr, length: 1 }, 'it'],
    ['PCI-CAP-13: device of length 0', { ...device, length: 0 }, 'the next'],
    ['PCI-CAP-10: common in BAR 6', { ...common, bar: 6 }, 'the next'],
    ['PCI-CAP-10: notify in BAR 255', { ...notify, bar: 255 }, 'the next'],
    ['common in a BAR that is not there', { ...common, bar: 2 }, 'the next'],
    ['PCI-COM-01: common at offset 2', { ...common, offset: 2 }, 'the next'],
    ['PCI-NOT-02: notify at offset 1', { ...notify, offset: 0x2801 }, 'the next'],
    ['PCI-NOT-02: notify at offset 2', { ...notify, offset: 0x2802 }, 'it'],
    ['isr at an odd offset', { ...isr, offset: 0x1001 }, 'it'],
    ['PCI-DEV-02: device at offset 2', { ...device, offset: 0x2002, length: 64 }, 'the next'],
    ['common up to the end of its BAR', { ...common, offset: 0x3800, length: 0x800 }, 'it'],
    ['common beyond the end of its BAR', { ...common, offset: 0x3800, length: 0x804 }, 'the next'],
    ['common far beyond its BAR', { ...common, offset: 0xffff_fffc, length: 64 }, 'the next'],
    ['PCI-NOT-03: notify with multiplier 0', { ...notify, multiplier: 0 }, 'it'],
    ['PCI-NOT-03: notify with multiplier 1', { ...notify, multiplier: 1 }, 'the next'],
    ['PCI-NOT-03: notify with multiplier 2', { ...notify, multiplier: 2 }, 'it'],
    ['PCI-NOT-03: notify with multiplier 6', { ...notify, multiplier: 6 }, 'the next'],
    ['PCI-NOT-03: notify with multiplier 2^31', { ...notify, multiplier: 2 ** 31 }, 'it'],
    ['isr inside the common structure', { ...isr, offset: 55 }, 'the next'],
    ['isr behind what is in use of the common structure', { ...isr, offset: 56 }, 'it'],
    ['device around the notify structure', { ...device, offset: 0x3000 }, 'the next'],
    ['notify in I/O space', { ...notify, bar: 0, offset: 0, length: 0x100 }, 'it'],
    ['notify beyond an I/O BAR', { ...notify, bar: 0, offset: 0, length: 0x101 }, 'the next'],
    ['common in I/O space', { ...common, bar: 0, offset: 0x40, length: 64 }, 'it'],
  ])('%s: %s', (_, bad, which) => {
    expect(chosen(bad)).toBe(which);
  });

  it('in the same place of two spaces does not overlap', () => {
    const ports = { ...PORTS, address: MEMORY.address };
    const { bus, fn } = made([{ ...notify, bar: 0, offset: 0, length: 2 }, ...good], [ports, MEMORY]);
    expect(findStructures(bus, fn).notify).toMatchObject({ space: 'io', capability: 0x40 });
  });

  it('whose capability ends beyond its space is passed over', () => {
    const { bus, fn } = made([{ ...common, length: 64 }], [MEMORY], 0xf4);
    expect(findStructure(bus, fn, structureType.common)).toBeNull();
    const last = made([common], [MEMORY], 0xf0);
    expect(findStructure(last.bus, last.fn, structureType.common)).toMatchObject({ capability: 0xf0 });
  });

  test.each<[Partial<Capability>, string]>([
    [{ bytes: 16 }, 'the capability has 16 bytes, wants 20'],
    [{ length: 1 }, 'it has 1 bytes, wants 2'],
    [{ offset: 0x2801 }, 'offset 10241 is no multiple of 2'],
    [{ bar: 6 }, 'BAR 6 is reserved'],
    [{ bar: 2 }, 'there is no BAR 2'],
    [{ offset: 0x3800 }, 'it ends beyond BAR 4'],
    [{ offset: 0 }, 'it overlaps the common structure'],
    [{ multiplier: 3 }, 'multiplier 3 is neither 0 nor an even power of two'],
  ])('LEG-DET-05: that cannot be used is named, with the reason: %j', (change, reason) => {
    const { bus, fn } = made([common, isr, { ...notify, ...change }, { ...notify, bytes: 0 }]);
    expect(() => findStructures(bus, fn)).toThrow(NoStructureError);
    expect(() => findStructures(bus, fn)).toThrow(
      expect.objectContaining({
        structure: 'notify',
        reasons: [
          `that of the capability at 0x80: ${reason}`,
          'that of the capability at 0xa0: the capability has 0 bytes, wants 20',
        ],
      }),
    );
  });

  it('of a function that is gone is no missing one', () => {
    const { bus, fn, config } = made(good);
    for (let at = 0; at < config.byteLength; at++) config.setUint8(at, 0xff);
    expect(() => findStructures(bus, fn)).toThrow(FunctionGoneError);
  });

  it('without an address for its BAR is passed over', () => {
    const { bus, fn } = made(good, [PORTS, { ...MEMORY, address: 0 }]);
    expect(() => findStructures(bus, fn)).toThrow(/BAR 4 has no address/);
  });
});

describe('shared memory', () => {
  test.each<readonly [string, Partial<Capability>, number]>([
    ['as long as its capability says', {}, 1],
    ['with a capability that has no upper halves', { bytes: 23 }, 0],
    ['of no length', { length: 0 }, 0],
    ['that an upper half puts beyond its BAR', { high: [1, 0] }, 0],
    ['that an upper half makes longer than its BAR', { high: [0, 1] }, 0],
    ['in I/O space', { bar: 0, length: 16 }, 0],
  ])('%s', (_, change, count) => {
    const { bus, fn } = made([{ type: 8, high: [0, 0], ...change }]);
    expect(sharedMemoryOf(bus, fn).size).toBe(count);
  });
});

/** A modern function whose structures stand behind ports: those of the types in `types`. */
function behindPorts(types: readonly number[]) {
  const machine = smallMachine();
  const storage = new MemoryStorage(new Uint8Array(8192).map((_, i) => i));
  const fn = virtioFunction(new BlockDevice({ storage }), { kind: 'modern' });
  for (const at of fn.pci.capabilities.offsets) {
    const type = fn.pci.config.get(at + 3, 1);
    if (fn.pci.config.get(at, 1) === 9 && types.includes(type)) fn.pci.config.set(at + 4, 1, 0);
  }
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const memory = found.bars.find(({ index }) => index === 4)!;
  const ports: FoundBar = { index: 0, kind: 'io', prefetchable: false, size: 0x4000, address: 0x4000 };
  const log: string[] = [];
  const there = (port: number) => memory.address + port - ports.address;
  const bus: Bus = {
    configRead: (...args) => machine.configRead(...args),
    configWrite: (...args) => machine.configWrite(...args),
    ioRead: (port, width) => {
      log.push(`r${width}`);
      return machine.memoryRead(there(port), width);
    },
    ioWrite: (port, width, value) => {
      log.push(`w${width}`);
      machine.memoryWrite(there(port), width, value);
    },
    memoryRead: (...args) => machine.memoryRead(...args),
    memoryWrite: (...args) => machine.memoryWrite(...args),
    ram: machine.ram,
    interrupts: machine.interrupts,
    pause: () => machine.pause(),
  };
  return { machine, bus, log, found: { ...found, bars: [...found.bars, ports] } };
}

describe('structures in I/O space', () => {
  test.each([
    ['notifications, as 4.1.4 prefers', [2]],
    ['all', [1, 2, 3, 4]],
    ['all but notifications', [1, 3, 4]],
  ] as const)('serve a driver: %s', async (_, types) => {
    for (const intx of [false, true]) {
      const { bus, found, log, machine } = behindPorts(types);
      const transport = new ModernTransport(bus, found, { intx });
      const memory = new DmaMemory(machine.ram, 0x10000);
      const driver = new BlockDriver(transport, memory, { requestBytes: 4096, depth: 2 });
      const before = log.length;
      expect([...(await driver.read(1, 1)).subarray(0, 4)]).toEqual([0, 1, 2, 3]);
      expect(driver.capacity).toBe(16);
      const kicks = log.slice(before);
      // The kick, and where interrupts come by a line, the ISR that the handler reads.
      const isrToo = intx && (types as readonly number[]).includes(3) ? ['r1'] : [];
      expect(kicks).toEqual([...((types as readonly number[]).includes(2) ? ['w2'] : []), ...isrToo]);
      driver.close();
    }
  });
});

describe('what a modern device offers', () => {
  const open = (
    change: (set: (type: number, offset: number, width: 1 | 2 | 4, value: number) => void) => void,
  ) => {
    const machine = smallMachine();
    const fn = virtioFunction(new Probe({ queueSizes: [8, 8] }), {
      kind: 'modern',
      transportFeatures: [feature.notificationData, feature.notificationConfigData, feature.ringReset],
    });
    change((type, offset, width, value) => {
      const at = fn.pci.capabilities.offsets.find(
        (each) => fn.pci.config.get(each, 1) === 9 && fn.pci.config.get(each + 3, 1) === type,
      )!;
      fn.pci.config.set(at + offset, width, value);
    });
    machine.plug(fn.pci, SLOT);
    runFirmware(machine);
    return new ModernTransport(machine, findFunction(machine, SLOT)!);
  };
  const [data, configData, reset] = [
    feature.notificationData,
    feature.notificationConfigData,
    feature.ringReset,
  ];
  const all = [data, configData, reset];

  test.each([
    ['all of it, with room for all registers', 1, 12, 4, 0x3c, all],
    ['RING_RESET, without room for queue_reset', 1, 12, 4, 0x3b, [data, configData]],
    ['NOTIF_CONFIG_DATA too, without room for that', 1, 12, 4, 0x39, [data]],
    ['PCI-NOT-08: NOTIFICATION_DATA, with room for 2 bytes', 2, 12, 4, 3, [configData, reset]],
    ['PCI-NOT-08: all, with room for 4', 2, 12, 4, 4, all],
    ['PCI-NOT-07: NOTIFICATION_DATA, at an offset of 2', 2, 8, 4, 0x3002, [configData, reset]],
    ['PCI-NOT-06: NOTIFICATION_DATA, with multiplier 2', 2, 16, 4, 2, [configData, reset]],
    ['PCI-NOT-06: all, with multiplier 0', 2, 16, 4, 0, all],
  ] as const)('is not read as %s', (_, type, offset, width, value, expected) => {
    const words = open((set) => {
      // The structures end before the next begins, and the BAR's end leaves room to move them.
      if (type === 2) set(2, 12, 4, 0x800);
      set(type, offset, width, value);
    }).readFeatures();
    expect(all.filter((bit) => hasFeature(words, bit))).toEqual(expected);
  });

  test.each([
    ['is passed over without an SR-IOV capability', [{ id: 0x0e, offset: 0x100 }], false],
    ['is taken with one', [{ id: 0x10, offset: 0x100 }], true],
  ])('RF-10: SR_IOV %s', (_, extended, expected) => {
    const machine = smallMachine();
    machine.plug(virtioFunction(new Probe({}), { kind: 'modern' }).pci, SLOT);
    runFirmware(machine);
    const found = { ...findFunction(machine, SLOT)!, extended };
    const { common } = findStructures(machine, found);
    const read = machine.memoryRead.bind(machine);
    // The second word of what the device offers has the bit.
    machine.memoryRead = (address, width) =>
      (address === common.address + 4 && read(common.address, 4) === 1 ? 0x20 : 0) | read(address, width);
    const words = new ModernTransport(machine, found).readFeatures();
    expect(hasFeature(words, feature.singleRootIov)).toBe(expected);
  });

  it('PCI-NOT-09: is not kicked where four bytes do not fit', () => {
    const transport = open((set) => set(2, 16, 4, 2));
    transport.writeFeatures(featureWords([data, feature.version1]));
    const place = { descriptor: 0x10000, driver: 0x10080, device: 0x11000 };
    transport.setUpQueue(0, 8, place);
    expect(() => transport.setUpQueue(1, 8, place)).toThrow(DeviceFailedError);
  });

  it('has configuration up to the end of its structure', () => {
    const transport = open((set) => set(4, 12, 4, 6));
    transport.readConfig(4, 2);
    expect(() => transport.readConfig(4, 4)).toThrow(NoDeviceError);
    expect(() => transport.writeConfig(6, 1, 0)).toThrow(/6 bytes of configuration, and none for 6 \+ 1/);
  });
});
