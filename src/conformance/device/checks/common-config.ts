import { commonConfig, deviceStatus, feature } from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import {
  basicFeatures,
  negotiate,
  offeredWords,
  queueNumbers,
  queueSize,
  selectQueue,
  statusOf,
} from '../probe.ts';

const modern = ['modern'] as const;

/** The addresses of a queue, in their halves. */
const halves = [
  ['queue_desc', commonConfig.queueDescriptorLow, commonConfig.queueDescriptorHigh],
  ['queue_driver', commonConfig.queueDriverLow, commonConfig.queueDriverHigh],
  ['queue_device', commonConfig.queueDeviceLow, commonConfig.queueDeviceHigh],
] as const;

/** Numbers of queues are below it. */
const QUEUE_NUMBERS = 0x10000;

/** The first queue that there is. */
function firstQueue(bench: Bench): number {
  const [queue] = queueNumbers(bench);
  return queue ?? bench.skip('the device has no queue');
}

/** The common configuration, but for features. */
export const commonConfigChecks: readonly Check[] = [
  {
    id: 'status-keeps-bits',
    clauses: ['PCI-COM-07'],
    settings: modern,
    says: 'bits of the status that the driver wrote read back, until it writes 0',
    async run(bench) {
      const { acknowledge, driver } = deviceStatus;
      for (const value of [acknowledge, acknowledge | driver]) {
        bench.put(statusOf(bench), value);
        bench.equal('PCI-COM-07', 'device_status', bench.get(statusOf(bench)), value);
      }
      bench.put(statusOf(bench), 0);
      await bench.until('PCI-COM-07', 'status 0', () => bench.get(statusOf(bench)) === 0);
    },
  },
  {
    id: 'address-halves',
    clauses: ['PCI-LAY-03'],
    settings: modern,
    says: 'each half of a queue address is written and read without the other',
    run(bench) {
      negotiate(bench, basicFeatures(offeredWords(bench)));
      selectQueue(bench, firstQueue(bench));
      for (const [name, low, high] of halves) {
        const shows = (first: number, second: number) => {
          bench.equal('PCI-LAY-03', `lower half of ${name}`, bench.get(low), first);
          bench.equal('PCI-LAY-03', `upper half of ${name}`, bench.get(high), second);
        };
        bench.put(low, 0x10000);
        bench.put(high, 1);
        shows(0x10000, 1);
        bench.put(low, 0x23000);
        shows(0x23000, 1);
        bench.put(high, 2);
        shows(0x23000, 2);
      }
    },
  },
  {
    id: 'absent-queue-has-no-size',
    clauses: ['PCI-COM-14'],
    settings: modern,
    says: 'queue_size reads 0 for queues that do not exist',
    run(bench) {
      negotiate(bench, basicFeatures(offeredWords(bench)));
      const count = bench.get(commonConfig.numQueues);
      for (const queue of new Set([count, count + 1, 0x400, 0x7fff, 0xfffe, 0xffff])) {
        if (queue < count || queue >= QUEUE_NUMBERS) continue;
        // A size that stayed from the queue before would be seen.
        queueSize(bench, firstQueue(bench));
        bench.equal('PCI-COM-14', `queue_size of queue ${queue} of ${count}`, queueSize(bench, queue), 0);
      }
    },
  },
  {
    id: 'queue-sizes',
    clauses: ['PCI-COM-15'],
    settings: modern,
    says: 'without packed rings the size of a queue is a power of two',
    run(bench) {
      negotiate(bench, basicFeatures(offeredWords(bench)));
      for (const queue of queueNumbers(bench)) {
        const size = queueSize(bench, queue);
        bench.check(
          'PCI-COM-15',
          (size & (size - 1)) === 0,
          `queue_size of queue ${queue} to be a power of two`,
          `${size}`,
        );
      }
    },
  },
  {
    id: 'queues-disabled-by-reset',
    clauses: ['PCI-COM-08'],
    settings: ['modern', 'packed'],
    says: 'after a reset queue_enable reads 0',
    run(bench) {
      const { request } = bench.start();
      bench.transport.disconnect();
      bench.transport.reset();
      selectQueue(bench, request.queue);
      bench.equal('PCI-COM-08', 'queue_enable after a reset', bench.get(commonConfig.queueEnable), 0);
    },
  },
  {
    id: 'admin-queue-numbers',
    clauses: ['PCI-COM-16', 'PCI-COM-17'],
    settings: modern,
    says: 'administration queues follow all others, and have numbers',
    run(bench) {
      bench.needs(feature.adminQueue, 'ADMIN_VQ');
      negotiate(bench, [...basicFeatures(offeredWords(bench)), feature.adminQueue]);
      const [first, count] = [commonConfig.adminQueueIndex, commonConfig.adminQueueNum].map((each) =>
        bench.get(each),
      ) as [number, number];
      const queues = bench.get(commonConfig.numQueues);
      bench.check('PCI-COM-16', first >= queues, `admin_queue_index of ${queues} at least`, `${first}`);
      bench.check(
        'PCI-COM-17',
        count < QUEUE_NUMBERS - first,
        `admin_queue_num below ${QUEUE_NUMBERS - first}`,
        `${count}`,
      );
    },
  },
];
