import { type AccessEvent, lengthOf } from '../../../core/index.ts';
import { walkCapabilities } from '../../../driver/index.ts';
import { capabilityId } from '../../../pci/layout/index.ts';
import {
  feature,
  notification,
  notifyCapability,
  structureCapability,
  structureType,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import { type Follower, speak, take } from './follower.ts';

/** Bytes between the places of two queues; null where configuration space does not tell. */
export function multiplierOf(fn: FunctionModel): number | null {
  return fn.config.ask((read) => {
    for (const { id, offset } of walkCapabilities(read))
      if (
        id === capabilityId.vendorSpecific &&
        read(offset + structureCapability.structureType.offset, 1) === structureType.notify &&
        read(offset + structureCapability.capabilityLength.offset, 1) >= lengthOf(notifyCapability)
      )
        return read(offset + notifyCapability.notifyOffMultiplier.offset, 4);
    return null;
  });
}

/** Queues whose place of kicks is at an offset of the structure; those whose place is unknown are none. */
function queueAt(fn: FunctionModel, offset: number, name: number): QueueModel | null {
  let found: QueueModel | null = null;
  if (fn.multiplier === undefined) fn.multiplier = multiplierOf(fn);
  const { multiplier } = fn;
  if (multiplier === null || multiplier === undefined) return null;
  for (const queue of fn.queues.values()) {
    if (queue.notifyOffset === null || queue.notifyOffset * multiplier !== offset) continue;
    if (queue.notifyName === name || queue.index === name) return queue;
    found ??= queue;
  }
  return found;
}

const QUEUE_MASK = 2 ** (8 * notification.queue.width) - 1;

/** Follows an access to the notification structure. */
export function followNotify(follower: Follower, fn: FunctionModel, event: AccessEvent): void {
  if (event.operation === 'read') return;
  speak(fn, 'modern');
  take(follower.now, fn, event, event.offset, 'notify');
  const name = event.value & QUEUE_MASK;
  const named = fn.lacks(feature.notificationConfigData) ? fn.queues.get(name) : undefined;
  const queue =
    queueAt(fn, event.offset, name) ??
    named ??
    (fn.lacks(feature.notificationConfigData) ? fn.queue(name) : null);
  if (queue !== null) follower.kick(fn, queue);
}
