import { isrStatus } from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import { type Follower, judgeEach } from './follower.ts';

/** What ISR of a function reads as that is gone. */
const ALL_ONES = 0xff;

/** ISR was read, which clears it. */
export function isrRead(follower: Follower, fn: FunctionModel, value: number): void {
  follower.judge('isr');
  // Whoever asks without having been called will find nothing there at times.
  if (value === 0 && fn.isr <= 0) fn.polls = true;
  fn.isrForInterrupt = fn.interrupts > 0;
  fn.interrupts = 0;
  fn.isr = value;
  if (value !== ALL_ONES && (value & isrStatus.configuration) !== 0) fn.changeUnread = true;
}

/** @param queue null for the vector of configuration changes, or where nobody knows which queue is selected */
export function vectorWritten(
  follower: Follower,
  fn: FunctionModel,
  queue: QueueModel | null,
  value: number,
): void {
  judgeEach(follower, ['set-up', 'vector'], queue);
  if (follower.now.register === 'configMsixVector') {
    fn.configVector = value;
    fn.configVectorUnread = true;
  } else if (queue !== null) {
    queue.vector = value;
    queue.vectorAsked = value;
    queue.vectorUnread = true;
  }
}

export function vectorRead(fn: FunctionModel, queue: QueueModel | null, value: number): void {
  if (queue === null) {
    fn.configVector = value;
    fn.configVectorUnread = false;
  } else {
    queue.vector = value;
    queue.vectorUnread = false;
  }
}
