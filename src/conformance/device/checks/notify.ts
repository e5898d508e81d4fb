import type { Register, Width } from '../../../core/index.ts';
import { findStructures } from '../../../driver/index.ts';
import {
  commonConfig,
  feature,
  hasFeature,
  NOTIFICATION_BYTES,
  NOTIFICATION_DATA_BYTES,
  notifyCapability,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { basicFeatures, negotiate, offeredWords, queueNumbers, selectQueue } from '../probe.ts';

const modern = ['modern'] as const;

const offersData = (bench: Bench) => hasFeature(offeredWords(bench), feature.notificationData);

/** The notification structure's capability. */
function capability(bench: Bench) {
  const { capability: at } = findStructures(bench.bus, bench.found).notify;
  const read = ({ offset, width }: Register) =>
    bench.bus.configRead(bench.found.address, at + offset, width as Width);
  return {
    offset: read(notifyCapability.offset),
    length: read(notifyCapability.length),
    multiplier: read(notifyCapability.notifyOffMultiplier),
  };
}

/** Where each queue is kicked lies in the structure, with as many bytes as a kick has. */
function placesFit(bench: Bench, clause: string, bytes: number, features: readonly number[]): void {
  negotiate(bench, [...basicFeatures(offeredWords(bench)), ...features]);
  const { length, multiplier } = capability(bench);
  for (const queue of queueNumbers(bench)) {
    selectQueue(bench, queue);
    const units = bench.get(commonConfig.queueNotifyOffset);
    const end = units * multiplier + bytes;
    bench.check(
      clause,
      end <= length,
      `queue ${queue} to be kicked within the ${length} bytes of the structure`,
      `queue_notify_off ${units}, in units of ${multiplier}: it ends at ${end}`,
    );
  }
}

/** Where queues are kicked. */
export const notifyChecks: readonly Check[] = [
  {
    id: 'kicks-inside-structure',
    clauses: ['PCI-NOT-05'],
    settings: modern,
    says: 'each queue is kicked inside the notification structure',
    run: (bench) => placesFit(bench, 'PCI-NOT-05', NOTIFICATION_BYTES, []),
  },
  {
    id: 'kicks-with-data-inside-structure',
    clauses: ['PCI-NOT-09'],
    settings: modern,
    says: 'with NOTIFICATION_DATA there is room for four bytes wherever a queue is kicked',
    run(bench) {
      if (!offersData(bench)) bench.skip('NOTIFICATION_DATA is not offered');
      placesFit(bench, 'PCI-NOT-09', NOTIFICATION_DATA_BYTES, [feature.notificationData]);
    },
  },
  {
    id: 'notify-structure-takes-data',
    clauses: ['PCI-NOT-06', 'PCI-NOT-07', 'PCI-NOT-08'],
    settings: modern,
    says: 'with NOTIFICATION_DATA the notification structure is one for four bytes a kick',
    run(bench) {
      if (!offersData(bench)) bench.skip('NOTIFICATION_DATA is not offered');
      const { offset, length, multiplier } = capability(bench);
      const power = multiplier % NOTIFICATION_DATA_BYTES === 0 && Number.isInteger(Math.log2(multiplier));
      bench.check(
        'PCI-NOT-06',
        multiplier === 0 || power,
        'a multiplier of 0, or a power of two that 4 divides',
        `${multiplier}`,
      );
      bench.check(
        'PCI-NOT-07',
        offset % NOTIFICATION_DATA_BYTES === 0,
        'an offset that 4 divides',
        `${offset}`,
      );
      bench.check('PCI-NOT-08', length >= NOTIFICATION_DATA_BYTES, 'four bytes at least', `${length}`);
    },
  },
];
