import type { FunctionAddress } from './bus.ts';
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

/** Something that breaks a clause of the specification, or leans on what it leaves open. */
export interface Finding {
  readonly kind: 'finding';
  /** Clause id, e.g. `SPL-DESC-05`. */
  readonly clause: string;
  /** Who broke it. */
  readonly party: 'driver' | 'device';
  /** Where: function, device type or queue. */
  readonly subject: string;
  /** What was seen, in one line. */
  readonly message: string;
  readonly value: number | null;
}

/**
 * The bounds of one access: whatever happens on any bus between `enter` and `leave` happens because of it, as when a
 * translator turns a port access into memory accesses. A write's own event comes right after `enter`, a read's right
 * before `leave`.
 */
export type BoundEvent = { readonly kind: 'enter' } | { readonly kind: 'leave' };

export type LabEvent = AccessEvent | InterruptEvent | Finding | BoundEvent;

/** Receives events. Where none is installed an event is not even made. */
export type EventSink = (event: LabEvent) => void;

/** Receives findings. */
export type Report = (finding: Finding) => void;
