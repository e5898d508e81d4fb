import { Buffer } from 'node:buffer';
import { describe, expect, it, test } from 'vitest';
import {
  DmaDomain,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  type LabEvent,
  registers,
  ro,
  type Scheduler,
  StateMismatchError,
} from '../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
} from '../../src/driver/index.ts';
import {
  draft2023,
  drafts,
  HostedFunction,
  type MmrFunctionOptions,
  mmrFunction,
  OWNER_MEMORY_BYTES,
  presentLegacy,
  type TranslatedWayName,
  translatedWayNames,
  ways,
} from '../../src/mmr/index.ts';
import { extendedHeader, Machine, type MachineOptions, PciFunction } from '../../src/pci/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  feature,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
  SeededEntropy,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { Probe } from '../virtio/support/probe.ts';
import { bareFunction, interruptsIn, Scratch, SLOT, watch } from './support.ts';

const ram = (...lengths: readonly number[]) =>
  GuestMemory.allocate(...lengths.map((length, i) => ({ start: i * 2 ** 32, length })));
const disk = (sectors = 8) => new MemoryStorage(new Uint8Array(512 * sectors));
const link = { offloads: false, attach: () => {}, transmit: () => {} };
const region = (id: number, length: number) => ({ id, bytes: new Uint8Array(length) });

/** A machine with one function. */
function machine(
  behaviour: DeviceBehaviour,
  options: Partial<VirtioFunctionOptions> = {},
  board: MachineOptions = {},
) {
  const made = new Machine({ ram: ram(0x10000), ...board });
  made.plug(virtioFunction(behaviour, { kind: 'transitional', ...options }).pci, SLOT);
  return made;
}
const probe = (sizes = [8, 8], features: readonly number[] = [3]) =>
  new Probe({ queueSizes: sizes, features });
const mmr = (options: MmrFunctionOptions = {}) => {
  const made = new Machine({ ram: ram(0x10000) });
  made.plug(mmrFunction(probe(), options).pci, SLOT);
  return made;
};
/** Presents a transitional function, or one of the draft. */
const guest = (options: MmrFunctionOptions | null) => {
  const host = options === null ? machine(probe()) : mmr(options);
  runFirmware(host);
  const made = new Machine({ ram: ram(0x10000) });
  made.plug(
    presentLegacy(host, SLOT, options === null ? {} : { draft: options.draft ?? draft2023 }).pci,
    SLOT,
  );
  return made;
};

const plain = () => machine(probe());
const mac = (last: number) => Uint8Array.of(2, 0, 0, 0, 0, last);
const scsi = (lun: number, storage = disk(), blockBytes: 512 | 4096 = 512) =>
  new ScsiDevice({ units: [{ target: 0, lun, unit: new DiskUnit({ storage, blockBytes }) }] });

/** What a machine can be made with: of each two, neither takes the other's state. */
const others: readonly (readonly [what: string, one: () => Machine, other: () => Machine])[] = [
  ['RAM', plain, () => machine(probe(), {}, { ram: ram(0x20000) })],
  ['RAM above 4 GiB', plain, () => machine(probe(), {}, { ram: ram(0x10000, 0x1000) })],
  ['the place of ECAM', plain, () => machine(probe(), {}, { ecamBase: 0xd0000000 })],
  ['the buses of ECAM', plain, () => machine(probe(), {}, { ecamBuses: 2 })],
  ['ECAM', plain, () => machine(probe(), {}, { ecamBase: null })],
  ['kind: legacy', plain, () => machine(probe(), { kind: 'legacy' })],
  ['kind: modern', plain, () => machine(probe(), { kind: 'modern' })],
  ['Express', plain, () => machine(probe(), { express: true })],
  ['power management', plain, () => machine(probe(), { powerManagement: true })],
  ['vectors', plain, () => machine(probe(), { vectors: 2 })],
  ['no vectors', plain, () => machine(probe(), { vectors: 0 })],
  ['byte order', plain, () => machine(probe(), { guestEndian: 'big' })],
  ['transport features', plain, () => machine(probe(), { transportFeatures: [feature.ringPacked] })],
  ['device features', plain, () => machine(probe([8, 8], [4]))],
  ['queue sizes', plain, () => machine(probe([8, 16]))],
  ['number of queues', plain, () => machine(probe([8]), { vectors: 3 })],
  ['device type', plain, () => machine(new Probe({ type: 'scsi', queueSizes: [8, 8], features: [3] }))],
  [
    'shared memory',
    () => machine(probe(), { sharedMemory: [region(1, 64)] }),
    () => machine(probe(), { sharedMemory: [region(1, 128)] }),
  ],
  ['no shared memory', plain, () => machine(probe(), { sharedMemory: [region(1, 64)] })],
  [
    'vendor data',
    () => machine(probe(), { vendorData: [{ vendorId: 0x1234, bytes: Uint8Array.of(1, 2) }] }),
    () => machine(probe(), { vendorData: [{ vendorId: 0x1234, bytes: Uint8Array.of(1, 3) }] }),
  ],
  [
    'draft',
    () => mmr(),
    () => mmr({ draft: Object.values(drafts).find(({ name }) => name !== draft2023.name)! }),
  ],
  ['place of the block', () => mmr(), () => mmr({ placement: 'shared' })],
  ['what presents it', () => guest(null), () => guest({})],
  ['vectors of what is presented', () => guest({}), () => guest({ vectors: 2 })],
  [
    'storage length',
    () => machine(new BlockDevice({ storage: disk() })),
    () => machine(new BlockDevice({ storage: disk(9) })),
  ],
  [
    'segments of a request',
    () => machine(new BlockDevice({ storage: disk() })),
    () => machine(new BlockDevice({ storage: disk(), segmentMax: 7 })),
  ],
  [
    'serial',
    () => machine(new BlockDevice({ storage: disk() })),
    () => machine(new BlockDevice({ storage: disk(), serial: 'other' })),
  ],
  [
    'MAC address',
    () => machine(new NetworkDevice({ link, macAddress: mac(1) })),
    () => machine(new NetworkDevice({ link, macAddress: mac(2) })),
  ],
  [
    'MTU',
    () => machine(new NetworkDevice({ link, macAddress: mac(1), mtu: 1500 })),
    () => machine(new NetworkDevice({ link, macAddress: mac(1), mtu: 1400 })),
  ],
  [
    'console ports',
    () => machine(new ConsoleDevice({ maxPorts: 2 }), { vectors: 3 }),
    () => machine(new ConsoleDevice({ maxPorts: 3 }), { vectors: 3 }),
  ],
  [
    'order of a terminal size',
    () => machine(new ConsoleDevice()),
    () => machine(new ConsoleDevice({ resizeOrder: 'rows-first' })),
  ],
  [
    'entropy source',
    () => machine(new EntropyDevice()),
    () => machine(new EntropyDevice({ source: new SeededEntropy(1) })),
  ],
  ['SCSI target', () => machine(scsi(0)), () => machine(scsi(1))],
  ['SCSI disk', () => machine(scsi(0)), () => machine(scsi(0, disk(), 4096))],
  [
    'what a balloon does with pages',
    () => machine(new BalloonDevice()),
    () => machine(new BalloonDevice({ discard: true })),
  ],
  [
    'mount tag',
    () => machine(new P9Device({ server: new P9MemoryServer({}), mountTag: 'one' })),
    () => machine(new P9Device({ server: new P9MemoryServer({}), mountTag: 'two' })),
  ],
  [
    'bytes of a message',
    () => machine(new P9Device({ server: new P9MemoryServer({}) })),
    () => machine(new P9Device({ server: new P9MemoryServer({}), maxMessageBytes: 4096 })),
  ],
];

/** RAM apart, which is long. */
const stateOf = (each: Machine) => {
  const { ram: _, ...rest } = each.save();
  return rest;
};
const bytesOf = (each: Machine) => each.ram.read(0, 0x10000);

describe('a state of a machine that was made otherwise', () => {
  test.each(others)('is refused, and nothing has changed: %s', (_, one, other) => {
    for (const [from, into] of [
      [one(), other()],
      [other(), one()],
    ] as const) {
      from.ram.fill(0, 0x100, 0xaa);
      from.configWrite(SLOT, 0x04, 2, 4);
      const before = [stateOf(into), bytesOf(into)] as const;
      expect(() => into.load(from.save())).toThrow(StateMismatchError);
      expect(stateOf(into)).toEqual(before[0]);
      expect(Buffer.compare(bytesOf(into), before[1])).toBe(0);
    }
  });

  test.each(others)('is taken by one that was made as it was: %s', (_, one, other) => {
    for (const make of [one, other]) {
      const from = make();
      from.configWrite(SLOT, 0x04, 2, 4);
      const into = make();
      into.load(structuredClone(from.save()));
      expect(stateOf(into)).toEqual(stateOf(from));
    }
  });

  it('is refused by the name of what differs', () => {
    const state = machine(probe(), { vectors: 2 }).save();
    expect(() => plain().load(state)).toThrow(
      'machine.functions[1].state.shape.MSI-X vectors: found 2, expected 3',
    );
  });

  it('tells what machine and function were made with, by name', () => {
    const made = new Machine({ ram: ram(0x1000) });
    const fn = new PciFunction({
      name: 'shaped',
      vendorId: 0x1234,
      deviceId: 0x5678,
      revisionId: 2,
      classCode: 0xff0102,
      subsystemVendorId: 0x9abc,
      subsystemId: 0xdef0,
      interruptPin: 3,
      express: true,
    });
    const [target, next] = [new Scratch(16), registers({ ...extendedHeader, more: ro(4, 4) })];
    const regions = [{ name: 'here', offset: 8, length: 16, target }];
    fn.addBar({ index: 2, kind: 'memory64', lengthBytes: 64, prefetchable: true, regions });
    fn.extendedCapabilities.add(0x000b, 1, next, {});
    fn.extendedCapabilities.add(0x0003, 1, next, {});
    fn.addMsix(0, 5);
    made.plug(fn, SLOT);
    const { 'configuration space': space, ...shape } = fn.save().shape as Record<string, unknown>;
    expect(space).toEqual(expect.any(Number));
    expect(shape).toEqual({
      name: 'shaped',
      ids: {
        vendorId: 0x1234,
        deviceId: 0x5678,
        revisionId: 2,
        baseClass: 0xff,
        subClass: 0x01,
        programmingInterface: 0x02,
        subsystemVendorId: 0x9abc,
        subsystemId: 0xdef0,
        interruptPin: 3,
      },
      'configuration bytes': 4096,
      capabilities: ['10 at 40', '11 at 7c'],
      'extended capabilities': ['b at 100', '3 at 108'],
      'MSI-X vectors': 5,
      BARs: [
        { index: 2, kind: 'memory64', lengthBytes: 64, prefetchable: true, regions: ['here 8+16'] },
        {
          index: 0,
          kind: 'memory32',
          lengthBytes: 4096,
          prefetchable: false,
          regions: ['msix-table 0+80', 'msix-pba 2048+8'],
        },
      ],
    });
    const board = { RAM: [{ start: 0, end: 0x1000 }], functions: ['00:00.0', '00:04.0'] };
    expect(made.save().shape).toEqual({ ...board, ecamBase: 0xe0000000 });
    const others = (options: MachineOptions) => new Machine({ ram: ram(0x1000), ...options }).save().shape;
    const alone = { ...board, functions: ['00:00.0'] };
    expect(others({ ecamBuses: 4 })).toEqual({ ...alone, ecamBase: 0xe0000000, ecamBuses: 4 });
    expect(others({ ecamBase: null })).toEqual({ ...alone, ecamBase: null });
  });

  it('is taken by one whose functions were plugged in another order', () => {
    const places = [SLOT, functionAddress(0, 2), functionAddress(0, 31), functionAddress(0, 9)];
    const make = (order: readonly number[]) => {
      const made = new Machine({ ram: ram(0x1000) });
      for (const place of order) made.plug(bareFunction({ deviceId: place }), place);
      return made;
    };
    const [from, into] = [make(places), make(places.toReversed())];
    for (const place of places) from.configWrite(place, 0x3c, 1, place & 0xff);
    into.load(from.save());
    expect(stateOf(into)).toEqual(stateOf(from));
    expect(places.map((place) => into.configRead(place, 0x3c, 1))).toEqual(places.map((each) => each & 0xff));
  });

  it.each([null, 5, 'state', {}, [], Uint8Array.of(1)])('is refused where it is none at all: %j', (state) => {
    const into = plain();
    expect(() => into.load(state)).toThrow(StateMismatchError);
    expect(() => into.functions.get(SLOT)!.load(state)).toThrow(StateMismatchError);
  });

  it('is refused where memory writes in flight would be lost', () => {
    const held = machine(probe(), {}, { holdPostedWrites: true });
    runFirmware(held);
    const into = machine(probe());
    runFirmware(into);
    held.configWrite(SLOT, 0x04, 2, 7);
    into.load(held.save());
    held.memoryWrite((held.configRead(SLOT, 0x14, 4) & ~15) >>> 0, 4, 1);
    expect(() => into.load(held.save())).toThrow(StateMismatchError);
  });
});

/*
 * Which number a message vector has is the machine's own. The entry that its owner aimed at a vector is aimed at the
 * owner's vector of today where the state is loaded (PCI-MSIX-01).
 */
const PLACES = [functionAddress(0, 4), functionAddress(0, 8)] as const;

/** A host whose two functions are presented to a guest each, in an order of the test's. */
function hosted(way: TranslatedWayName, order: readonly number[], interruptScheduler?: Scheduler) {
  const host = new Machine({
    ram: ram(2 * OWNER_MEMORY_BYTES),
    ...(interruptScheduler === undefined ? {} : { interruptScheduler }),
  });
  const guests = PLACES.map(() => new Machine({ ram: ram(0x10000) }));
  const functions = PLACES.map(
    (place, i) => new HostedFunction(host, ways[way].build(probe()), place, new DmaDomain(guests[i]!.ram)),
  );
  runFirmware(host);
  for (const i of order) {
    const memory = new DmaMemory(host.ram, i * OWNER_MEMORY_BYTES, (i + 1) * OWNER_MEMORY_BYTES);
    guests[i]!.plug(functions[i]!.present({ way }, memory).pci, SLOT);
    runFirmware(guests[i]!);
  }
  const events: LabEvent[][] = guests.map(watch);
  /** What each guest was interrupted with since the last call. */
  const interrupts = () => events.map((each) => interruptsIn(each.splice(0)));
  return { host, guests, functions, interrupts };
}

/** The guest's driver: MSI-X with configuration changes on vector 0, aimed at `data`. */
function drive(each: Machine, data: number): void {
  const bar = (index: number) => (each.configRead(SLOT, 0x10 + 4 * index, 4) & ~15) >>> 0;
  each.configWrite(SLOT, 0x04, 2, 7);
  each.memoryWrite(bar(1), 4, 0xfee00000);
  each.memoryWrite(bar(1) + 8, 4, data);
  each.memoryWrite(bar(1) + 12, 4, 0);
  const msix = findFunction(each, SLOT)!.capabilities.find(({ id }) => id === 0x11)!.offset;
  each.configWrite(SLOT, msix + 2, 2, 0x8000);
  each.ioWrite(bar(0) + 0x12, 1, 7);
  each.ioWrite(bar(0) + 0x14, 2, 0);
}

describe.each(translatedWayNames)('functions of a host that are presented by way of %s', (way) => {
  test.each(['host first', 'guests first'])(
    'interrupt their own guests where they were presented in another order: %s',
    (first) => {
      const before = hosted(way, [0, 1]);
      for (const [i, each] of before.guests.entries()) drive(each, 40 + i);
      const after = hosted(way, [1, 0]);
      const host = () => after.host.load(before.host.save());
      if (first === 'host first') host();
      for (const [i, each] of after.guests.entries()) each.load(before.guests[i]!.save());
      if (first !== 'host first') host();
      after.interrupts();
      after.functions[0]!.fn.device.configChanged();
      expect(after.interrupts()).toEqual([['message 40'], []]);
      after.functions[1]!.fn.device.configChanged();
      expect(after.interrupts()).toEqual([[], ['message 41']]);
    },
  );

  it('let a message that had arrived and was not handled reach its own guest', () => {
    const before = hosted(way, [0, 1], new HeldScheduler());
    for (const [i, each] of before.guests.entries()) drive(each, 40 + i);
    before.functions[1]!.fn.device.configChanged();
    expect(before.host.interrupts.pendingVectors.length).toBe(1);
    const scheduler = new HeldScheduler();
    const after = hosted(way, [1, 0], scheduler);
    for (const [i, each] of after.guests.entries()) each.load(before.guests[i]!.save());
    after.host.load(before.host.save());
    after.interrupts();
    scheduler.releaseAll();
    expect(after.interrupts()).toEqual([[], ['message 41']]);
  });

  it('are refused where one is missing whose messages another would get', () => {
    const before = hosted(way, [0, 1]);
    const after = hosted(way, [1]);
    expect(() => after.host.load(before.host.save())).toThrow(StateMismatchError);
  });
});

describe('messages of a machine', () => {
  it('that had arrived and were not handled are handled after a load, once', () => {
    const make = () => {
      const scheduler = new HeldScheduler();
      const made = machine(probe(), {}, { interruptScheduler: scheduler });
      const handled: number[] = [];
      for (const each of [0, 1, 2]) made.interrupts.allocateMessage(() => handled.push(each));
      return { made, scheduler, handled };
    };
    const before = make();
    before.made.interrupts.message(null, 1);
    before.made.interrupts.message(null, 2);
    const after = make();
    after.made.interrupts.message(null, 0);
    after.made.load(before.made.save());
    expect(after.made.interrupts.pendingVectors).toEqual([1, 2]);
    after.scheduler.releaseAll();
    expect(after.handled).toEqual([1, 2]);
  });

  it('reach a driver of ours that was given another vector there', () => {
    const make = (others: number) => {
      const made = machine(new BlockDevice({ storage: disk() }), {}, { ram: ram(0x200000) });
      for (let i = 0; i < others; i++) made.interrupts.allocateMessage(() => {});
      runFirmware(made);
      const found = findFunction(made, SLOT)!;
      const driver = new BlockDriver(
        new LegacyTransport(made, found, legacyAccess(made, found)),
        new DmaMemory(made.ram, 0x1000),
      );
      return { made, driver, events: watch(made) };
    };
    const [before, after] = [make(0), make(2)];
    after.made.load(before.made.save());
    (
      after.made.functions.get(SLOT)!.parts.get('device') as unknown as { configChanged(): void }
    ).configChanged();
    expect(interruptsIn(after.events)).toEqual(['message 2']);
  });
});
