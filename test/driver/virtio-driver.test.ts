import { describe, expect, it, test } from 'vitest';
import { GuestMemory, registers, ro } from '../../src/core/index.ts';
import {
  DeviceFailedError,
  DmaMemory,
  FunctionGoneError,
  NoDeviceError,
  RequestQueue,
  RingSizeError,
  type Transport,
  VirtioDriver,
  Waits,
} from '../../src/driver/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { featureWords, hasFeature } from '../../src/virtio/index.ts';

const handlers = { queue: () => {}, config: () => {} };

/** A transport to nothing that keeps what it is told, and answers as the test wants. */
function fake(overrides: Partial<Transport> = {}, offered: readonly number[] = [5, 28, 29, 27, 24, 30, 32]) {
  const log: string[] = [];
  let status = 0;
  const transport: Transport = {
    name: 'legacy',
    ringLayout: 'legacy',
    littleEndian: true,
    modern: false,
    tolerated: new Set(),
    waits: new Waits(new Machine()),
    get status() {
      return status;
    },
    setStatus: (value) => {
      status = value;
      log.push(`status ${value}`);
    },
    reset: () => {
      status = 0;
      log.push('reset');
    },
    readFeatures: () => featureWords(offered),
    writeFeatures: (words) =>
      void log.push(`features ${[...offered].filter((bit) => hasFeature(words, bit)).join(' ')}`),
    queueSize: (index) => (index < 2 ? 64 : 0),
    adminQueues: () => [],
    setUpQueue: (index, size, { descriptor, driver, device }) =>
      void log.push(
        `queue ${index} of ${size}: ${[descriptor % 16, driver % 2, device % 4, device - descriptor].join(' ')}`,
      ),
    resetQueue: (index) => void log.push(`reset queue ${index}`),
    notify: (index) => void log.push(`notify ${index}`),
    readConfig: () => 0,
    writeConfig: () => {},
    configGeneration: () => null,
    connect: () => void log.push('connect'),
    disconnect: () => void log.push('disconnect'),
    ...overrides,
  };
  const memory = new DmaMemory(GuestMemory.allocate({ start: 0x1000, length: 0x20000 }), 0x1000);
  return { log, transport, memory, driver: new VirtioDriver(transport, memory) };
}

describe('bringing a device up', () => {
  it('LEG-INIT-01: goes through the steps in order, without FEATURES_OK', () => {
    const { driver, log } = fake();
    driver.bringUp({ features: [5, 6], queues: [0, 1] }, handlers);
    expect(log).toEqual([
      'reset',
      'status 1',
      'status 3',
      'features 5 28 29 27',
      'connect',
      'queue 0 of 64: 0 0 0 4096',
      'queue 1 of 64: 0 0 0 4096',
      'status 7',
    ]);
  });

  it('INIT-01: goes through the steps in order, with FEATURES_OK and VERSION_1', () => {
    const { driver, log } = fake({ modern: true, ringLayout: 'separate' });
    driver.bringUp({ features: [5], queues: [1], maxQueueSize: 16 }, handlers);
    expect(log.filter((step) => !step.startsWith('queue'))).toEqual([
      'reset',
      'status 1',
      'status 3',
      'features 5 28 29 32',
      'status 11',
      'connect',
      'status 15',
    ]);
    // SPL-LAY-01: aligned to 16, 2 and 4.
    expect(log.find((step) => step.startsWith('queue'))).toMatch(/^queue 1 of 16: 0 0 0 /);
  });

  test.each([
    ['none of the ring features', [], '5 27'],
    ['one of them', [29], '5 29 27'],
  ])(
    'BF-FEAT-01, LEG-RF-04, LEG-RF-06: accepts %s where it is told so, ANY_LAYOUT always, bit 30 never',
    (_, ringFeatures, accepted) => {
      const { driver, log } = fake();
      driver.bringUp({ features: [5], queues: [0], ringFeatures }, handlers);
      expect(log).toContain(`features ${accepted}`);
      expect([driver.has(5), driver.has(30), driver.has(28)]).toEqual([true, false, false]);
    },
  );

  test.each([
    ['a device without the queue', { queues: [2] }, {}, [5, 32], NoDeviceError, 'the device has no queue 2'],
    [
      'a device that refuses the features (INIT-05)',
      { queues: [0] },
      { modern: true, ringLayout: 'separate' },
      [5, 32],
      DeviceFailedError,
      'the device refused the features',
    ],
    [
      'a device without VERSION_1',
      { queues: [0] },
      { modern: true, ringLayout: 'separate' },
      [5],
      DeviceFailedError,
      'the device does not offer VERSION_1',
    ],
  ] as const)(
    'INIT-06, INIT-07: sets FAILED for %s, and stops',
    (_, options, overrides, offered, error, why) => {
      const { driver, log, transport } = fake(overrides, offered);
      const set = transport.setStatus;
      // The device drops FEATURES_OK.
      transport.setStatus = (value) => set(value & ~8);
      const bringUp = () => driver.bringUp({ features: [5], ...options }, handlers);
      expect(bringUp).toThrow(error);
      expect(bringUp).toThrow(why);
      expect([log.at(-1), transport.status & 4]).toEqual(['status 131', 0]);
    },
  );

  it('keeps its rings zeroed and kicks only when there is something new', () => {
    const { driver, log, memory } = fake();
    memory.ram.fill(0x1000, 0x20000, 0xff);
    driver.bringUp({ features: [], queues: [0] }, handlers);
    const { place } = driver.rings.get(0)!;
    expect([...memory.ram.read(place.device, 4)]).toEqual([0, 0, 0, 0]);
    driver.kick(0);
    driver.rings.get(0)!.add([{ address: 0x9000, length: 1, writable: true }]);
    driver.kick(0);
    driver.kick(0);
    expect(log.filter((step) => step.startsWith('notify'))).toEqual(['notify 0']);
  });

  it.each([
    ['all', [5, 6, 7], '5 6 7'],
    ['those whose prerequisites are missing', [6, 7], ''],
    ['what needs one that needs another', [5, 7], '5'],
  ])(
    'BF-FEAT-02, BF-FEAT-03: of features that need others, accepts or leaves out %s',
    (_, offered, accepted) => {
      const { driver, log } = fake({}, offered);
      const dependencies = [
        [7, [6]],
        [6, [5, 4]],
      ] as const;
      driver.bringUp({ features: [5, 6, 7], queues: [0], dependencies }, handlers);
      expect(log).toContain(`features ${accepted}`);
    },
  );

  it('BF-FEAT-04, BF-FEAT-05, BF-FEAT-08: takes no notice of features that it does not know', () => {
    const offered = Array.from({ length: 128 }, (_, bit) => bit);
    const { driver, log } = fake({ modern: true, ringLayout: 'separate' }, offered);
    driver.bringUp({ features: [5], queues: [0] }, handlers);
    expect(log).toContain('features 5 28 29 32 33 36 37 38 39 40 43');
  });

  it('RF-05: hands out no bus addresses to a device that did not agree to them', () => {
    const modern = { modern: true, ringLayout: 'separate' } as const;
    const { ram } = fake().memory;
    const memory = () => DmaMemory.translated(ram, 0x1000, 0x9000, 0x100000);
    const refused = new VirtioDriver(fake(modern, [32]).transport, memory());
    expect(() => refused.bringUp({ features: [], queues: [0] }, handlers)).toThrow(/physical addresses only/);
    const { transport } = fake(modern, [32, 33]);
    const agreed = new VirtioDriver(transport, memory());
    agreed.bringUp({ features: [], queues: [0] }, handlers);
    expect([transport.status, agreed.rings.get(0)!.place.descriptor]).toEqual([15, 0x101000]);
  });

  it('OPER-03: closes by a reset before it gives anything back', () => {
    const { driver, log, memory } = fake();
    driver.bringUp({ features: [], queues: [0] }, handlers);
    log.length = 0;
    driver.close();
    expect([log, driver.rings.size, memory.allocate(16)]).toEqual([['reset', 'disconnect'], 0, 0x1000]);
  });

  it('BF-STAT-06: sees that the device asks to be reset', () => {
    const { driver, transport } = fake();
    expect(driver.needsReset).toBe(false);
    transport.setStatus(0x47);
    expect(driver.needsReset).toBe(true);
  });
});

describe('one queue', () => {
  const up = () => {
    const under = fake({ modern: true, ringLayout: 'separate' }, [32, 40]);
    under.driver.bringUp({ features: [], queues: [0, 1], maxQueueSize: 8 }, handlers);
    under.log.length = 0;
    return under;
  };

  it('BF-VQR-04, BF-VQR-06: is taken down and set up again, smaller perhaps, in the memory that it had', () => {
    const { driver, log } = up();
    const before = driver.rings.get(1)!.place;
    driver.resetQueue(1);
    expect([...driver.rings.keys()]).toEqual([0]);
    driver.setUpQueue(1, 8);
    expect(driver.rings.get(1)!.place).toEqual(before);
    driver.resetQueue(1);
    driver.setUpQueue(1, 4);
    expect(driver.rings.get(1)!.size).toBe(4);
    expect(log.map((step) => step.replace(/:.*/, ''))).toEqual([
      'reset queue 1',
      'queue 1 of 8',
      'reset queue 1',
      'queue 1 of 4',
    ]);
  });

  it('takes no requests while it is down, and says so', async () => {
    const { driver } = fake({}, [40]);
    driver.bringUp({ features: [], queues: [0], ringFeatures: [] }, handlers);
    const queue = new RequestQueue(driver, 0, { outBytes: 16, inBytes: 16, depth: 1 });
    driver.resetQueue(0);
    await expect(queue.send([Uint8Array.of(1)], [1], 1)).rejects.toThrow('queue 0 is not set up');
    expect([driver.add(0, [{ address: 0x1000, length: 1, writable: true }]), driver.take(0)]).toEqual([
      -1,
      null,
    ]);
  });

  it('is not kicked where there is none', () => {
    const { driver, log } = fake();
    driver.bringUp({ features: [], queues: [0] }, handlers);
    expect(driver.add(9, [])).toBe(-1);
    expect(() => driver.kick(9)).not.toThrow();
    expect(log).not.toContain('notify 9');
  });

  it('is never reset where that was not agreed on', () => {
    const { driver, log } = fake({ modern: true, ringLayout: 'separate' }, [32]);
    driver.bringUp({ features: [], queues: [0] }, handlers);
    expect(() => driver.resetQueue(0)).toThrow(DeviceFailedError);
    expect(log).not.toContain('reset queue 0');
  });
});

describe('suspending', () => {
  const BUFFER = [{ address: 0x9000, length: 1, writable: true }];

  /** A device that follows only when the test says so. */
  function up(offered = [32, 43]) {
    const under = fake({ modern: true, ringLayout: 'separate' }, offered);
    under.driver.bringUp({ features: [], queues: [0, 1] }, handlers);
    under.log.length = 0;
    return under;
  }

  it('SUSP-02..04: believes it when it sees it, and kicks nothing from the moment of asking', () => {
    const { driver, log, transport } = up();
    expect([driver.suspend(), transport.status]).toEqual([false, 0x1f]);
    const ring = driver.rings.get(0)!;
    ring.add(BUFFER);
    driver.kick(0);
    expect([driver.suspend(), log]).toEqual([false, ['status 31']]);
    const { ram } = driver.memory;
    expect([...ram.read(ring.place.driver + 2, 2)]).toEqual([0, 0]);
    transport.setStatus(0x1b);
    expect(driver.suspend()).toBe(true);
    log.length = 0;
    driver.kick(0);
    expect(log).toEqual([]);
    // SUSP-06: it asks, and goes on when the device does.
    expect([driver.resume(), log, transport.status]).toEqual([false, ['status 31'], 0x1f]);
    transport.setStatus(0x0f);
    log.length = 0;
    expect([driver.resume(), log, [...ram.read(ring.place.driver + 2, 2)]]).toEqual([
      true,
      ['notify 0'],
      [1, 0],
    ]);
    expect(driver.resume()).toBe(true);
  });

  it('SUSP-05: leaves configuration alone', () => {
    const map = registers({ field: ro(0, 4) });
    const written: number[] = [];
    const { driver, transport } = up();
    transport.writeConfig = (...all) => void written.push(...all);
    driver.writeField(map, 'field', -1);
    driver.suspend();
    expect(() => driver.writeField(map, 'field', 2)).toThrow(DeviceFailedError);
    expect(written).toEqual([0, 4, 0xffffffff]);
  });

  it('SUSP-01: is not asked for where it was not agreed on', () => {
    const { driver, log } = up([32]);
    expect(() => driver.suspend()).toThrow(DeviceFailedError);
    expect(log).toEqual([]);
  });

  it('SUSP-12, SUSP-13: ends in an error where the device asks to be reset', () => {
    const { driver, transport } = up();
    driver.suspend();
    transport.setStatus(0x5f);
    expect(() => driver.suspend()).toThrow(DeviceFailedError);
    expect(() => driver.resume()).toThrow(DeviceFailedError);
  });
});

describe('sizes of queues', () => {
  const modern = { modern: true, ringLayout: 'separate' } as const;

  test.each([
    ['PCI-COM-15: modern, split', modern, [32], 12, 256, false],
    ['legacy, split', {}, [], 12, 256, false],
    ['modern, split, too many', modern, [32], 0xffff, 256, false],
    ['modern, packed', modern, [32, 34], 12, 256, true],
    ['modern, packed, too many', modern, [32, 34], 0x8001, 256, false],
    ['PCI-COM-20: modern, split, wanted', modern, [32], 64, 12, false],
    ['modern, packed, wanted', modern, [32, 34], 64, 12, true],
    ['wanted, none', modern, [32, 34], 64, 0, false],
    ['LEG-VQ-03: legacy, whatever is wanted', {}, [], 64, 12, true],
  ] as const)('%s: bits %j, %j offered, %j wanted: good %j', (_, kind, offered, size, maxQueueSize, good) => {
    const { driver, log } = fake({ ...kind, queueSize: () => size }, offered);
    const bringUp = () =>
      driver.bringUp({ features: [], queues: [0], ringFeatures: [34], maxQueueSize }, handlers);
    if (good) {
      bringUp();
      expect(driver.rings.get(0)!.size).toBe(kind === modern ? 12 : 64);
    } else {
      expect(bringUp).toThrow(RingSizeError);
      expect([log.filter((step) => step.startsWith('queue')), log.at(-1)]).toEqual([
        [],
        expect.stringMatching(/^status 1[34]\d$/),
      ]);
    }
  });
});

describe('the end', () => {
  it('gives nothing of the memory back to others while the device may still write there', () => {
    const { driver, memory, log } = fake();
    driver.bringUp({ features: [], queues: [0] }, handlers);
    const next = memory.allocate(16);
    driver.transport.reset = () => {
      throw new DeviceFailedError('never ends');
    };
    expect(() => driver.close()).toThrow('never ends');
    expect([log.at(-1), memory.allocate(16), driver.failure?.message]).toEqual([
      'disconnect',
      next + 16,
      'the driver was closed',
    ]);
  });

  it('needs no reset of a function that is gone', () => {
    const { driver, memory, log } = fake();
    driver.bringUp({ features: [], queues: [0] }, handlers);
    driver.transport.reset = () => {
      throw new FunctionGoneError('status');
    };
    driver.close();
    expect([log.at(-1), memory.allocate(16)]).toEqual(['disconnect', 0x1000]);
  });
});

describe('reading configuration', () => {
  const map = registers({ wide: ro(0, 8), word: ro(8, 4), half: ro(12, 2), byte: ro(14, 1) });

  test.each([
    ['wide', true, 0x1111_2222_3333],
    ['wide', false, 0x22223333 * 2 ** 32 + 0x1111],
    ['word', true, 0x4444],
    ['half', true, 0x55],
  ] as const)('%s, little-endian %s', (name, littleEndian, value) => {
    const words: Record<string, number> = { '0:4': 0x22223333, '4:4': 0x1111, '8:4': 0x4444, '12:2': 0x55 };
    const { driver } = fake({ littleEndian, readConfig: (offset, width) => words[`${offset}:${width}`]! });
    expect(driver.readField(map, name)).toBe(value);
  });

  it('LEG-CFG-02: reads 64 bits again until two readings agree', () => {
    const readings = [1, 0, 1, 0xffffffff, 2, 0, 2, 0];
    const { driver } = fake({ readConfig: () => readings.shift()! });
    expect(driver.readField(map, 'wide')).toBe(2);
    expect(readings).toEqual([]);
  });

  it.each([
    ['LEG-CFG-02', false],
    ['BF-CFG-02', true],
  ])('%s: gives up a device whose field never holds still', (_, counts) => {
    let reads = 0;
    const readConfig = () => reads++ & 0xff;
    const { driver } = fake({ readConfig, ...(counts ? { configGeneration: readConfig } : {}) });
    expect(() => driver.readField(map, 'wide')).toThrow(DeviceFailedError);
    expect(() => driver.readField(map, 'wide')).toThrow('configuration field wide does not hold still');
  });

  it.each([
    ['byte', 0xff, false],
    ['byte', 0xfe, true],
    ['half', 0xffff, false],
    ['half', 0xff, true],
    ['word', 0xffffffff, false],
    ['word', 0xffff, true],
    ['wide', 0xffffffff, false],
    ['wide', 0xfffffffd, true],
  ] as const)('asks a function that may be gone whether it is: %s of %d', (name, reading, believed) => {
    for (const gone of [false, true]) {
      const { driver, transport } = fake({ readConfig: () => reading });
      Object.defineProperty(transport, 'status', {
        get: () => {
          if (gone) throw new FunctionGoneError('status');
          return 0;
        },
      });
      const value = name === 'wide' ? reading * 2 ** 32 + reading : reading;
      if (gone && !believed) expect(() => driver.readField(map, name)).toThrow(FunctionGoneError);
      else expect(driver.readField(map, name)).toBe(value);
    }
  });

  it('BF-CFG-02: reads again while the generation changes', () => {
    const [generations, readings] = [
      [1, 2, 2, 2],
      [7, 8],
    ];
    const { driver } = fake({
      configGeneration: () => generations!.shift()!,
      readConfig: () => readings!.shift()!,
    });
    expect(driver.readField(map, 'word')).toBe(8);
    expect([generations, readings]).toEqual([[], []]);
  });
});
