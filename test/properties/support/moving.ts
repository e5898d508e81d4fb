import { type MovingBus, MovingMachine } from '../../../src/compare/migration/index.ts';
import { HeldScheduler } from '../../../src/core/index.ts';
import {
  BlockDriver,
  ConsoleDriver,
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  NetworkDriver,
  type Transport,
} from '../../../src/driver/index.ts';
import { isTranslated, type WayName, ways } from '../../../src/mmr/index.ts';
import {
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  MemoryConsole,
  NetworkDevice,
  type NetworkPort,
  SECTOR_BYTES,
  type Storage,
  type Transfer,
} from '../../../src/virtio/index.ts';

/** Turns of promises, as many as a driver's request takes. */
export const settle = async () => {
  for (let i = 0; i < 20; i++) await null;
};

/** Machine and driver memory, small, so that every page counts. */
export const RAM_BYTES = 0x40000;
export const DRIVER = { start: 0x4000, end: 0x40000 } as const;
const SECTORS = 64;

/** A machine and the time of its device. */
export interface Site {
  readonly machine: MovingMachine;
  readonly tasks: HeldScheduler;
  /** Puts input before the device. */
  input(bytes: Uint8Array): boolean;
  /** Input that waits outside, for a device that takes no more: it comes along. */
  waiting(): Uint8Array;
  /** What came out of it that nobody has looked at yet. */
  output(): Uint8Array[];
}

/** A type's traffic: what a driver does, and whether it came out right. */
export interface Traffic {
  /** @param interrupts when they come; by default at once. */
  site(way: WayName, interrupts?: HeldScheduler): Site;
  /** The driver begins. @param input takes what comes to it. */
  open(transport: Transport, memory: DmaMemory): Driving;
}

export interface Driving {
  /** The `nth` thing to do. Resolves when it is done, with what was wrong with it. */
  act(nth: number): Promise<string | null>;
  /** What has come to the driver. */
  readonly received: Uint8Array[];
}

/** A disk that carries a request out when its scheduler says so, and counts. */
class CarriedStorage implements Storage {
  readonly readOnly = false;
  readonly bytes: Uint8Array;
  readonly carried: number[];
  readonly tasks: HeldScheduler;

  constructor(bytes: Uint8Array, carried: number[], tasks: HeldScheduler) {
    this.bytes = bytes;
    this.carried = carried;
    this.tasks = tasks;
  }

  get length(): number {
    return this.bytes.length;
  }

  #later(label: string, transfer: Transfer, carry: () => boolean): void {
    this.tasks.submit({ label, run: () => transfer.whenReady(() => transfer.done(carry())) });
  }

  read(transfer: Transfer): void {
    const { offset, length } = transfer;
    this.#later('read', transfer, () => transfer.give(0, this.bytes, offset, length));
  }

  write(transfer: Transfer): void {
    const { offset, length } = transfer;
    this.#later('write', transfer, () => {
      this.carried.push(offset / SECTOR_BYTES);
      return transfer.take(0, this.bytes, offset, length);
    });
  }

  flush(transfer: Transfer): void {
    this.#later('flush', transfer, () => true);
  }

  discard(transfer: Transfer): void {
    transfer.done(false);
  }

  writeZeroes(transfer: Transfer): void {
    transfer.done(false);
  }
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const contents = (nth: number, length: number) =>
  new Uint8Array(length).map((_, i) => (nth * 37 + i * 11 + (i >> 5)) & 0xff);

type Made = Omit<Site, 'machine' | 'tasks'> & { readonly behaviour: DeviceBehaviour };

function siteOf(
  way: WayName,
  interrupts: HeldScheduler | undefined,
  make: (tasks: HeldScheduler) => Made,
): Site {
  const tasks = new HeldScheduler();
  const { behaviour, ...rest } = make(tasks);
  const times = { scheduler: tasks, ...(interrupts === undefined ? {} : { interruptScheduler: interrupts }) };
  return { machine: new MovingMachine(behaviour, way, { ramBytes: RAM_BYTES, ...times }), tasks, ...rest };
}

/** Sectors are written, each once, and read again. What is behind both machines is one disk. */
export function blockTraffic(): Traffic & { readonly carried: number[] } {
  const bytes = new Uint8Array(SECTORS * SECTOR_BYTES);
  const carried: number[] = [];
  return {
    carried,
    site: (way, interrupts) =>
      siteOf(way, interrupts, (tasks) => ({
        behaviour: new BlockDevice({ storage: new CarriedStorage(bytes, carried, tasks) }),
        input: () => false,
        waiting: () => new Uint8Array(),
        output: () => [],
      })),
    open(transport, memory) {
      const driver = new BlockDriver(transport, memory, { requestBytes: SECTOR_BYTES, depth: 8 });
      return {
        received: [],
        async act(nth) {
          const sector = nth % SECTORS;
          const data = contents(nth, SECTOR_BYTES);
          await driver.write(sector, data);
          return same(await driver.read(sector, 1), data) ? null : `sector ${sector} reads otherwise`;
        },
      };
    },
  };
}

/** Frames go out and come in. */
export function networkTraffic(): Traffic {
  const sent: Uint8Array[] = [];
  return {
    site: (way, interrupts) =>
      siteOf(way, interrupts, () => {
        let port: NetworkPort | null = null;
        const behaviour = new NetworkDevice({
          link: {
            offloads: false,
            attach: (its) => void (port = its),
            transmit: (bytes, offset, length) => void sent.push(bytes.slice(offset, offset + length)),
          },
        });
        return {
          behaviour,
          input: (frame) => port!.receive(frame, 0, frame.length, null),
          waiting: () => new Uint8Array(),
          output: () => sent.splice(0),
        };
      }),
    open(transport, memory) {
      const received: Uint8Array[] = [];
      const driver = new NetworkDriver(transport, memory, {
        buffers: 8,
        bufferBytes: 2048,
        depth: 8,
        onFrame: (frame) => void received.push(frame.slice()),
      });
      return {
        received,
        async act(nth) {
          await driver.send(contents(nth, 64 + (nth % 50)));
          return null;
        },
      };
    },
  };
}

/** Text goes out and comes in. */
export function consoleTraffic(): Traffic {
  return {
    site: (way, interrupts) =>
      siteOf(way, interrupts, () => {
        const terminal = new MemoryConsole();
        return {
          behaviour: new ConsoleDevice({ ports: [{ backend: terminal }] }),
          input: (bytes) => {
            terminal.send(bytes);
            return true;
          },
          waiting: () => terminal.input.shift(),
          output: () => [terminal.take()],
        };
      }),
    open(transport, memory) {
      const received: Uint8Array[] = [];
      const driver = new ConsoleDriver(transport, memory, { buffers: 8, bufferBytes: 256, features: [] });
      const port = driver.ports.get(0)!;
      port.onData = (bytes) => void received.push(bytes.slice());
      return {
        received,
        async act(nth) {
          await port.write(contents(nth, 1 + (nth % 40)));
          return null;
        },
      };
    },
  };
}

export { contents };

/** A driver of the guest's, on whatever machine its processors are. */
export function transportOf(bus: MovingBus, place: number, way: WayName): Transport {
  const found = findFunction(bus, place)!;
  if (isTranslated(way)) return new LegacyTransport(bus, found, legacyAccess(bus, found));
  const direct = ways[way];
  if (direct.translated) throw new Error(`${way} is translated`);
  return direct.transport(bus, found);
}

export const memoryOf = (bus: MovingBus) => new DmaMemory(bus.ram, DRIVER.start, DRIVER.end);
