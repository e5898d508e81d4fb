import type { QueueModel } from '../model/queue-model.ts';
import type { Moment } from '../moment.ts';

/** Remembers what rules of a device type need: requests under way, and what came of them. */
export interface TypeFollower {
  chain?(now: Moment, queue: QueueModel): void;
  used?(now: Moment, queue: QueueModel, head: number): void;
}
