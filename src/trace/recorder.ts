import type { BoundEvent, EventSink, LabEvent } from '../core/index.ts';

/** An event that is kept: everything but the bounds of accesses, which become the shape of the tree. */
export type RecordedEvent = Exclude<LabEvent, BoundEvent>;

/** An event and what happened because of it, on whatever machine. */
export interface TraceNode {
  /** The machine's name, as given to {@link Recorder.sink}. */
  readonly machine: string;
  /** Null while an access is under way, and for one that was cut short by an exception. */
  event: RecordedEvent | null;
  readonly children: TraceNode[];
}

/** How often each kind of event came from one machine. Lines count when they rise. */
export interface EventCounts {
  config: number;
  io: number;
  memory: number;
  interrupts: number;
  findings: number;
}

/** An access that has begun; `node` is null where it is not kept. */
interface Frame {
  readonly machine: string;
  readonly node: TraceNode | null;
}

const DEFAULT_LIMIT = 100_000;

/**
 * Collects the events of one or several machines as a tree: below each access stands what happened between its bounds.
 * Keeps the first `limit` events; counts all.
 */
export class Recorder {
  readonly roots: TraceNode[] = [];
  /** Events that were not kept. */
  dropped = 0;
  /** While false, events are counted only. */
  keeping = true;
  readonly #limit: number;
  #kept = 0;
  readonly #stack: Frame[] = [];
  readonly #counts = new Map<string, EventCounts>();

  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  /** Where a machine's events go, under a name. */
  sink(machine: string): EventSink {
    const counts = this.counts(machine);
    return (event) => {
      if (event.kind === 'enter') this.#stack.push({ machine, node: this.#add(machine, null) });
      else if (event.kind === 'leave') this.#stack.pop();
      else {
        count(counts, event);
        this.#place(machine, event);
      }
    };
  }

  /** What has been counted of a machine so far. */
  counts(machine: string): EventCounts {
    let counts = this.#counts.get(machine);
    if (counts === undefined) {
      counts = { config: 0, io: 0, memory: 0, interrupts: 0, findings: 0 };
      this.#counts.set(machine, counts);
    }
    return counts;
  }

  /** An access fills the node that its beginning made, if it had one; every other event gets a node of its own. */
  #place(machine: string, event: RecordedEvent): void {
    const frame = this.#stack.at(-1);
    if (event.kind !== 'access' || frame?.machine !== machine) this.#add(machine, event);
    else if (frame.node !== null && frame.node.event !== null) this.#add(machine, event);
    else if (frame.node !== null) frame.node.event = event;
  }

  #add(machine: string, event: RecordedEvent | null): TraceNode | null {
    if (!this.keeping) return null;
    if (this.#kept >= this.#limit) {
      this.dropped++;
      return null;
    }
    this.#kept++;
    const node: TraceNode = { machine, event, children: [] };
    (this.#parent()?.children ?? this.roots).push(node);
    return node;
  }

  /** The innermost access that is kept. */
  #parent(): TraceNode | null {
    for (let i = this.#stack.length - 1; i >= 0; i--) {
      const { node } = this.#stack[i]!;
      if (node !== null) return node;
    }
    return null;
  }
}

function count(counts: EventCounts, event: RecordedEvent): void {
  if (event.kind === 'access') counts[event.space]++;
  else if (event.kind === 'finding') counts.findings++;
  else if (event.asserted) counts.interrupts++;
}

/** Nodes in the order of their beginning, each with its depth. */
export function* walk(
  nodes: readonly TraceNode[],
  depth = 0,
): Generator<{ node: TraceNode; depth: number }, void> {
  for (const node of nodes) {
    yield { node, depth };
    yield* walk(node.children, depth + 1);
  }
}
