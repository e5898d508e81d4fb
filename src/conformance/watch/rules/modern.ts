import { inOrder } from '../../../core/index.ts';
import {
  commonConfig,
  deviceStatus,
  feature,
  packedAlignment,
  queueTransitions,
  splitAlignment,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type Violation, type WatchRule } from '../rule.ts';

const { driver, featuresOk, failed, suspend, driverOk } = deviceStatus;

/** Registers that only the device may change, by name. */
const readOnly = new Set(
  inOrder(commonConfig)
    .filter(([, { access }]) => access === 'ro')
    .map(([name]) => name),
);
const widths = new Map(inOrder(commonConfig).map(([name, { width }]) => [name, width]));

/** Queue registers that came with a feature. */
const ofFeature: Readonly<Record<string, number>> = {
  queueNotifConfigData: feature.notificationConfigData,
  queueReset: feature.ringReset,
};

const queueOf = (queue: QueueModel | null, what: string, value: number): Violation =>
  seen(what, value, queue === null ? {} : { queue: queue.index });

const isPowerOfTwo = (value: number) => value > 0 && (value & (value - 1)) === 0;

/** What lacks of a queue that is enabled: nothing, or the name of an area. */
function missingArea(fn: FunctionModel, queue: QueueModel): string | null {
  if (!fn.whole) return null;
  const names = ['descriptor', 'driver', 'device'] as const;
  return names.find((_, i) => queue.addresses[2 * i] === null) ?? null;
}

/** Alignments of the three areas of a ring. */
const areasOf = (fn: FunctionModel): readonly number[] | null =>
  fn.has(feature.ringPacked)
    ? [packedAlignment.descriptors, packedAlignment.event, packedAlignment.event]
    : fn.lacks(feature.ringPacked)
      ? [splitAlignment.descriptors, splitAlignment.available, splitAlignment.used]
      : null;

function misaligned({ fn, queue, value }: Moment, packed: boolean): Violation | null {
  const alignments = areasOf(fn);
  if (alignments === null || queue === null || value !== 1 || fn.has(feature.ringPacked) !== packed)
    return null;
  for (const [i, alignment] of alignments.entries()) {
    const address = queue.area(i as 0 | 1 | 2);
    if (address !== null && address % alignment !== 0) return queueOf(queue, 'address', address);
  }
  return null;
}

export const modernChapter: readonly WatchRule[] = [
  {
    id: 'common-width',
    clauses: cites('PCI-LAY-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a field of the common configuration was accessed in another width than its own',
    on: ['common-register'],
    when: ({ register, width, offset }) =>
      register !== '' && widths.get(register) !== width ? seen('register offset', offset) : null,
  },
  {
    id: 'common-read-only-written',
    clauses: cites('PCI-COM-18'),
    level: 'must',
    speaks: 'modern',
    says: 'a field of the common configuration that is read only was written',
    on: ['common-register'],
    when: ({ operation, register, offset }) =>
      operation === 'write' && readOnly.has(register) ? seen('register offset', offset) : null,
  },
  {
    id: 'queue-field-without-feature',
    clauses: cites('BF-CFG-03'),
    level: 'should',
    speaks: 'modern',
    says: 'a field was used whose feature was not offered',
    on: ['common-register'],
    when: ({ register, fn, offset }) => {
      const needed = ofFeature[register];
      return needed !== undefined && fn.offered.lacks(needed) ? seen('register offset', offset) : null;
    },
  },
  {
    id: 'queue-before-features-ok',
    clauses: cites('INIT-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was enabled before FEATURES_OK',
    on: ['queue-enable'],
    when: ({ fn, queue, value }) =>
      fn.isNot(featuresOk) && fn.featuresOk === null && !fn.is(failed)
        ? queueOf(queue, 'queue_enable', value)
        : null,
  },
  {
    id: 'queue-before-driver',
    clauses: cites('INIT-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was set up before DRIVER was set',
    on: ['queue-address', 'queue-size'],
    when: ({ fn, queue, value }) => (fn.isNot(driver) ? queueOf(queue, 'value', value) : null),
  },
  {
    id: 'queue-size-zero-packed',
    clauses: cites('PCI-COM-19'),
    level: 'must',
    speaks: 'modern',
    says: 'a packed queue was given the size 0',
    on: ['queue-size'],
    when: ({ fn, queue, value }) =>
      value === 0 && fn.has(feature.ringPacked) ? queueOf(queue, 'queue size', value) : null,
  },
  {
    id: 'queue-size-no-power',
    clauses: cites('PCI-COM-20'),
    level: 'must',
    speaks: 'modern',
    says: 'a split queue was given a size that is no power of two',
    on: ['queue-size'],
    when: ({ fn, queue, value }) =>
      !isPowerOfTwo(value) && fn.lacks(feature.ringPacked) ? queueOf(queue, 'queue size', value) : null,
  },
  {
    id: 'queue-size-raised',
    clauses: cites('PCI-VQ-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was given a larger size than the device offers',
    on: ['queue-size'],
    when: ({ queue, value }) =>
      queue !== null && queue.offered !== null && queue.offered !== 0 && value > queue.offered
        ? queueOf(queue, 'queue size', value)
        : null,
  },
  {
    id: 'queue-size-not-read',
    clauses: cites('PCI-VQ-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was enabled although its size was never read',
    on: ['queue-enable'],
    when: ({ fn, queue, value }) =>
      queue !== null && fn.whole && queue.offered === null && !queue.afterReset && value === 1
        ? queueOf(queue, 'queue number', queue.index)
        : null,
  },
  {
    id: 'queue-absent-set-up',
    clauses: cites('PCI-VQ-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was set up that does not exist',
    on: ['queue-address', 'queue-size', 'queue-enable'],
    when: ({ queue, value }) => (queue?.offered === 0 ? queueOf(queue, 'value', value) : null),
  },
  {
    id: 'queue-enabled-half-set-up',
    clauses: cites('PCI-COM-21 PCI-VQ-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was enabled before all of its addresses were written',
    on: ['queue-enable'],
    when({ fn, queue, value }) {
      if (queue === null || value !== 1 || queue.afterReset) return null;
      return missingArea(fn, queue) === null ? null : queueOf(queue, 'queue number', queue.index);
    },
  },
  {
    id: 'queue-enabled-again-half-set-up',
    clauses: cites('BF-VQR-06 PCI-COM-21'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was enabled again after its reset without its addresses being written anew',
    on: ['queue-enable'],
    when({ fn, queue, value }) {
      if (queue === null || value !== 1 || !queue.afterReset) return null;
      return missingArea(fn, queue) === null ? null : queueOf(queue, 'queue number', queue.index);
    },
  },
  {
    id: 'queue-moved',
    clauses: cites('PCI-COM-21'),
    level: 'must',
    speaks: 'modern',
    says: 'the address of a queue was written while it is enabled',
    on: ['queue-address'],
    when: ({ queue, value }) =>
      queue?.live === true && !queue.resetting ? queueOf(queue, 'half of an address', value) : null,
  },
  {
    id: 'queue-resized',
    clauses: cites('PCI-COM-21'),
    level: 'must',
    speaks: 'modern',
    says: 'the size of a queue was written while it is enabled',
    on: ['queue-size'],
    when: ({ queue, value }) =>
      queue?.live === true && !queue.resetting ? queueOf(queue, 'queue size', value) : null,
  },
  {
    id: 'queue-enable-other-than-1',
    clauses: cites('PCI-COM-23'),
    level: 'must',
    speaks: 'modern',
    says: 'queue_enable was written with other than 1',
    on: ['queue-enable'],
    when: ({ queue, value }) => (value !== 1 ? queueOf(queue, 'queue_enable', value) : null),
  },
  {
    id: 'split-alignment',
    clauses: cites('SPL-LAY-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a part of a split ring is not aligned',
    on: ['queue-enable'],
    when: (now) => misaligned(now, false),
  },
  {
    id: 'packed-alignment',
    clauses: cites('PKD-LAY-03'),
    level: 'must',
    speaks: 'modern',
    says: 'a part of a packed ring is not aligned',
    on: ['queue-enable'],
    when: (now) => misaligned(now, true),
  },
  {
    id: 'ring-out-of-reach',
    clauses: cites('RF-05'),
    level: 'must',
    speaks: 'modern',
    says: 'a ring that is not in memory',
    on: ['kick'],
    when: ({ fn, queue }) =>
      queue?.blind === 'its ring is not in memory' && fn.lacks(feature.accessPlatform)
        ? queueOf(queue, 'address', queue.area(0) ?? 0)
        : null,
  },
  {
    id: 'queue-enabled-while-resetting',
    clauses: cites('PCI-COM-24 BF-VQR-03'),
    level: 'must',
    speaks: 'modern',
    says: (queueTransitions.enable.resetting as { readonly message: string }).message,
    on: ['queue-enable', 'queue-address', 'queue-size'],
    when: ({ queue, value }) => (queue?.resetting === true ? queueOf(queue, 'value', value) : null),
  },
  {
    id: 'queue-reset-other-than-1',
    clauses: cites('PCI-COM-24'),
    level: 'must',
    speaks: 'modern',
    says: 'queue_reset was written with other than 1',
    on: ['queue-reset'],
    when: ({ queue, value }) => (value !== 1 ? queueOf(queue, 'queue_reset', value) : null),
  },
  {
    id: 'queue-reset-without-feature',
    clauses: cites('BF-FEAT-03'),
    level: 'must',
    speaks: 'modern',
    says: 'queue_reset was written without RING_RESET',
    on: ['queue-reset'],
    when: ({ fn, queue, value }) =>
      fn.lacks(feature.ringReset) ? queueOf(queue, 'queue_reset', value) : null,
  },
  {
    id: 'kick-while-queue-resets',
    clauses: cites('BF-VQR-03 PCI-COM-24'),
    level: 'must',
    speaks: 'modern',
    says: 'a kick for a queue whose reset was not seen to be finished',
    on: ['kick'],
    when: ({ queue }) => (queue?.resetting === true ? queueOf(queue, 'queue number', queue.index) : null),
  },
  {
    id: 'suspend-unasked',
    clauses: cites('SUSP-01'),
    level: 'should',
    speaks: 'modern',
    says: 'SUSPEND was set without the feature, or before DRIVER_OK',
    on: ['status'],
    when: ({ fn, value }) =>
      fn.isNot(suspend) && (value & suspend) !== 0 && (fn.lacks(feature.suspend) || fn.isNot(driverOk))
        ? seen('device status bits', value)
        : null,
  },
  {
    id: 'kick-while-suspended',
    clauses: cites('SUSP-04 SUSP-02'),
    level: 'must',
    speaks: 'modern',
    says: 'a kick for a device that is suspended, or asked to be',
    on: ['kick'],
    when: ({ fn, queue }) =>
      fn.is(suspend) && fn.has(feature.suspend) ? queueOf(queue, 'queue number', queue!.index) : null,
  },
  {
    id: 'buffers-while-suspended',
    clauses: cites('SUSP-03'),
    level: 'must',
    speaks: 'modern',
    says: 'buffers were made available to a suspended device',
    on: ['look'],
    when: ({ fn, queue }) =>
      fn.is(suspend) && fn.isNot(driverOk) && queue?.ring != null && queue.ring.fresh > 0
        ? queueOf(queue, 'chains', queue.ring.fresh)
        : null,
  },
  {
    id: 'config-while-suspended',
    clauses: cites('SUSP-05'),
    level: 'must',
    speaks: 'modern',
    says: 'configuration of a suspended device was written',
    on: ['config-write', 'set-up'],
    when: ({ fn, offset }) => (fn.is(suspend) && fn.isNot(driverOk) ? seen('register offset', offset) : null),
  },
  {
    id: 'resume-not-awaited',
    clauses: cites('SUSP-06'),
    level: 'must',
    speaks: 'modern',
    says: 'a kick before the device was seen to work again after it was suspended',
    on: ['kick'],
    when: ({ fn, queue }) => (fn.resuming ? queueOf(queue, 'queue number', queue!.index) : null),
  },
  {
    id: 'admin-queue-elsewhere',
    clauses: cites('PCI-COM-27'),
    level: 'must',
    speaks: 'modern',
    says: 'a queue was set up behind the queues of the device that is none of its administration queues',
    on: ['queue-enable'],
    when: ({ fn, queue }) =>
      queue !== null &&
      fn.numQueues !== null &&
      queue.index >= fn.numQueues &&
      fn.adminFirst !== null &&
      fn.adminCount !== null &&
      (queue.index < fn.adminFirst || queue.index >= fn.adminFirst + fn.adminCount)
        ? queueOf(queue, 'queue number', queue.index)
        : null,
  },
  {
    id: 'admin-queue-without-feature',
    clauses: cites('PCI-COM-27 BF-FEAT-03'),
    level: 'must',
    speaks: 'modern',
    says: 'an administration queue was set up without ADMIN_VQ',
    on: ['queue-enable'],
    when: ({ fn, queue }) => {
      if (queue === null || !fn.lacks(feature.adminQueue)) return null;
      const { numQueues, adminFirst, adminCount } = fn;
      const named =
        adminFirst !== null &&
        adminCount !== null &&
        queue.index >= adminFirst &&
        queue.index < adminFirst + adminCount;
      return named || (numQueues !== null && queue.index >= numQueues)
        ? queueOf(queue, 'queue number', queue.index)
        : null;
    },
  },
];
