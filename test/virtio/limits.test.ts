import { describe, expect, it, test } from 'vitest';
import { runFirmware } from '../../src/driver/index.ts';
import { mmrFunction, presentLegacy, TranslatorError } from '../../src/mmr/index.ts';
import {
  BalloonDevice,
  BehaviourInUseError,
  BlockDevice,
  BlockOptionError,
  ConsoleDevice,
  ConsolePortError,
  type DeviceBehaviour,
  EntropyDevice,
  FeatureBitError,
  featureWords,
  LegacyBlockSizeError,
  MAX_QUEUES,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  NetworkOptionError,
  P9Device,
  P9MemoryServer,
  QueueCountError,
  QueueSizeError,
  ScsiDevice,
  ScsiOptionError,
  type Storage,
  StorageSizeError,
  VirtioDevice,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';
import { TestLink } from './support/network.ts';
import { Probe } from './support/probe.ts';

const storage = () => new MemoryStorage(new Uint8Array(4096));
const server = () => new P9MemoryServer({});
const made = (behaviour: DeviceBehaviour) => new VirtioDevice(behaviour, { legacy: true });

/** Every type, with queues of that size. */
const types: Readonly<Record<string, (queueSize: number) => DeviceBehaviour>> = {
  network: (queueSize) => new NetworkDevice({ link: new TestLink(), queueSize }),
  'network control': (controlQueueSize) => new NetworkDevice({ link: new TestLink(), controlQueueSize }),
  block: (queueSize) => new BlockDevice({ storage: storage(), queueSize }),
  console: (queueSize) => new ConsoleDevice({ queueSize }),
  'console control': (controlQueueSize) => new ConsoleDevice({ controlQueueSize }),
  entropy: (queueSize) => new EntropyDevice({ queueSize }),
  balloon: (queueSize) => new BalloonDevice({ queueSize }),
  scsi: (queueSize) => new ScsiDevice({ queueSize }),
  p9: (queueSize) => new P9Device({ server: server(), queueSize }),
  'any type': (queueSize) => new Probe({ queueSizes: [8, queueSize] }),
};

describe('queue sizes', () => {
  test.each(Object.entries(types))('PCI-COM-15: that no ring can have are refused: %s', (_, make) => {
    for (const size of [3, 12, 24, 100, 65536, 0x8001, -8, 0.5, 8.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      let error: unknown;
      try {
        made(make(size));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(QueueSizeError);
      expect((error as QueueSizeError).size).toBe(size);
    }
    for (const size of [1, 2, 8, 32768]) expect(() => made(make(size))).not.toThrow();
  });

  it('of 0 are of queues that do not exist', () => {
    expect(made(new Probe({ queueSizes: [8, 0] })).queue(1)).toBeNull();
  });

  it('name the queue', () => {
    expect(() => made(new Probe({ queueSizes: [8, 0, 12] }))).toThrow('queue 2 of 12 descriptors');
  });

  test.each([
    [0, false],
    [1, true],
    [MAX_QUEUES, true],
    [MAX_QUEUES + 1, false],
  ])('number of queues: %d', (count, good) => {
    const make = () => made(new Probe({ queueSizes: new Array<number>(count).fill(1) }));
    if (good) expect(make).not.toThrow();
    else expect(make).toThrow(QueueCountError);
  });
});

describe('feature bits', () => {
  test.each([-1, 128, 1.5, Number.NaN, 24, 27, 28, 30, 32, 34, 40, 41, 42, 49])(
    'BF-FEAT-12: %d is no device type’s to offer',
    (bit) => {
      for (const options of [{ features: [bit] }, { legacyFeatures: [bit] }])
        expect(() => made(new Probe(options))).toThrow(FeatureBitError);
      const modern = Object.assign(new Probe(), { modernFeatures: [bit] });
      expect(() => made(modern)).toThrow(FeatureBitError);
    },
  );

  test.each([0, 23, 50, 127])('%d is', (bit) => {
    const device = made(new Probe({ features: [bit] }));
    expect((device.features.offered[bit >> 5]! >>> (bit & 31)) & 1).toBe(1);
  });

  test.each([50, 64, 127])('LEG-LAY-10: %d cannot be offered to legacy drivers alone', (bit) => {
    expect(() => made(new Probe({ legacyFeatures: [bit] }))).toThrow(FeatureBitError);
  });

  test.each([-1, 128, 0.5, Number.NaN])('as words: %d has no place', (bit) => {
    expect(() => featureWords([0, bit])).toThrow(FeatureBitError);
  });

  it('as words: 0 and 127 have one', () => {
    expect([...featureWords([0, 127])]).toEqual([1, 0, 0, 2 ** 31]);
  });
});

describe('one behaviour', () => {
  it('is behind one device only', () => {
    const behaviour = new EntropyDevice();
    const first = virtioFunction(behaviour, { kind: 'modern' });
    for (const again of [
      () => virtioFunction(behaviour, { kind: 'modern' }),
      () => mmrFunction(behaviour),
      () => made(behaviour),
    ])
      expect(again).toThrow(BehaviourInUseError);
    expect(first.device.behaviour).toBe(behaviour);
  });

  it('is free where no device came of it', () => {
    const behaviour = new Probe({ features: [5], dependencies: [[5, [4]]] });
    expect(() => made(behaviour)).toThrow();
    (behaviour as { features: readonly number[] }).features = [4, 5];
    expect(() => made(behaviour)).not.toThrow();
  });
});

describe('a legacy block', () => {
  const tagged = (bytes: number) => new P9Device({ server: server(), mountTag: 't'.repeat(bytes) });

  test.each([
    ['legacy', 230, true],
    ['legacy', 231, false],
    ['transitional', 230, true],
    ['transitional', 240, false],
    ['legacy-memory', 254, true],
    ['transitional-memory', 254, true],
    ['modern', 254, true],
  ] as const)('of a %s function holds a mount tag of %d bytes: %s', (kind, bytes, fits) => {
    const behaviour = tagged(bytes);
    if (fits) expect(() => virtioFunction(behaviour, { kind })).not.toThrow();
    else {
      expect(() => virtioFunction(behaviour, { kind })).toThrow(LegacyBlockSizeError);
      // Nothing was taken: a function that can hold it has it.
      expect(() => mmrFunction(behaviour)).not.toThrow();
    }
  });

  it('that no I/O BAR of a guest can hold takes no vector of the host', () => {
    const host = smallMachine();
    host.plug(mmrFunction(tagged(240)).pci, SLOT);
    runFirmware(host);
    const before = host.interrupts.allocateMessage(() => {}).data;
    expect(() => presentLegacy(host, SLOT)).toThrow(TranslatorError);
    expect(host.interrupts.allocateMessage(() => {}).data).toBe(before + 1);
  });
});

describe('options', () => {
  const link = new TestLink();
  /** A storage that says so of itself. */
  function sized(length: number): Storage {
    const made = storage();
    Object.defineProperty(made, 'length', { value: length });
    return made;
  }

  test.each<[string, () => unknown, new (...args: never[]) => Error]>([
    [
      'block: a serial of 21',
      () => new BlockDevice({ storage: storage(), serial: 'x'.repeat(21) }),
      BlockOptionError,
    ],
    [
      'block: a serial beyond ASCII',
      () => new BlockDevice({ storage: storage(), serial: 'é' }),
      BlockOptionError,
    ],
    ['block: no queue', () => new BlockDevice({ storage: storage(), queues: 0 }), BlockOptionError],
    ['block: 65536 queues', () => new BlockDevice({ storage: storage(), queues: 65536 }), BlockOptionError],
    ['block: half a queue', () => new BlockDevice({ storage: storage(), queues: 1.5 }), BlockOptionError],
    ['block: blocks of 256', () => new BlockDevice({ storage: storage(), blockSize: 256 }), BlockOptionError],
    ['block: blocks of 768', () => new BlockDevice({ storage: storage(), blockSize: 768 }), BlockOptionError],
    ['block: an empty storage', () => new BlockDevice({ storage: sized(0) }), StorageSizeError],
    ['block: half a sector', () => new BlockDevice({ storage: sized(256) }), StorageSizeError],
    ['block: a length below 0', () => new BlockDevice({ storage: sized(-512) }), StorageSizeError],
    ['block: no length', () => new BlockDevice({ storage: sized(Number.NaN) }), StorageSizeError],
    ['block: beyond 2^53', () => new BlockDevice({ storage: sized(2 ** 60) }), StorageSizeError],
    [
      'network: 5 bytes of MAC',
      () => new NetworkDevice({ link, macAddress: new Uint8Array(5) }),
      NetworkOptionError,
    ],
    [
      'network: a group',
      () => new NetworkDevice({ link, macAddress: Uint8Array.of(1, 0, 0, 0, 0, 0) }),
      NetworkOptionError,
    ],
    ['network: mtu 67', () => new NetworkDevice({ link, mtu: 67 }), NetworkOptionError],
    ['network: mtu 65536', () => new NetworkDevice({ link, mtu: 65536 }), NetworkOptionError],
    ['network: no pair', () => new NetworkDevice({ link, queuePairs: 0 }), NetworkOptionError],
    ['network: 0x8001 pairs', () => new NetworkDevice({ link, queuePairs: 0x8001 }), NetworkOptionError],
    [
      'network: a speed below 0',
      () => new NetworkDevice({ link, speed: { megabits: -1, duplex: 'full' } }),
      NetworkOptionError,
    ],
    [
      'network: a speed of 2^32',
      () => new NetworkDevice({ link, speed: { megabits: 2 ** 32, duplex: 'full' } }),
      NetworkOptionError,
    ],
    ['scsi: no queue', () => new ScsiDevice({ requestQueues: 0 }), ScsiOptionError],
    ['scsi: 65534 queues', () => new ScsiDevice({ requestQueues: 65534 }), ScsiOptionError],
    [
      'console: a wide terminal',
      () =>
        new ConsoleDevice({ ports: [{ backend: new MemoryConsole(), size: { columns: 65536, rows: 1 } }] }),
      ConsolePortError,
    ],
    [
      'console: half a row',
      () =>
        new ConsoleDevice({ ports: [{ backend: new MemoryConsole(), size: { columns: 80, rows: 0.5 } }] }),
      ConsolePortError,
    ],
  ])('%s', (_, make, wanted) => {
    expect(make).toThrow(wanted);
  });

  it('at their limits are taken', () => {
    expect(
      () => new BlockDevice({ storage: storage(), serial: 'x'.repeat(20), blockSize: 4096 }),
    ).not.toThrow();
    for (const mtu of [68, 65535])
      expect(() => new NetworkDevice({ link: new TestLink(), mtu })).not.toThrow();
    for (const megabits of [0, 0xffffffff, null])
      expect(
        () => new NetworkDevice({ link: new TestLink(), speed: { megabits, duplex: 'half' } }),
      ).not.toThrow();
    expect(() => new ScsiDevice({ requestQueues: 65533, queueSize: 1 })).not.toThrow();
  });

  it('a terminal that grows beyond 16 bits is refused, and keeps its size', () => {
    const device = new ConsoleDevice({ maxPorts: 0, offersSize: true });
    const port = device.addPort({ backend: new MemoryConsole(), size: { columns: 80, rows: 65535 } });
    for (const rows of [65536, -1, Number.NaN])
      expect(() => port.resize({ columns: 80, rows })).toThrow(ConsolePortError);
    expect([device.config.get('columns'), device.config.get('rows')]).toEqual([80, 65535]);
  });
});
