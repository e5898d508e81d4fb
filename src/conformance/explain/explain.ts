import type { Bus, FunctionAddress, GuestMemory } from '../../core/index.ts';
import type { FoundFunction } from '../../driver/index.ts';
import { functionReasons } from './function-reasons.ts';
import { interruptReasons } from './interrupt-reasons.ts';
import { type LookOptions, look } from './look.ts';
import type { Seen, SeenInterface, SeenMsix } from './observed.ts';
import { queueReasons } from './queue-reasons.ts';
import type { Reason, ReasonKind, ReasonRow, Situation } from './reason.ts';
import { type ExplainedQueue, type RamOptions, readQueues } from './situation.ts';
import { featureList } from './words.ts';

/** Why nothing happens on a function. Plain data. */
export interface Explanation {
  /** Its place, `00:04.0`. */
  readonly function: string;
  /** What it is, `virtio-blk`; null where its ids say nothing that is known. */
  readonly device: string | null;
  /** The interface that its driver seems to use. */
  readonly interface: SeenInterface | null;
  /** Device status; null where it could not be read. */
  readonly status: number | null;
  /** Features by name; null where they could not be read. */
  readonly offered: readonly string[] | null;
  readonly accepted: readonly string[] | null;
  readonly configVector: number | null;
  readonly msix: SeenMsix | null;
  /** Those that exist. */
  readonly queues: readonly ExplainedQueue[];
  /** Why nothing happens, the surest and earliest first; empty where nothing was found. */
  readonly reasons: readonly Reason[];
  /** What looking did beside reading. */
  readonly effects: readonly string[];
  /** What could not be seen, and why. */
  readonly unseen: readonly string[];
}

export interface ExplainOptions extends LookOptions {
  /** The driver's memory, where it is not the bus's. */
  readonly ram?: GuestMemory;
  /** A legacy driver whose rings are big-endian. */
  readonly bigEndian?: boolean;
}

/** Every reason that there can be, in order. */
export const reasonTable: readonly ReasonRow[] = [...functionReasons, ...queueReasons, ...interruptReasons];

const kinds: readonly ReasonKind[] = ['stops', 'may', 'idle'];

function reasonsOf(situation: Situation): Reason[] {
  const found = reasonTable.flatMap(({ id, kind, clause, find }) =>
    find(situation).map((each): Reason => ({ id, kind, clause, queue: null, ...each })),
  );
  return found.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

/** What can be said of what was seen. */
export function explainSeen(seen: Seen, memory: RamOptions): Explanation {
  const queues = readQueues(seen, memory);
  const { type, function: place, status, configVector, msix, effects, unseen } = seen;
  return {
    function: place,
    device: type?.functionName ?? null,
    interface: seen.interface,
    status,
    offered: featureList(type, seen.offered),
    accepted: featureList(type, seen.accepted),
    configVector,
    msix,
    queues,
    reasons: reasonsOf({ seen, queues }),
    effects,
    unseen,
  };
}

/**
 * Why nothing happens on a function: its status, features and queues, what waits in them, and what the device waits for. It
 * reads through the bus what software can read without harm: selectors are moved and put back, ISR is left alone, and kicks,
 * which leave no trace, cannot be seen.
 * @param fn where the function is; of a virtual one what was found.
 */
export function explain(
  bus: Bus,
  fn: FunctionAddress | FoundFunction,
  options: ExplainOptions = {},
): Explanation {
  const { ram = bus.ram, bigEndian = false } = options;
  return explainSeen(look(bus, fn, options), { ram, bigEndian });
}
