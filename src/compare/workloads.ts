import { OptionError } from '../core/index.ts';
import {
  BalloonDriver,
  BlockDriver,
  ConsoleDriver,
  type DmaMemory,
  EntropyDriver,
  NetworkDriver,
  P9Client,
  P9Driver,
  ScsiDisk,
  ScsiDriver,
  type Transport,
} from '../driver/index.ts';
import {
  BALLOON_PAGE_BYTES,
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
  unplugged,
} from '../virtio/index.ts';

/** A driver that was brought up. */
export interface Work {
  /** One request of the size that was asked for. */
  request(): Promise<unknown>;
  close(): void;
}

/** A device type at its usual work. */
export interface Workload {
  /** What a request is, for a reader. */
  readonly request: string;
  /** Bytes of a request: least, most, and the unit that they are multiples of. */
  readonly bytes: {
    readonly least: number;
    readonly most: number;
    readonly unit: number;
    readonly usual: number;
  };
  make(bytes: number): {
    readonly behaviour: DeviceBehaviour;
    open(transport: Transport, memory: DmaMemory): Promise<Work>;
  };
}

const SECTOR = 512;
const MOST = 1 << 20;
const DISK_BYTES = 2 * MOST;

/** Each type that has a legacy interface; a type from outside brings none. */
export const workloads = {
  network: {
    request: 'a frame sent',
    bytes: { least: 60, most: 1514, unit: 1, usual: 1514 },
    make: (bytes) => ({
      behaviour: new NetworkDevice({ link: unplugged }),
      open: async (transport, memory) => {
        const driver = new NetworkDriver(transport, memory);
        const frame = new Uint8Array(bytes);
        return { request: () => driver.send(frame), close: () => driver.close() };
      },
    }),
  },
  block: {
    request: 'a read of a disk',
    bytes: { least: SECTOR, most: MOST, unit: SECTOR, usual: 4096 },
    make: (bytes) => ({
      behaviour: new BlockDevice({ storage: new MemoryStorage(new Uint8Array(DISK_BYTES)) }),
      open: async (transport, memory) => {
        const driver = new BlockDriver(transport, memory);
        return { request: () => driver.read(0, bytes / SECTOR), close: () => driver.close() };
      },
    }),
  },
  console: {
    request: 'text written to a port',
    bytes: { least: 1, most: 4096, unit: 1, usual: 80 },
    make: (bytes) => {
      const backend = new MemoryConsole();
      return {
        behaviour: new ConsoleDevice({ ports: [{ backend }] }),
        open: async (transport, memory) => {
          const driver = new ConsoleDriver(transport, memory);
          const text = new Uint8Array(bytes).fill(0x2e);
          const port = driver.ports.get(0)!;
          return {
            request: async () => {
              await port.write(text);
              backend.take();
            },
            close: () => driver.close(),
          };
        },
      };
    },
  },
  entropy: {
    request: 'random bytes read',
    bytes: { least: 1, most: 4096, unit: 1, usual: 64 },
    make: (bytes) => ({
      behaviour: new EntropyDevice(),
      open: async (transport, memory) => {
        const driver = new EntropyDriver(transport, memory);
        return { request: () => driver.read(bytes), close: () => driver.close() };
      },
    }),
  },
  balloon: {
    request: 'pages put into the balloon and taken back',
    bytes: {
      least: BALLOON_PAGE_BYTES,
      most: 256 * BALLOON_PAGE_BYTES,
      unit: BALLOON_PAGE_BYTES,
      usual: 16 * BALLOON_PAGE_BYTES,
    },
    make: (bytes) => {
      const behaviour = new BalloonDevice();
      return {
        behaviour,
        open: async (transport, memory) => {
          const pages = bytes / BALLOON_PAGE_BYTES;
          const driver = new BalloonDriver(transport, memory, { pages });
          return {
            request: async () => {
              behaviour.setTarget(pages);
              await driver.settled();
              behaviour.setTarget(0);
              await driver.settled();
            },
            close: () => driver.close(),
          };
        },
      };
    },
  },
  scsi: {
    request: 'a read of a disk',
    bytes: { least: SECTOR, most: MOST, unit: SECTOR, usual: 4096 },
    make: (bytes) => {
      const first = { target: 0, lun: 0 };
      const unit = new DiskUnit({
        storage: new MemoryStorage(new Uint8Array(DISK_BYTES)),
        serial: 'compare',
      });
      return {
        behaviour: new ScsiDevice({ units: [{ ...first, unit }] }),
        open: async (transport, memory) => {
          const driver = new ScsiDriver(transport, memory);
          const disk = new ScsiDisk(driver, first);
          return { request: () => disk.read(0, bytes / SECTOR), close: () => driver.close() };
        },
      };
    },
  },
  p9: {
    request: 'a file looked up, opened, read and closed',
    bytes: { least: 1, most: 65536, unit: 1, usual: 4096 },
    make: (bytes) => ({
      behaviour: new P9Device({
        server: new P9MemoryServer({ file: new Uint8Array(bytes) }),
        mountTag: 'compare',
      }),
      open: async (transport, memory) => {
        const driver = new P9Driver(transport, memory, { messageBytes: 2 * 65536 });
        const client = new P9Client(driver);
        await client.mount();
        return { request: () => client.read(['file']), close: () => driver.close() };
      },
    }),
  },
} as const satisfies Readonly<Record<string, Workload>>;

export type WorkloadName = keyof typeof workloads;
export const workloadNames = Object.keys(workloads) as readonly WorkloadName[];

/** @throws OptionError for a size that no request of the type has. */
export function checkRequestBytes(name: WorkloadName, bytes: number): void {
  const { least, most, unit } = workloads[name].bytes;
  if (!Number.isInteger(bytes) || bytes < least || bytes > most || bytes % unit !== 0)
    throw new OptionError(
      'request bytes',
      bytes,
      `${unit === 1 ? 'a whole number' : `a multiple of ${unit}`} of ${least}..${most} for ${name}`,
    );
}
