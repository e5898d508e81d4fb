import type { Seen } from './observed.ts';
import type { ExplainedQueue } from './situation.ts';

/**
 * How sure it is that a reason is one: `stops`, the device cannot go on like this; `may`, something is missing that leaves no
 * trace, or that a driver may do without; `idle`, nothing is wrong, and nothing is to be done.
 */
export type ReasonKind = 'stops' | 'may' | 'idle';

/** Why nothing happens. */
export interface Reason {
  readonly id: string;
  readonly kind: ReasonKind;
  /** The queue that it is about; null for the function as a whole. */
  readonly queue: number | null;
  /** The clause that it follows from; null where no clause is about it. */
  readonly clause: string | null;
  readonly says: string;
}

/** What reasons are found in. */
export interface Situation {
  readonly seen: Seen;
  readonly queues: readonly ExplainedQueue[];
}

/** What a row finds: what differs from the row. */
export interface FoundReason {
  readonly says: string;
  readonly kind?: ReasonKind;
  readonly queue?: number;
  readonly clause?: string | null;
}

/** A reason that there can be. */
export interface ReasonRow {
  readonly id: string;
  readonly kind: ReasonKind;
  readonly clause: string | null;
  find(situation: Situation): readonly FoundReason[];
}

/** As in `queue 0 (requests 0)`. */
export const queueName = ({ index, name }: ExplainedQueue): string =>
  `queue ${index}${name === '' ? '' : ` (${name})`}`;

/** A row about each queue by itself: what it finds there in words, or null. */
export function ofQueues(
  row: Omit<ReasonRow, 'find'>,
  find: (queue: ExplainedQueue, situation: Situation) => Omit<FoundReason, 'queue'> | string | null,
): ReasonRow {
  const each = (situation: Situation) =>
    situation.queues.flatMap((queue): FoundReason[] => {
      const found = find(queue, situation);
      if (found === null) return [];
      const { says, ...rest } = typeof found === 'string' ? { says: found } : found;
      return [{ ...rest, queue: queue.index, says: `${queueName(queue)}: ${says}` }];
    });
  return { ...row, find: each };
}

/** A row about the function: what it finds in words, or null. */
export function ofFunction(
  row: Omit<ReasonRow, 'find'>,
  find: (seen: Seen, situation: Situation) => Omit<FoundReason, 'queue'> | string | null,
): ReasonRow {
  return {
    ...row,
    find: (situation) => {
      const found = find(situation.seen, situation);
      if (found === null) return [];
      return [typeof found === 'string' ? { says: found } : found];
    },
  };
}
