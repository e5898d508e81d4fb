import { VirtiolabError } from '../../core/index.ts';
import {
  BlockDriver,
  DeviceFailedError,
  EntropyDriver,
  NetworkDriver,
  NoAnswerError,
  networkDriverFeatures,
  RequestFailedError,
} from '../../driver/index.ts';
import {
  BlockDevice,
  type DeviceBehaviour,
  EntropyDevice,
  MemoryStorage,
  NetworkDevice,
  SeededEntropy,
} from '../../virtio/index.ts';
import { blockConfig, networkFeature, SECTOR_BYTES } from '../../virtio/layout/index.ts';
import type { TrialWorld } from './trial-world.ts';

/** One thing that is sent, and what has to arrive of it. Nothing arrives where `arrived` is null. */
export interface Exchange {
  /** What is done, in a few words. */
  readonly what: string;
  readonly sent: Uint8Array;
  readonly arrived: Uint8Array | null;
  /** What whoever waited for it was told, where something else than the bytes. */
  readonly told?: string;
}

/** A device at work, and the other party that looks at what arrives. */
export interface Trial {
  readonly behaviour: DeviceBehaviour;
  /** Of the configuration, before there is a guest: what is to be read, byte for byte. */
  readonly config: Uint8Array;
  /** Exchanges, smallest first. */
  run(world: TrialWorld): AsyncGenerator<Exchange>;
}

const SECTORS = 8;
const SEED = 11;

/** What came back instead of an answer; other errors are the trial's own. */
async function answerOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof NoAnswerError) return 'no answer';
    if (error instanceof RequestFailedError) return error.message;
    if (error instanceof DeviceFailedError) return error.message;
    if (error instanceof VirtiolabError) return error.message;
    throw error;
  }
}

const littleEndian = (value: number, bytes: number) =>
  Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);

function block(): Trial {
  const disk = new Uint8Array(SECTORS * SECTOR_BYTES);
  const behaviour = new BlockDevice({ storage: new MemoryStorage(disk) });
  const { width } = blockConfig.capacity;
  return {
    behaviour,
    config: littleEndian(SECTORS, width),
    async *run(world) {
      const driver = new BlockDriver(world.open(), world.memory, { depth: 2, requestBytes: 4096 });
      yield {
        what: 'capacity, of the configuration',
        sent: littleEndian(SECTORS, width),
        arrived: littleEndian(driver.capacity, width),
      };
      for (const [sector, byte] of [
        [0, 1],
        [1, 2],
      ] as const) {
        const data = new Uint8Array(SECTOR_BYTES);
        data[0] = byte;
        const told = await answerOf(driver.write(sector, data));
        const there = disk.slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
        const what = `a write of sector ${sector}`;
        yield told === null
          ? { what, sent: data, arrived: there }
          : { what, sent: data, arrived: null, told };
        let back: Uint8Array | null = null;
        const read = driver.read(sector, 1).then((bytes) => {
          back = bytes;
        });
        const failed = await answerOf(read);
        const reading = `a read of sector ${sector}`;
        yield failed === null
          ? { what: reading, sent: data, arrived: back }
          : { what: reading, sent: data, arrived: null, told: failed };
      }
    },
  };
}

/** A broadcast of `length` bytes: type and payload count up. */
const frameOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i < 6 ? 0xff : i));

function network(merge: boolean): Trial {
  const sent: Uint8Array[] = [];
  const behaviour = new NetworkDevice({
    link: {
      offloads: false,
      attach: () => {},
      transmit: (bytes, offset, length) => {
        sent.push(bytes.slice(offset, offset + length));
      },
    },
  });
  const features = networkDriverFeatures.filter((bit) => merge || bit !== networkFeature.mergeableBuffers);
  return {
    behaviour,
    config: Uint8Array.from(behaviour.macAddress),
    async *run(world) {
      const frames: Uint8Array[] = [];
      const onFrame = (frame: Uint8Array) => {
        frames.push(frame);
      };
      const driver = new NetworkDriver(world.open(), world.memory, { features, onFrame, frameBytes: 256 });
      for (const length of [16, 60]) {
        const frame = frameOf(length);
        const told = await answerOf(driver.send(frame));
        yield {
          what: 'a frame sent',
          sent: frame,
          arrived: sent.pop() ?? null,
          ...(told === null ? {} : { told }),
        };
        behaviour.receive(frame, 0, length, null);
        yield { what: 'a frame received', sent: frame, arrived: frames.pop() ?? null };
      }
    },
  };
}

function entropy(): Trial {
  const wanted = new SeededEntropy(SEED);
  return {
    behaviour: new EntropyDevice({ source: new SeededEntropy(SEED) }),
    config: new Uint8Array(0),
    async *run(world) {
      const driver = new EntropyDriver(world.open(), world.memory);
      for (const length of [1, 16]) {
        const sent = new Uint8Array(length);
        wanted.fill(sent);
        let arrived: Uint8Array | null = null;
        const told = await answerOf(
          driver.read(length).then((bytes) => {
            arrived = bytes;
          }),
        );
        yield { what: 'random bytes', sent, arrived, ...(told === null ? {} : { told }) };
      }
    },
  };
}

/** Workloads by name, each made anew for a run. */
export const trials = {
  block,
  network: () => network(true),
  'short-header network': () => network(false),
  entropy,
} as const satisfies Readonly<Record<string, () => Trial>>;
export type TrialName = keyof typeof trials;
export const trialNames = Object.keys(trials) as readonly TrialName[];
