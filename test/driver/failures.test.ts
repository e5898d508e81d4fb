import { describe, expect, it, test } from 'vitest';
import { DmaDomain, HeldScheduler, immediate } from '../../src/core/index.ts';
import {
  BalloonDriver,
  BlockDriver,
  ConsoleDriver,
  DeviceFailedError,
  DmaMemory,
  EntropyDriver,
  FunctionGoneError,
  findFunction,
  HandlerError,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NetworkDriver,
  networkDriverFeatures,
  P9Driver,
  RequestFailedError,
  RingBrokenError,
  runFirmware,
  ScsiDriver,
  type Transport,
  type VirtioDriver,
} from '../../src/driver/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  deviceStatus,
  EntropyDevice,
  feature,
  Hub,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  packedDescriptorFlag,
  ScsiDevice,
  SeededEntropy,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';
import { strayWrites } from './support/pieces.ts';

interface Started {
  readonly driver: { readonly driver: VirtioDriver; close(): void };
  /** Sends a request; the queue that it goes through. */
  ask(): Promise<unknown>;
  readonly queue: number;
}

interface Kind {
  readonly device: () => DeviceBehaviour;
  readonly start: (transport: Transport, memory: DmaMemory, ringFeatures: readonly number[]) => Started;
}

/** A driver of each type, and a request that the device does not answer at once. */
const kinds: Readonly<Record<string, Kind>> = {
  block: {
    device: () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(8192)) }),
    start: (transport, memory, ringFeatures) => {
      const driver = new BlockDriver(transport, memory, { ringFeatures, requestBytes: 4096, depth: 2 });
      return { driver, ask: () => driver.read(0, 1), queue: 0 };
    },
  },
  entropy: {
    device: () => new EntropyDevice({ source: new SeededEntropy(1) }),
    start: (transport, memory, ringFeatures) => {
      const driver = new EntropyDriver(transport, memory, { ringFeatures });
      return { driver, ask: () => driver.read(4), queue: 0 };
    },
  },
  console: {
    device: () => new ConsoleDevice({ maxPorts: 0 }),
    start: (transport, memory, ringFeatures) => {
      const driver = new ConsoleDriver(transport, memory, { ringFeatures });
      return { driver, ask: () => driver.ports.get(0)!.write(Uint8Array.of(1)), queue: 1 };
    },
  },
  network: {
    device: () => new NetworkDevice({ link: new Hub().socket() }),
    start: (transport, memory, ringFeatures) => {
      const driver = new NetworkDriver(transport, memory, { ringFeatures });
      return { driver, ask: () => driver.send(new Uint8Array(60)), queue: 1 };
    },
  },
  'network control': {
    device: () => new NetworkDevice({ link: new Hub().socket() }),
    start: (transport, memory, ringFeatures) => {
      const driver = new NetworkDriver(transport, memory, { ringFeatures, features: networkDriverFeatures });
      return { driver, ask: () => driver.commands!.setMode('promiscuous', true), queue: 2 };
    },
  },
  balloon: {
    device: () => new BalloonDevice({ freePageReports: true }),
    start: (transport, memory, ringFeatures) => {
      const driver = new BalloonDriver(transport, memory, { ringFeatures });
      const queue = Math.max(...driver.driver.rings.keys());
      return { driver, ask: () => driver.report(1), queue };
    },
  },
  scsi: {
    device: () => new ScsiDevice(),
    start: (transport, memory, ringFeatures) => {
      const driver = new ScsiDriver(transport, memory, { ringFeatures, requestBytes: 4096, depth: 2 });
      return { driver, ask: () => driver.command({ target: 0, lun: 0 }, new Uint8Array(6)), queue: 2 };
    },
  },
  'scsi control': {
    device: () => new ScsiDevice(),
    start: (transport, memory, ringFeatures) => {
      const driver = new ScsiDriver(transport, memory, { ringFeatures, requestBytes: 4096, depth: 2 });
      return { driver, ask: () => driver.manage('abortTaskSet', { target: 0, lun: 0 }), queue: 0 };
    },
  },
  p9: {
    device: () => new P9Device({ server: new P9MemoryServer({}) }),
    start: (transport, memory, ringFeatures) => {
      const driver = new P9Driver(transport, memory, { ringFeatures });
      return { driver, ask: () => driver.rpc(new Uint8Array(7)), queue: 0 };
    },
  },
};

type Way = 'legacy' | 'modern' | 'packed';

/** A driver whose device does nothing until it is let. */
function open(name: string, way: Way, intx = false, early = false) {
  const tasks = new HeldScheduler();
  const machine = smallMachine({ scheduler: tasks, interruptScheduler: immediate });
  const ringFeatures = way === 'packed' ? [feature.ringPacked] : [];
  const fn = virtioFunction(kinds[name]!.device(), { kind: 'transitional', transportFeatures: ringFeatures });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    way === 'legacy'
      ? new LegacyTransport(machine, found, legacyAccess(machine, found), { intx })
      : new ModernTransport(machine, found, { intx });
  if (early) {
    // Interrupts that nothing has brought about, as on a shared line: after each step of the driver's.
    const { setUpQueue, setStatus } = transport;
    const interrupt = () => fn.interrupts.queue(0);
    transport.setUpQueue = (...args) => [setUpQueue.apply(transport, args), interrupt()];
    transport.setStatus = (status) => [setStatus.call(transport, status), interrupt()];
  }
  const memory = new DmaMemory(machine.ram, 0x10000);
  const strays = strayWrites(memory);
  const started = kinds[name]!.start(transport, memory, ringFeatures);
  const ring = started.driver.driver.rings.get(started.queue)!;
  const { view, start } = machine.ram.find(ring.place.device, 1)!;
  return {
    ...started,
    machine,
    fn,
    tasks,
    strays,
    core: started.driver.driver,
    /** What no device writes: a used entry with an id that nobody has. */
    breakRing: () => {
      if (way === 'packed') {
        const at = ring.place.descriptor - start;
        view.setUint16(at + 12, 0x7777, true);
        view.setUint16(at + 14, packedDescriptorFlag.available | packedDescriptorFlag.used, true);
      } else {
        view.setUint32(ring.place.device - start + 4, 0x7777, true);
        view.setUint16(ring.place.device - start + 2, 1, true);
      }
      fn.interrupts.queue(started.queue);
    },
  };
}

describe.each(Object.keys(kinds))('%s', (name) => {
  test.each<Way>(['legacy', 'modern', 'packed'])(
    'an interrupt that comes while the driver is being made does no harm (%s)',
    async (way) => {
      const { core, ask, tasks, driver, strays } = open(name, way, false, true);
      expect(core.failure).toBeNull();
      const asked = ask().then(
        () => true,
        (error) => error instanceof RequestFailedError || error instanceof DeviceFailedError,
      );
      await Promise.resolve();
      tasks.releaseAll();
      // Nor is anything written but into memory that was taken for it.
      expect([await asked, core.failure, strays]).toEqual([true, null, []]);
      driver.close();
    },
  );

  test.each<Way>(['legacy', 'modern', 'packed'])(
    'a %s ring that broke ends what is in flight and what comes later, by name',
    async (way) => {
      const { ask, breakRing, core } = open(name, way);
      const flying = ask();
      await Promise.resolve();
      breakRing();
      await expect(flying).rejects.toThrow(RingBrokenError);
      await expect(flying).rejects.toMatchObject({ value: 0x7777 });
      await expect(ask()).rejects.toThrow(RingBrokenError);
      expect(core.failure).toBeInstanceOf(RingBrokenError);
    },
  );

  it('BF-STAT-04, BF-STAT-07: a device that asks for a reset ends them too', async () => {
    const { ask, fn } = open(name, 'modern');
    const flying = ask();
    await Promise.resolve();
    fn.device.fail('SPL-DESC-05', 'broken');
    await expect(flying).rejects.toThrow(/asks to be reset/);
    await expect(ask()).rejects.toThrow(DeviceFailedError);
  });

  test.each<Way>(['legacy', 'modern'])(
    'a %s function that is gone is found so on a shared line',
    async (way) => {
      const { ask, machine, core, driver } = open(name, way, true);
      const flying = ask();
      await Promise.resolve();
      machine.unplug(SLOT);
      let others = 0;
      machine.interrupts.connectLine(11, () => {
        others++;
        machine.interrupts.setLine(11, 0x99, false);
        return true;
      });
      machine.interrupts.setLine(11, 0x99, true);
      await expect(flying).rejects.toThrow(FunctionGoneError);
      await expect(ask()).rejects.toThrow(FunctionGoneError);
      expect([others, core.failure]).toEqual([1, expect.any(FunctionGoneError)]);
      driver.close();
      expect(() => core.bringUp({ features: [], queues: [] }, { queue: () => {}, config: () => {} })).toThrow(
        FunctionGoneError,
      );
    },
  );

  it('ends what is in flight when it is closed', async () => {
    const { ask, driver } = open(name, 'modern');
    const flying = ask();
    await Promise.resolve();
    driver.close();
    await expect(flying).rejects.toThrow(/was closed/);
    await expect(ask()).rejects.toThrow(DeviceFailedError);
  });
});

describe('an interrupt handler', () => {
  it('that throws ends the use of the device, not the access that the interrupt came in', () => {
    const { core, fn, machine } = open('entropy', 'modern');
    core.close();
    core.bringUp(
      { features: [], queues: [0] },
      {
        queue: () => {
          throw new RangeError('mine');
        },
        config: () => {},
      },
    );
    const told: Error[] = [];
    core.whenFailed((error) => told.push(error));
    fn.interrupts.queue(0);
    fn.interrupts.queue(0);
    expect(told).toEqual([expect.any(HandlerError)]);
    expect(told[0]).toMatchObject({ cause: expect.any(RangeError), message: 'a handler threw: mine' });
    // Whoever comes late hears of it too, and nothing is kicked any more.
    core.whenFailed((error) => told.push(error));
    expect(told.length).toBe(2);
    expect([core.add(0, [{ address: 0, length: 1, writable: true }]), core.take(0)]).toEqual([-1, null]);
    expect(machine.functions.has(SLOT)).toBe(true);
  });

  it('that fails during bring-up fails the bring-up, and FAILED is set', () => {
    const { core, fn } = open('entropy', 'modern');
    core.close();
    const queues = () => {
      fn.interrupts.config();
      return [0];
    };
    const config = () => {
      throw new DeviceFailedError('odd');
    };
    expect(() => core.bringUp({ features: [], queues }, { queue: () => {}, config })).toThrow('odd');
    expect(fn.device.status & (deviceStatus.failed | deviceStatus.driverOk)).toBe(deviceStatus.failed);
    // A new start forgets it.
    core.bringUp({ features: [], queues: [0] }, { queue: () => {}, config: () => {} });
    expect([core.failure, fn.device.status & deviceStatus.driverOk]).toEqual([null, deviceStatus.driverOk]);
  });
});
