import {
  BALLOON_PAGE_BYTES,
  type BalloonQueueName,
  balloonConfig,
  balloonFeature,
  balloonQueue,
  balloonQueueNumbers,
} from '../../../virtio/layout/index.ts';
import type { Bench, Running } from '../bench.ts';
import { le } from '../bytes.ts';

export interface RunningBalloon extends Running {
  /** Numbers of the queues that exist with the features that were accepted. */
  readonly queues: ReadonlyMap<BalloonQueueName, number>;
}

/**
 * Brings a balloon up with these features, where they are offered.
 * @param prepare what the driver does between the features and DRIVER_OK.
 */
export function startBalloon(
  bench: Bench,
  features: readonly number[],
  prepare: () => void = () => {},
): RunningBalloon {
  const accepted = features.filter((bit) => bench.offers(bit));
  const contiguous = balloonQueueNumbers((bit) => bench.offers(bit), 'contiguous');
  let queues: ReadonlyMap<BalloonQueueName, number> = new Map();
  const running = bench.start({
    features,
    queues: () => {
      prepare();
      queues = balloonQueueNumbers((bit) => accepted.includes(bit));
      // Some close the gaps that features leave which they do not offer.
      if ([...queues.values()].some((number) => bench.transport.queueSize(number) === 0))
        queues = new Map([...queues.keys()].map((name) => [name, contiguous.get(name)!]));
      return [...queues.values()];
    },
  });
  return { ...running, queues };
}

/** The features of a driver that wants the balloon to keep still until it is told. */
export const toldFirst: readonly number[] = [balloonFeature.mustTellHost];

/** A page of the driver's own. @returns its address in bytes. */
export function newPage(bench: Bench, content: Uint8Array): number {
  const address = bench.memory.allocate(BALLOON_PAGE_BYTES, BALLOON_PAGE_BYTES);
  bench.memory.ram.write(address, content);
  return address;
}

export const pageBytes = (bench: Bench, address: number): Uint8Array =>
  bench.memory.ram.read(address, BALLOON_PAGE_BYTES);

/** Puts a page into the balloon, or takes it out, and waits until that is acknowledged. */
export const movePage = (
  bench: Bench,
  running: Running,
  way: 'inflate' | 'deflate',
  address: number,
  clause: string,
) =>
  bench.ask(running, clause, {
    queue: balloonQueue[way],
    out: le(4, address / BALLOON_PAGE_BYTES),
    inBytes: 0,
  });

/** The command id of free page hinting that the device shows. */
export const shownCommand = (bench: Bench): number =>
  bench.config(balloonConfig.freePageHintCommandId.offset, 4);
