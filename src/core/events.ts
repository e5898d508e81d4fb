import { type FunctionAddress, formatFunctionAddress } from './bus.ts';
import type { Width } from './register-map.ts';

/** One access of software, as it crossed the bus. */
export interface AccessEvent {
  readonly kind: 'access';
  readonly space: 'config' | 'io' | 'memory';
  readonly operation: 'read' | 'write';
  /** Port or memory address; for configuration the offset in the function's space. */
  readonly address: number;
  readonly width: Width;
  readonly value: number;
  /** Name of the mapping that answered, e.g. `00:04.0 BAR0 legacy`; for configuration the function, `00:04.0 virtio-blk`. */
  readonly target: string;
  /** Bytes from the start of that mapping. */
  readonly offset: number;
  /** True for a memory write that is in flight: it has not reached its target yet. */
  readonly posted: boolean;
}

/** A change of an interrupt line, or a message that arrived. */
export interface InterruptEvent {
  readonly kind: 'interrupt';
  readonly signal: 'line' | 'message';
  /** Line number, or the message's data. */
  readonly vector: number;
  readonly asserted: boolean;
  readonly source: FunctionAddress | null;
}

/** Who breaks a clause. */
export type Party = 'driver' | 'device';

/** Where the function of a finding sits, and what it is. */
export interface FindingPlace {
  /** The function's address in its machine; null where it is plugged nowhere. */
  readonly address: FunctionAddress | null;
  /** Device type, e.g. `virtio-blk`. */
  readonly subject: string;
}

/** The number that a finding is about, and where in which queue it was seen. */
export interface FindingAbout {
  /** What `value` is, with its unit: `queue size`, `descriptor index`, `length in bytes`. */
  readonly what: string;
  readonly value: number;
  readonly queue?: number;
  /** Index of a descriptor in the ring, or in the indirect table where the message says so. */
  readonly descriptor?: number;
}

/** Something that breaks a clause of the specification, or leans on what it leaves open. */
export interface Finding extends FindingPlace {
  readonly kind: 'finding';
  /** Clause id, e.g. `SPL-DESC-05`. */
  readonly clause: string;
  /** Who broke it. */
  readonly party: Party;
  /** Number of the queue, and index of the descriptor in it; null where it is about neither. */
  readonly queue: number | null;
  readonly descriptor: number | null;
  /** What was seen, in one line. */
  readonly message: string;
  /** The number that it is about, and what that is; null where there is none. */
  readonly value: number | null;
  readonly what: string | null;
}

/** Makes a finding; the only place that does. */
export function findingOf(
  { address, subject }: FindingPlace,
  party: Party,
  clause: string,
  message: string,
  about: FindingAbout | null = null,
): Finding {
  const { what = null, value = null, queue = null, descriptor = null } = about ?? {};
  return { kind: 'finding', clause, party, address, subject, queue, descriptor, message, value, what };
}

/** A finding in one line, addresses and bits in hexadecimal: `00:04.0 virtio-blk, queue 0, descriptor 3: SPL-FRM-03, driver: … (descriptor index 4)`. */
export function formatFinding(finding: Finding): string {
  const { address, subject, queue, descriptor, clause, party, message, value, what } = finding;
  const where = [
    `${address === null ? 'unplugged' : formatFunctionAddress(address)} ${subject}`,
    ...(queue === null ? [] : [`queue ${queue}`]),
    ...(descriptor === null ? [] : [`descriptor ${descriptor}`]),
  ];
  const digits = /\b(address|flags|bits)\b/.test(what ?? '') ? `0x${value?.toString(16)}` : value;
  const number = value === null ? '' : ` (${what} ${digits})`;
  return `${where.join(', ')}: ${clause}, ${party}: ${message}${number}`;
}

/**
 * The bounds of one access: whatever happens on any bus between `enter` and `leave` happens because of it, as when a
 * translator turns a port access into memory accesses. A write's own event comes right after `enter`, a read's right
 * before `leave`.
 */
export type BoundEvent = { readonly kind: 'enter' } | { readonly kind: 'leave' };

export type LabEvent = AccessEvent | InterruptEvent | Finding | BoundEvent;

/** Receives events. Where none is installed an event is not even made; nor is one of a kind that the sink does not want. */
export interface EventSink {
  (event: LabEvent): void;
  /** What it wants to hear of; undefined is everything. */
  readonly kinds?: ReadonlySet<LabEvent['kind']>;
}

/** A sink for events of some kinds, which costs nothing where others would be made. */
export function sinkFor<K extends LabEvent['kind']>(
  kinds: readonly K[],
  take: (event: Extract<LabEvent, { kind: K }>) => void,
): EventSink {
  const wanted = new Set<LabEvent['kind']>(kinds);
  const sink = (event: LabEvent) => {
    if (wanted.has(event.kind)) take(event as Extract<LabEvent, { kind: K }>);
  };
  return Object.assign(sink, { kinds: wanted });
}

/** The sink, where it wants events of one of these kinds; else null. */
export function wanting(sink: EventSink | null, ...kinds: readonly LabEvent['kind'][]): EventSink | null {
  const wanted = sink?.kinds;
  return wanted === undefined || kinds.some((kind) => wanted.has(kind)) ? sink : null;
}
