import { describe, expect, it, test } from 'vitest';
import { DriverWatch } from '../../../src/conformance/watch/index.ts';
import type { Bus, Width } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { placeAt, placesOf, tap } from '../../../src/trace/index.ts';
import {
  BlockDevice,
  commonConfig,
  defaultTransportFeatures,
  feature,
  legacyHeader,
  MemoryStorage,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT } from '../../pci/support.ts';

/** An access as a faulty driver would make it: another value, another width, none, or several. */
interface Made {
  readonly offset: number;
  readonly width: Width;
  readonly value: number;
}

/** What becomes of a write to a structure, by its place; null leaves it out, undefined leaves it be. */
type Fault = (write: Made & { readonly place: string; readonly nth: number }) => readonly Made[] | undefined;

/** What a configuration write becomes; null leaves it out. */
type ConfigFault = (offset: number, value: number) => number | null;

/** A bus that makes of its driver one with a bug. `machine` tells what stands where, unseen by whoever watches. */
function faulty(bus: Bus, machine: Bus, fault: Fault, config: ConfigFault): Bus {
  const count = new Map<string, number>();
  const write = (space: 'io' | 'memory', address: number, width: Width, value: number) => {
    const { target, offset } = placeAt(placesOf(machine), space, address);
    const place = target.split(' ').at(-1)!;
    const key = `${place} ${offset}`;
    const nth = (count.get(key) ?? 0) + 1;
    count.set(key, nth);
    for (const each of fault({ place, offset, width, value, nth }) ?? [{ offset, width, value }]) {
      const at = address - offset + each.offset;
      if (space === 'io') bus.ioWrite(at, each.width, each.value);
      else bus.memoryWrite(at, each.width, each.value);
    }
  };
  return {
    ram: bus.ram,
    interrupts: bus.interrupts,
    pause: () => bus.pause(),
    configRead: (fn, offset, width) => bus.configRead(fn, offset, width),
    configWrite: (fn, offset, width, value) => {
      const made = config(offset, value);
      if (made !== null) bus.configWrite(fn, offset, width, made);
    },
    ioRead: (port, width) => bus.ioRead(port, width),
    ioWrite: (port, width, value) => write('io', port, width, value),
    memoryRead: (address, width) => bus.memoryRead(address, width),
    memoryWrite: (address, width, value) => write('memory', address, width, value),
  };
}

interface Bug {
  readonly speaks: 'legacy' | 'modern';
  readonly fault?: Fault;
  readonly config?: ConfigFault;
  /** Changes what the driver has left in memory, whenever it kicks. */
  readonly memory?: (bus: Bus, queue: { descriptors: number; available: number }) => void;
  readonly ringFeatures?: readonly number[];
  readonly intx?: boolean;
}

/** Lets a block driver with a bug read and write, as far as it comes. @returns the rules that it breaks */
async function run({
  speaks,
  fault = () => undefined,
  config = (_, value) => value,
  memory,
  ringFeatures = [],
  intx = true,
}: Bug): Promise<string[]> {
  const machine = new Machine();
  const offered = {
    transportFeatures: [...defaultTransportFeatures, feature.ringPacked, feature.notificationData],
  };
  const { pci } = virtioFunction(new BlockDevice({ storage: new MemoryStorage(new Uint8Array(64 * 512)) }), {
    kind: speaks === 'legacy' ? 'legacy' : 'modern',
    ...(speaks === 'legacy' ? {} : offered),
  });
  machine.plug(pci, SLOT);
  runFirmware(machine);
  const watch = new DriverWatch({ ram: machine.ram, config: machine, start: 'power-on' });
  const tapped = tap(machine, watch.sink);
  const areas = { descriptors: 0, available: 0 };
  const spied: Fault = (write) => {
    const { place, offset, value } = write;
    if (place === 'common' && offset === commonConfig.queueDescriptorLow.offset) areas.descriptors = value;
    if (place === 'common' && offset === commonConfig.queueDriverLow.offset) areas.available = value;
    if (place === 'legacy' && offset === legacyHeader.queueAddress.offset && value !== 0) {
      areas.descriptors = value * 4096;
      areas.available = areas.descriptors + 16 * 256;
    }
    const kicks = place === 'notify' || (place === 'legacy' && offset === legacyHeader.queueNotify.offset);
    if (kicks) memory?.(machine, areas);
    return fault(write);
  };
  const bus = faulty(tapped, machine, spied, config);
  const fn = findFunction(machine, SLOT)!;
  try {
    const options = { intx, patience: 50 };
    const transport =
      speaks === 'legacy'
        ? new LegacyTransport(bus, fn, legacyAccess(bus, fn), options)
        : new ModernTransport(bus, fn, options);
    const driver = new BlockDriver(transport, new DmaMemory(machine.ram, 0x100000), {
      requestBytes: 4096,
      depth: 4,
      ringFeatures,
    });
    const work = Promise.allSettled([
      driver.read(0, 1),
      driver.write(1, new Uint8Array(512)),
      driver.flush(),
    ]);
    await Promise.race([work, new Promise((resolve) => setTimeout(resolve, 20))]);
    driver.close();
  } catch {
    // A driver with a bug may find out itself.
  }
  return watch.finish().findings.map(({ rule }) => rule);
}

const legacyAt = (name: keyof typeof legacyHeader) => legacyHeader[name].offset;
const commonAt = (name: keyof typeof commonConfig) => commonConfig[name].offset;

/** What becomes of the nth write of a register. */
const write =
  (
    place: 'legacy' | 'common' | 'notify',
    offset: number,
    change: (value: number, nth: number, width: Width) => readonly Partial<Made>[] | undefined,
  ): Fault =>
  (made) =>
    made.place === place && (place === 'notify' || made.offset === offset)
      ? change(made.value, made.nth, made.width)?.map((each) => ({
          offset: made.offset,
          width: made.width,
          value: made.value,
          ...each,
        }))
      : undefined;

const L = 'legacy';
const M = 'modern';
const lStatus = (change: (value: number, nth: number) => readonly Partial<Made>[] | undefined) =>
  write('legacy', legacyAt('deviceStatus'), change);
const mStatus = (change: (value: number, nth: number) => readonly Partial<Made>[] | undefined) =>
  write('common', commonAt('deviceStatus'), change);
const drop = (wanted: number) => (value: number) => (value === wanted ? [] : undefined);
const clear = (bit: number) => (value: number) =>
  (value & bit) !== 0 ? [{ value: value & ~bit }] : undefined;

/** Bugs in our own drivers, each with the rule that names it. */
const bugs: readonly (readonly [what: string, rule: string, bug: Bug])[] = [
  ['the reset is dropped', 'no-reset', { speaks: L, fault: lStatus(drop(0)) }],
  ['ACKNOWLEDGE is dropped', 'steps-joined', { speaks: L, fault: lStatus(drop(1)) }],
  ['ACKNOWLEDGE is never there', 'no-acknowledge', { speaks: L, fault: lStatus(clear(1)) }],
  ['DRIVER is never there', 'no-driver', { speaks: L, fault: lStatus(clear(2)) }],
  [
    'DRIVER_OK is dropped',
    'no-driver-ok',
    { speaks: L, fault: lStatus((value) => ((value & 4) !== 0 ? [] : undefined)) },
  ],
  [
    'FEATURES_OK comes with DRIVER_OK',
    'legacy-features-ok',
    { speaks: L, fault: lStatus((value) => ((value & 4) !== 0 ? [{ value: value | 8 }] : undefined)) },
  ],
  [
    'NEEDS_RESET comes with DRIVER_OK',
    'needs-reset-written',
    { speaks: L, fault: lStatus((value) => ((value & 4) !== 0 ? [{ value: value | 64 }] : undefined)) },
  ],
  [
    'DRIVER_OK clears what was set',
    'status-bit-cleared',
    { speaks: L, fault: lStatus((value) => ((value & 4) !== 0 ? [{ value: 4 }] : undefined)) },
  ],
  [
    'features are dropped',
    'no-feature-write',
    { speaks: L, fault: write('legacy', legacyAt('driverFeatures'), () => []) },
  ],
  [
    'all features are accepted',
    'features-not-offered',
    { speaks: L, fault: write('legacy', legacyAt('driverFeatures'), () => [{ value: 0xffffffff }]) },
  ],
  [
    'bit 30 is accepted',
    'bit-30-accepted',
    {
      speaks: L,
      fault: write('legacy', legacyAt('driverFeatures'), (value) => [{ value: (value | 0x40000000) >>> 0 }]),
    },
  ],
  [
    'features are written once more at the end',
    'features-after-driver-ok',
    {
      speaks: L,
      fault: (made) =>
        made.place === 'legacy' && made.offset === legacyAt('deviceStatus') && (made.value & 4) !== 0
          ? [made, { offset: 4, width: 4, value: 0 }]
          : undefined,
    },
  ],
  [
    'the queue address is dropped',
    'kick-queue-not-set-up',
    { speaks: L, fault: write('legacy', legacyAt('queueAddress'), () => []) },
  ],
  [
    'the queue address is a page further on',
    'legacy-nothing-in-ring',
    { speaks: L, fault: write('legacy', legacyAt('queueAddress'), (value) => [{ value: value + 64 }]) },
  ],
  [
    'the queue address is written twice',
    'legacy-queue-moved',
    {
      speaks: L,
      fault: write('legacy', legacyAt('queueAddress'), (value) =>
        value === 0 ? undefined : [{ value: value + 8 }, { value }],
      ),
    },
  ],
  [
    'the queue size is written',
    'legacy-queue-size-written',
    {
      speaks: L,
      fault: write('legacy', legacyAt('queueSelect'), (value) => [
        { value },
        { offset: legacyAt('queueSize'), value: 64 },
      ]),
    },
  ],
  [
    'kicks have four bytes',
    'legacy-register-width',
    { speaks: L, fault: write('legacy', legacyAt('queueNotify'), () => [{ width: 4 }]) },
  ],
  [
    'bus mastering is never switched on',
    'bus-master-off',
    { speaks: L, config: (offset, value) => (offset === 4 ? value & ~4 : value) },
  ],
  [
    'a descriptor loses WRITE',
    'split-misordered',
    { speaks: L, memory: (bus, { descriptors }) => flip(bus, descriptors, 2, 2) },
  ],
  [
    'a header becomes writable',
    'block-header-short',
    { speaks: L, memory: (bus, { descriptors }) => flip(bus, descriptors, 0, 2) },
  ],
  [
    'a chain comes back to itself',
    'split-loop',
    { speaks: L, memory: (bus, { descriptors }) => set16(bus, descriptors + 14, 0) },
  ],
  [
    'a chain leads out of its table',
    'split-outside',
    { speaks: L, memory: (bus, { descriptors }) => set16(bus, descriptors + 14, 999) },
  ],
  [
    'a head is none',
    'split-head-outside',
    { speaks: L, memory: (bus, { available }) => set16(bus, available + 4, 999) },
  ],
  [
    'the available index leaps',
    'split-index-back',
    { speaks: L, memory: (bus, { available }) => set16(bus, available + 2, 900) },
  ],
  [
    'flags of the available ring',
    'split-flags',
    { speaks: L, memory: (bus, { available }) => set16(bus, available, 4) },
  ],
  [
    'a buffer is elsewhere',
    'buffer-out-of-reach',
    { speaks: L, memory: (bus, { descriptors }) => set16(bus, descriptors + 16 + 2, 0xf000) },
  ],
  [
    'a data buffer is short',
    'block-part-of-sector',
    { speaks: L, memory: (bus, { descriptors }) => set16(bus, descriptors + 16 + 8, 100) },
  ],
  [
    'a header is short',
    'block-header-short',
    { speaks: L, memory: (bus, { descriptors }) => set16(bus, descriptors + 8, 8) },
  ],
  ['the reset is dropped, modern', 'no-reset', { speaks: M, fault: mStatus(drop(0)) }],
  ['DRIVER is dropped, modern', 'features-before-driver', { speaks: M, fault: mStatus(drop(3)) }],
  [
    'DRIVER_OK clears FEATURES_OK',
    'status-bit-cleared',
    { speaks: M, fault: mStatus((value) => ((value & 4) !== 0 ? [{ value: value & ~8 }] : undefined)) },
  ],
  [
    'DRIVER_OK is dropped, modern',
    'kick-before-driver-ok',
    { speaks: M, fault: mStatus((value) => ((value & 4) !== 0 ? [] : undefined)) },
  ],
  [
    'VERSION_1 is left out',
    'version-1-refused',
    {
      speaks: M,
      fault: write('common', commonAt('driverFeature'), (_, nth) => (nth === 2 ? [{ value: 0 }] : undefined)),
    },
  ],
  [
    'all features are accepted, modern',
    'features-not-offered',
    { speaks: M, fault: write('common', commonAt('driverFeature'), () => [{ value: 0xffffffff }]) },
  ],
  [
    'a queue is enabled with 0',
    'queue-enable-other-than-1',
    { speaks: M, fault: write('common', commonAt('queueEnable'), () => [{ value: 0 }]) },
  ],
  [
    'a queue is never enabled',
    'kick-queue-not-set-up',
    { speaks: M, fault: write('common', commonAt('queueEnable'), () => []) },
  ],
  [
    'a queue is enabled first',
    'queue-enabled-half-set-up',
    {
      speaks: M,
      fault: write('common', commonAt('queueDescriptorLow'), (value) => [
        { offset: commonAt('queueEnable'), width: 2, value: 1 },
        { value },
      ]),
    },
  ],
  [
    'a size is no power of two',
    'queue-size-no-power',
    { speaks: M, fault: write('common', commonAt('queueSize'), () => [{ value: 100 }]) },
  ],
  [
    'a size is too large',
    'queue-size-raised',
    { speaks: M, fault: write('common', commonAt('queueSize'), () => [{ value: 4096 }]) },
  ],
  [
    'a table is at 8 bytes',
    'split-alignment',
    { speaks: M, fault: write('common', commonAt('queueDescriptorLow'), (value) => [{ value: value + 8 }]) },
  ],
  [
    'half of an address is left out',
    'queue-enabled-half-set-up',
    { speaks: M, fault: write('common', commonAt('queueDeviceLow'), () => []) },
  ],
  [
    'a queue is moved after it is enabled',
    'queue-moved',
    {
      speaks: M,
      fault: write('common', commonAt('queueEnable'), (value) => [
        { value },
        { offset: commonAt('queueDriverLow'), width: 4, value: 0x5000 },
      ]),
    },
  ],
  [
    'kicks have the wrong width',
    'kick-not-4-bytes',
    { speaks: M, fault: write('notify', 0, () => [{ width: 2 }]) },
  ],
  [
    'kicks name another queue',
    'kick-name-data',
    { speaks: M, fault: write('notify', 0, (value) => [{ value: value + 3 }]) },
  ],
  [
    'kick data is that of before',
    'kick-data-split',
    { speaks: M, fault: write('notify', 0, (value) => [{ value: value - 0x10000 }]) },
  ],
  [
    'a byte of a field is written',
    'common-width',
    { speaks: M, fault: write('common', commonAt('queueSelect'), () => [{ width: 1 }]) },
  ],
  [
    'numQueues is written',
    'common-read-only-written',
    {
      speaks: M,
      fault: write('common', commonAt('queueSelect'), (value) => [
        { value },
        { offset: commonAt('numQueues'), value: 1 },
      ]),
    },
  ],
  [
    'a vector is out of the table',
    'vector-outside-table',
    { speaks: M, intx: false, fault: write('common', commonAt('queueMsixVector'), () => [{ value: 99 }]) },
  ],
  [
    'RING_PACKED rings lose their wrap counter',
    'packed-nothing-available',
    {
      speaks: M,
      ringFeatures: [feature.ringPacked],
      memory: (bus, { descriptors }) => set16(bus, descriptors + 14, 0x8000),
    },
  ],
];

function view(bus: Bus, address: number): DataView | null {
  const range = bus.ram.find(address, 2);
  return range === undefined
    ? null
    : new DataView(range.bytes.buffer, range.bytes.byteOffset + address - range.start);
}
const set16 = (bus: Bus, address: number, value: number) => view(bus, address)?.setUint16(0, value, true);
const flip = (bus: Bus, descriptors: number, index: number, flag: number) => {
  const at = descriptors + 16 * index + 12;
  set16(bus, at, (view(bus, at)?.getUint16(0, true) ?? 0) ^ flag);
};

describe('our own block driver', () => {
  it.each(['legacy', 'modern'] as const)('without a bug breaks nothing: %s', async (speaks) => {
    const told = await run({ speaks });
    expect(told.filter((rule) => !/refused|looked-for|read-once/.test(rule))).toEqual([]);
  });

  test.each(bugs)('%s: %s', async (_, rule, bug) => {
    expect(await run(bug)).toContain(rule);
  });

  it('has forty seeded bugs and more', () => expect(bugs.length).toBeGreaterThanOrEqual(40));
});
