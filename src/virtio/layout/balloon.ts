import { registers, ro, rw } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the traditional memory balloon. */
export const balloonFeature = {
  mustTellHost: 0,
  statisticsQueue: 1,
  deflateOnOutOfMemory: 2,
  freePageHint: 3,
  pagePoison: 4,
  pageReporting: 5,
} as const;

/** Device configuration: little-endian for every driver, legacy big-endian ones included (LEG-BAL-03). */
export const balloonConfig = registers({
  numPages: ro(0, 4, 'BAL-OP-01 LEG-BAL-03'),
  actual: rw(4, 4, 'BAL-OP-10 LEG-BAL-05 LEG-BAL-06'),
  freePageHintCommandId: ro(8, 4, 'BAL-FPH-02 BAL-FPH-06'),
  poisonValue: rw(12, 4, 'BAL-FPH-07 BAL-FPH-08'),
});

/** The device type. */
export const balloonDeviceType = defineDeviceType({
  name: 'balloon',
  functionName: 'virtio-balloon',
  typeNumber: 5,
  transitionalId: 0x1002,
  classCode: 0x00ff00,
  features: balloonFeature,
  config: balloonConfig,
});

/** Pages are counted and numbered in these units, whatever the guest's own page size. */
export const BALLOON_PAGE_BYTES = 4096;
/** Bytes of one page number in an inflate or deflate request. */
export const PAGE_NUMBER_BYTES = 4;

/** Queues by the numbers that the specification gives them. */
export const balloonQueue = {
  inflate: 0,
  deflate: 1,
  statistics: 2,
  freePages: 3,
  reporting: 4,
} as const;
export type BalloonQueueName = keyof typeof balloonQueue;

export type OptionalQueueName = Exclude<BalloonQueueName, 'inflate' | 'deflate'>;

/** Queues that exist only with a feature, in the order of their numbers. */
export const optionalBalloonQueues: readonly (readonly [name: OptionalQueueName, feature: number])[] = [
  ['statistics', balloonFeature.statisticsQueue],
  ['freePages', balloonFeature.freePageHint],
  ['reporting', balloonFeature.pageReporting],
];

/**
 * How queues are numbered where a feature is missing. The specification leaves a gap; QEMU, and Linux before 6.11, close
 * it: without free page hinting their reporting queue is number 3.
 */
export type BalloonNumbering = 'specification' | 'contiguous';

/** Numbers of the queues that exist with some features. */
export function balloonQueueNumbers(
  has: (feature: number) => boolean,
  numbering: BalloonNumbering = 'specification',
): ReadonlyMap<BalloonQueueName, number> {
  const numbers = new Map<BalloonQueueName, number>([
    ['inflate', balloonQueue.inflate],
    ['deflate', balloonQueue.deflate],
  ]);
  for (const [name, feature] of optionalBalloonQueues)
    if (has(feature)) numbers.set(name, numbering === 'contiguous' ? numbers.size : balloonQueue[name]);
  return numbers;
}

/** One entry of a statistics buffer: a 16-bit tag and a 64-bit value with nothing between, so no aligned table. */
export const balloonStatisticEntry = { tag: 0, value: 2, bytes: 10 } as const;

/** Tags of statistics: bytes, or counts of events. */
export const balloonStatistic = {
  swapIn: 0,
  swapOut: 1,
  majorFaults: 2,
  minorFaults: 3,
  freeMemory: 4,
  totalMemory: 5,
  availableMemory: 6,
  diskCaches: 7,
  hugePageAllocations: 8,
  hugePageFailures: 9,
} as const;
export type BalloonStatistic = keyof typeof balloonStatistic;

/** Command ids of free page hinting that are no rounds; rounds count from `firstRound`. */
export const balloonCommand = { stop: 0, done: 1, firstRound: 2 } as const;
/** Bytes of a buffer that carries a command id (BAL-FPH-01). */
export const COMMAND_ID_BYTES = 4;
