import type { AccessEvent } from '../../../core/index.ts';
import { commonConfig } from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import { type Follower, judgeEach, namesByOffset, speak, take } from './follower.ts';
import { vectorRead, vectorWritten } from './interrupts.ts';
import { statusRead, statusWritten } from './status.ts';

const names = namesByOffset(commonConfig);

/** Halves of areas by name. */
const halves: Readonly<Record<string, number>> = {
  queueDescriptorLow: 0,
  queueDescriptorHigh: 1,
  queueDriverLow: 2,
  queueDriverHigh: 3,
  queueDeviceLow: 4,
  queueDeviceHigh: 5,
};

/** Follows an access to the common configuration. */
export function followCommon(follower: Follower, fn: FunctionModel, event: AccessEvent): void {
  const { offset, operation, value } = event;
  const write = operation === 'write';
  if (write) speak(fn, 'modern');
  else fn.speaks ??= 'modern';
  const register = names[offset] ?? '';
  take(follower.now, fn, event, offset, register);
  follower.judge('common-register', register.startsWith('queue') ? fn.selected : null);
  if (write) written(follower, fn, register, value);
  else read(fn, register, value);
}

function written(follower: Follower, fn: FunctionModel, register: string, value: number): void {
  switch (register) {
    case 'deviceStatus':
      statusWritten(follower, fn, value);
      return;
    case 'deviceFeatureSelect':
      fn.deviceSelect = value;
      return;
    case 'driverFeatureSelect':
      fn.driverSelect = value;
      return;
    case 'driverFeature':
      judgeEach(follower, ['set-up', 'features']);
      if (fn.driverSelect !== null) fn.accepted.set(fn.driverSelect, value);
      fn.featureWrites++;
      return;
    case 'queueSelect':
      fn.queueSelect = value;
      return;
    case 'configMsixVector':
      vectorWritten(follower, fn, null, value);
      return;
    case 'queueMsixVector':
      vectorWritten(follower, fn, fn.selected, value);
      return;
    default:
      queueWritten(follower, register, value, fn.selected);
  }
}

function queueWritten(follower: Follower, register: string, value: number, queue: QueueModel | null): void {
  const half = halves[register];
  if (
    half === undefined &&
    register !== 'queueSize' &&
    register !== 'queueEnable' &&
    register !== 'queueReset'
  )
    return;
  follower.judge('set-up', queue);
  if (half !== undefined) {
    follower.judge('queue-address', queue);
    if (queue !== null) queue.addresses[half] = value;
  } else if (register === 'queueSize') {
    follower.judge('queue-size', queue);
    if (queue !== null) {
      queue.size = value;
      queue.sized = true;
    }
  } else if (register === 'queueEnable') {
    follower.judge('queue-enable', queue);
    if (queue !== null && value === 1) {
      queue.live = true;
      queue.afterReset = false;
      queue.ring = null;
      queue.blind = '';
      queue.kicks = 0;
    }
  } else {
    follower.judge('queue-reset', queue);
    if (queue !== null && value === 1) queue.resetting = true;
  }
}

function read(fn: FunctionModel, register: string, value: number): void {
  switch (register) {
    case 'deviceStatus':
      statusRead(fn, value);
      return;
    case 'deviceFeature':
      if (fn.deviceSelect !== null) fn.offered.set(fn.deviceSelect, value);
      return;
    case 'configGeneration':
      fn.generationReads++;
      return;
    case 'configMsixVector':
      vectorRead(fn, null, value);
      return;
    case 'numQueues':
      fn.numQueues = value;
      return;
    case 'adminQueueIndex':
      fn.adminFirst = value;
      return;
    case 'adminQueueNum':
      fn.adminCount = value;
      return;
    default: {
      const queue = fn.selected;
      if (queue !== null) queueRead(queue, register, value);
    }
  }
}

function queueRead(queue: QueueModel, register: string, value: number): void {
  const half = halves[register];
  if (half !== undefined) {
    queue.addresses[half] = value;
    return;
  }
  switch (register) {
    case 'queueSize':
      if (!queue.sized) queue.offered = value;
      queue.size = value;
      return;
    case 'queueMsixVector':
      queue.vector = value;
      queue.vectorUnread = false;
      return;
    case 'queueEnable':
      if (queue.live === null) queue.live = value === 1;
      return;
    case 'queueNotifyOffset':
      queue.notifyOffset = value;
      return;
    case 'queueNotifConfigData':
      queue.notifyName = value;
      return;
    case 'queueReset':
      if (queue.resetting && value === 0) queue.unset();
  }
}
