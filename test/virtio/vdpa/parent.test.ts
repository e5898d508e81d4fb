import { describe, expect, it } from 'vitest';
import { GuestMemory } from '../../../src/core/index.ts';
import {
  BlockDevice,
  ConfigRangeError,
  EntropyDevice,
  FeaturesRefusedError,
  FeaturesSettledError,
  feature,
  linuxParentPolicy,
  MemoryStorage,
  NetworkDevice,
  NoSuchQueueError,
  type ParentPolicy,
  QueueReadyError,
  QueueValueError,
  SeededEntropy,
  StatusLoweredError,
  StatusValueError,
  UnsupportedCallError,
  unplugged,
  VdpaError,
  VdpaParent,
  type VdpaParentOptions,
  vdpaFormat,
} from '../../../src/virtio/index.ts';
import { descriptorFlag } from '../../../src/virtio/layout/index.ts';

const RAM_BYTES = 1 << 16;
/** VERSION_1 and ACCESS_PLATFORM, as the second word has them. */
const MODERN = [0, 0b11, 0, 0];
/** A driver that knows neither, and what a mediator adds for it. */
const LEGACY = [0, 0b10, 0, 0];

const policy = (changes: Partial<ParentPolicy>): VdpaParentOptions => ({
  policy: { ...linuxParentPolicy, ...changes },
  orders: 'both',
});

function entropy(options: VdpaParentOptions = {}) {
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  return { ram, parent: new VdpaParent(new EntropyDevice({ source: new SeededEntropy(5) }), ram, options) };
}

/** The number's name that an operation is refused with. */
function errnoOf(operation: () => void): string {
  try {
    operation();
    return 'none';
  } catch (error) {
    if (error instanceof VdpaError) return error.errno;
    throw error;
  }
}

describe('features', () => {
  it('are offered for both kinds of drivers, and kept as they were set', () => {
    const { parent } = entropy();
    expect(parent.features[0]! & (2 ** feature.notifyOnEmpty)).not.toBe(0);
    expect(parent.features[1]! & 0b11).toBe(0b11);
    parent.setFeatures(MODERN);
    expect(parent.driverFeatures).toEqual(MODERN);
  });

  it('stand once FEATURES_OK is set, until a reset', () => {
    const { parent } = entropy();
    parent.setFeatures(MODERN);
    parent.setStatus(0b1011);
    expect(parent.status).toBe(0b1011);
    expect(() => parent.setFeatures(MODERN)).toThrow(FeaturesSettledError);
    expect(errnoOf(() => parent.setFeatures(MODERN))).toBe('EBUSY');
    parent.setStatus(0);
    parent.setFeatures(MODERN);
  });

  const refused: readonly [string, Partial<ParentPolicy>, readonly number[], string][] = [
    ['without ACCESS_PLATFORM where it is required', {}, [0, 1, 0, 0], 'ACCESS_PLATFORM'],
    ['of 0 where ACCESS_PLATFORM is required', {}, [0, 0, 0, 0], 'ACCESS_PLATFORM'],
    ['without VERSION_1 where it is mandated', { version1: 'required' }, LEGACY, 'VERSION_1'],
    ['of 0 where VERSION_1 is mandated', { version1: 'required' }, [0, 0, 0, 0], 'VERSION_1'],
    ['that are not offered', {}, [1, 0b11, 0, 0], 'features that are offered'],
    ['that are not offered to legacy drivers', {}, [0, 0b110, 0, 0], 'features that are offered'],
    ['without a format where there are bits for it', { order: 'format bits' }, LEGACY, 'the format'],
  ];
  it.each(refused)('%s are refused', (_name, changes, words, wants) => {
    const { parent } = entropy(policy(changes));
    expect(() => parent.setFeatures(words)).toThrow(FeaturesRefusedError);
    expect(() => parent.setFeatures(words)).toThrow(`EINVAL, wants ${wants}`);
    expect(parent.driverFeatures).toEqual([0, 0, 0, 0]);
  });

  it('of 0 are taken, whatever is required, where they may be reset to it', () => {
    const { parent } = entropy(policy({ resetsToZero: true, version1: 'required' }));
    parent.setFeatures(MODERN);
    parent.setFeatures([0, 0, 0, 0]);
    expect(parent.driverFeatures).toEqual([0, 0, 0, 0]);
    expect(errnoOf(() => parent.setFeatures(LEGACY))).toBe('EINVAL');
  });
});

describe('status', () => {
  it('loses no bit but by a reset', () => {
    const { parent } = entropy();
    parent.setStatus(1);
    parent.setStatus(3);
    expect(() => parent.setStatus(2)).toThrow(StatusLoweredError);
    expect(errnoOf(() => parent.setStatus(1))).toBe('EINVAL');
    expect(parent.status).toBe(3);
    parent.setStatus(0);
    expect(parent.status).toBe(0);
  });

  it('keeps no FEATURES_OK of a driver that set no features, where VERSION_1 is mandated', () => {
    const mandated = entropy(policy({ version1: 'required' })).parent;
    mandated.setStatus(0b1011);
    expect(mandated.status).toBe(0b11);
    const free = entropy(policy({ accessPlatform: 'optional' })).parent;
    free.setStatus(0b1011);
    expect(free.status).toBe(0b1011);
  });
});

describe.each([256, -1, 0.5, Number.NaN])('status %s', (value) => {
  it('is none', () => {
    const { parent } = entropy();
    expect(() => parent.setStatus(value)).toThrow(StatusValueError);
    expect([parent.status, errnoOf(() => parent.setStatus(value))]).toEqual([0, 'EINVAL']);
  });
});

describe('rings', () => {
  it('are those that there are', () => {
    const { parent } = entropy();
    const { rings } = parent;
    for (const index of [-1, 1, 0.5, 65536, Number.NaN])
      for (const use of [
        () => rings.setSize(index, 8),
        () => rings.setAddress(index, { descriptor: 0, driver: 0, device: 0 }),
        () => rings.setReady(index, true),
        () => rings.setPosition(index, 0),
        () => rings.position(index),
        () => rings.maxSize(index),
        () => parent.kick(index),
        () => parent.onQueue(index, null),
        () => parent.setRingOrder(index, 'little'),
      ]) {
        expect(use).toThrow(NoSuchQueueError);
        expect(errnoOf(use)).toBe('ENOBUFS');
      }
  });

  it.each([0, 3, 16, -8, 1.5, 65536])('have no size %s', (size) => {
    const { parent } = entropy();
    expect(() => parent.rings.setSize(0, size)).toThrow(QueueValueError);
    expect(parent.rings.maxSize(0)).toBe(8);
  });

  it.each([
    { descriptor: 8, driver: 0, device: 0 },
    { descriptor: 0, driver: 1, device: 0 },
    { descriptor: 0, driver: 0, device: 2 },
    { descriptor: -16, driver: 0, device: 0 },
    { descriptor: 2 ** 60, driver: 0, device: 0 },
  ])('stand at no address as $descriptor, $driver, $device', (place) => {
    const { parent } = entropy();
    expect(() => parent.rings.setAddress(0, place)).toThrow(QueueValueError);
  });

  it('begin at no position beyond what counts them', () => {
    const { parent } = entropy();
    for (const position of [-1, 65536, 0.5])
      expect(() => parent.rings.setPosition(0, position)).toThrow(QueueValueError);
    parent.rings.setPosition(0, 65535);
    expect(parent.rings.position(0)).toBe(65535);
  });

  it('stay as they are while they are ready', () => {
    const { parent } = entropy();
    parent.rings.setReady(0, true);
    for (const use of [
      () => parent.rings.setSize(0, 8),
      () => parent.rings.setAddress(0, { descriptor: 0, driver: 0, device: 0 }),
      () => parent.rings.setPosition(0, 0),
    ]) {
      expect(use).toThrow(QueueReadyError);
      expect(errnoOf(use)).toBe('EBUSY');
    }
    parent.rings.setReady(0, false);
    parent.rings.setSize(0, 4);
  });
});

/** One buffer for random bytes, written by hand: a descriptor at 0, available at 0x100, used at 0x200, the buffer at 0x1000. */
function offer(ram: GuestMemory, at: number, little = true): void {
  const view = ram.ranges[0]!.view;
  view.setUint32(little ? 0 : 4, 0x1000, little);
  view.setUint32(little ? 4 : 0, 0, little);
  view.setUint32(8, 16, little);
  view.setUint16(12, descriptorFlag.write, little);
  view.setUint16(0x104 + 2 * (at % 8), 0, little);
  view.setUint16(0x102, (at + 1) % 65536, little);
}

const PLACE = { descriptor: 0, driver: 0x100, device: 0x200 };

function start({ parent }: ReturnType<typeof entropy>, features: readonly number[]): void {
  parent.setStatus(3);
  parent.setFeatures(features);
  parent.setStatus(11);
  parent.rings.setSize(0, 8);
  parent.rings.setAddress(0, PLACE);
  parent.rings.setReady(0, true);
  parent.setStatus(15);
}

const usedIndex = (ram: GuestMemory, little = true) => ram.ranges[0]!.view.getUint16(0x202, little);

describe('a ring that is served', () => {
  it('is told of by its callback, and goes on elsewhere by its position', () => {
    const first = entropy();
    let told = 0;
    first.parent.map(0, RAM_BYTES);
    first.parent.onQueue(0, () => told++);
    start(first, MODERN);
    offer(first.ram, 0);
    first.parent.kick(0);
    expect(usedIndex(first.ram)).toBe(1);
    expect(told).toBe(1);
    expect(first.parent.suspend()).toBe(true);
    offer(first.ram, 1);
    first.parent.kick(0);
    expect(usedIndex(first.ram)).toBe(1);
    expect(first.parent.rings.position(0)).toBe(1);
    first.parent.rings.setReady(0, false);
    expect(first.parent.rings.position(0)).toBe(1);

    const second = new VdpaParent(new EntropyDevice(), first.ram);
    second.map(0, RAM_BYTES);
    second.rings.setPosition(0, 1);
    start({ ram: first.ram, parent: second }, MODERN);
    second.kick(0);
    expect(usedIndex(first.ram)).toBe(2);
  });

  it('goes on by itself after a suspension', () => {
    const world = entropy();
    world.parent.map(0, RAM_BYTES);
    start(world, MODERN);
    world.parent.suspend();
    offer(world.ram, 0);
    world.parent.kick(0);
    expect(usedIndex(world.ram)).toBe(0);
    world.parent.resume();
    expect(usedIndex(world.ram)).toBe(1);
  });

  it('is not reached where nothing is mapped', () => {
    const world = entropy();
    start(world, MODERN);
    offer(world.ram, 0);
    world.parent.kick(0);
    expect(usedIndex(world.ram)).toBe(0);
    expect(world.parent.status & 0x40).toBe(0x40);
  });

  it.each([
    ['little, always', 'little'],
    ['big, always', 'big'],
    ['a call', 'big'],
    ['a call for each ring', 'big'],
    ['format bits', 'big'],
  ] as const)('is in the order that a legacy driver has: %s, %s', (order, wanted) => {
    const world = entropy(policy({ order, accessPlatform: 'optional' }));
    const { parent, ram } = world;
    parent.map(0, RAM_BYTES);
    if (order === 'a call') parent.setOrder('big');
    if (order === 'a call for each ring') parent.setRingOrder(0, 'big');
    if (order === 'format bits') parent.setFormat(vdpaFormat.legacyBig);
    start(world, [0, 0, 0, 0]);
    const little = wanted === 'little';
    offer(ram, 0, little);
    parent.kick(0);
    expect(usedIndex(ram, little)).toBe(1);
    expect(ram.ranges[0]!.view.getUint32(0x208, little)).toBe(16);
  });
});

describe('byte order', () => {
  it('has no call where the policy has none, and is not big where the device has one only', () => {
    const plain = entropy().parent;
    expect(() => plain.setOrder('little')).toThrow(UnsupportedCallError);
    expect(() => plain.setRingOrder(0, 'little')).toThrow(UnsupportedCallError);
    expect(() => plain.setFormat(vdpaFormat.modern)).toThrow(UnsupportedCallError);
    const options = { policy: { ...linuxParentPolicy, order: 'a call' as const } };
    const { parent } = entropy(options);
    parent.setOrder('little');
    expect(errnoOf(() => parent.setOrder('big'))).toBe('EOPNOTSUPP');
    const big = { policy: { ...linuxParentPolicy, order: 'big, always' as const } };
    expect(() => entropy(big)).toThrow(UnsupportedCallError);
  });

  it('is told by bits of which one is chosen, and features have to agree', () => {
    const { parent } = entropy(policy({ order: 'format bits', accessPlatform: 'optional' }));
    expect(parent.formats).toBe(7);
    expect(errnoOf(() => parent.setFormat(3))).toBe('EOPNOTSUPP');
    expect(errnoOf(() => parent.setFormat(8))).toBe('EOPNOTSUPP');
    parent.setFormat(vdpaFormat.legacyLittle);
    expect(errnoOf(() => parent.setFeatures(MODERN))).toBe('EINVAL');
    parent.setFeatures(LEGACY);
    parent.setStatus(11);
    expect(errnoOf(() => parent.setFormat(vdpaFormat.modern))).toBe('EBUSY');
  });
});

describe('configuration', () => {
  const disk = (options: VdpaParentOptions = {}) =>
    new VdpaParent(
      new BlockDevice({ storage: new MemoryStorage(new Uint8Array(3 * 512)) }),
      GuestMemory.allocate({ start: 0, length: RAM_BYTES }),
      options,
    );

  it('is read in any piece, and nowhere else', () => {
    const parent = disk();
    expect([...parent.readConfig(0, 8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    expect([...parent.readConfig(1, 3)]).toEqual([0, 0, 0]);
    for (const [offset, length] of [
      [0, 0],
      [-1, 4],
      [0, parent.configLength + 1],
      [parent.configLength, 1],
      [0.5, 1],
    ] as const)
      expect(() => parent.readConfig(offset, length)).toThrow(ConfigRangeError);
    expect(() => parent.writeConfig(parent.configLength, Uint8Array.of(1))).toThrow(ConfigRangeError);
  });

  it('that is read early is taken for a legacy driver by Linux, which does not tell that this failed', () => {
    const refusing = disk();
    refusing.readConfig(0, 8);
    expect(refusing.assumed).toBeInstanceOf(FeaturesRefusedError);
    const taking = disk(policy({ accessPlatform: 'optional' }));
    taking.readConfig(0, 8);
    expect(taking.assumed).toBe('taken');
    expect(taking.device.legacyDriver).toBe(true);
    const moved = disk(
      policy({
        accessPlatform: 'optional',
        earlyRead: 'nobody in particular',
        earlyWrite: 'a legacy driver',
      }),
    );
    moved.readConfig(0, 8);
    expect(moved.assumed).toBe(null);
    moved.writeConfig(0, Uint8Array.of(0));
    expect(moved.assumed).toBe('taken');
  });

  it('is in the order of a legacy driver where the policy says so', () => {
    const parent = disk(policy({ order: 'a call', config: 'driver', accessPlatform: 'optional' }));
    parent.setOrder('big');
    parent.setFeatures([0, 0, 0, 0]);
    expect([...parent.readConfig(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 3]);
    parent.setFeatures([0, 1, 0, 0]);
    expect([...parent.readConfig(0, 8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('is written, and tells when it changes', () => {
    const network = new NetworkDevice({ link: unplugged });
    const parent = new VdpaParent(network, GuestMemory.allocate({ start: 0, length: RAM_BYTES }), {
      policy: { ...linuxParentPolicy, accessPlatform: 'optional' },
    });
    let told = 0;
    parent.onConfig(() => told++);
    parent.setFeatures([2 ** 16, 0, 0, 0]);
    parent.writeConfig(0, Uint8Array.of(2, 4, 6, 8, 10, 12));
    expect([...network.macAddress]).toEqual([2, 4, 6, 8, 10, 12]);
    parent.setStatus(15);
    const before = parent.configGeneration;
    network.setLink(false);
    expect(told).toBe(1);
    expect(parent.configGeneration).not.toBe(before);
  });
});

describe('a saved parent', () => {
  it('goes on where it was', () => {
    const world = entropy();
    world.parent.map(0, RAM_BYTES);
    start(world, MODERN);
    offer(world.ram, 0);
    world.parent.kick(0);
    world.parent.suspend();
    offer(world.ram, 1);
    world.parent.kick(0);
    const state = structuredClone(world.parent.save());
    const other = new VdpaParent(new EntropyDevice({ source: new SeededEntropy(9) }), world.ram);
    other.load(state);
    other.resumeLoaded();
    expect(other.save()).toEqual(state);
    other.resume();
    expect(usedIndex(world.ram)).toBe(2);
  });
});
