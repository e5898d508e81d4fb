import type { AccessEvent } from '../../core/index.ts';
import type { FunctionModel } from './model/function-model.ts';
import type { QueueModel } from './model/queue-model.ts';
import type { Chain } from './rings/chain.ts';

/** What rules look at: who does what, and all that is known. There is one for all, which is filled anew each time. */
export interface Moment {
  fn: FunctionModel;
  /** The queue that it is about; null where it is about none, or nobody knows which. */
  queue: QueueModel | null;
  /** What was written or read, its width in bytes, and where: bytes from the start of the structure. */
  value: number;
  width: number;
  offset: number;
  operation: AccessEvent['operation'];
  /** Name of the register, where the moment is about one; empty where none is. */
  register: string;
  /** The chain that was made available. */
  chain: Chain;
}
