import { VirtiolabError } from '../../core/index.ts';
import { MAX_QUEUE_SIZE } from '../layout/index.ts';

/** A queue of a size that no ring can have, given by its number. */
export class QueueSizeError extends VirtiolabError {
  readonly queue: number;
  readonly size: number;

  constructor(queue: number, size: number) {
    super(
      `queue ${queue} of ${size} descriptors: wants a power of two up to ${MAX_QUEUE_SIZE}, or 0 for no such queue`,
    );
    this.queue = queue;
    this.size = size;
  }
}

/** More queues than their 16-bit numbers can name, or none. */
export class QueueCountError extends VirtiolabError {
  readonly count: number;

  constructor(count: number) {
    super(`${count} queues: wants 1 to ${MAX_QUEUES}`);
    this.count = count;
  }
}

/** num_queues has 16 bits, and so has the number of the last. */
export const MAX_QUEUES = 0xffff;

/**
 * A device's queues by the sizes that it offers. A size is a power of two where packed rings are offered too: a driver may
 * do without them (PCI-COM-15).
 * @throws QueueSizeError, QueueCountError
 */
export function checkQueueSizes(sizes: readonly number[]): void {
  if (sizes.length < 1 || sizes.length > MAX_QUEUES) throw new QueueCountError(sizes.length);
  for (const [queue, size] of sizes.entries())
    if (!Number.isInteger(size) || size < 0 || size > MAX_QUEUE_SIZE || (size & (size - 1)) !== 0)
      throw new QueueSizeError(queue, size);
}
