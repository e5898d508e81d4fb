import type { Moment } from './moment.ts';

/** How much a finding weighs: a duty broken, advice not followed, or what is worth knowing of a driver that may be right. */
export type WatchLevel = 'must' | 'should' | 'note';

/** What a driver does, or what happens to it, that rules are about. */
export type MomentKind =
  /** Before device status is written: the model has the status until now; 0 resets. */
  | 'status'
  /** DRIVER_OK was raised, and the model says so. */
  | 'start'
  /** A feature word was written, which the model does not have yet. */
  | 'features'
  /** Before any other register of the function but status, or a vector table's, is written. */
  | 'set-up'
  /** Before a register of the legacy header, or of the common configuration, is read or written; `now.register` is its name. */
  | 'legacy-register'
  | 'common-register'
  /** Before a queue's address is written into the legacy header. */
  | 'queue-address'
  /** Before queue_enable, queue_reset or a size is written. */
  | 'queue-enable'
  | 'queue-reset'
  | 'queue-size'
  /** Before a vector is asked for; `now.queue` is null for that of configuration changes. */
  | 'vector'
  /** A queue is kicked; what its ring has new was looked at. */
  | 'kick'
  /** ISR is read. */
  | 'isr'
  /** Device configuration is accessed; `now.offset` counts from its start. */
  | 'config-read'
  | 'config-write'
  /** Configuration space of the function is accessed. */
  | 'pci-read'
  | 'pci-write'
  /** The MSI-X table is written. */
  | 'msix'
  /** A queue's ring is looked at for the first time. */
  | 'ring'
  /** A ring is looked at, at a kick or an interrupt. */
  | 'look'
  /** A chain was made available. */
  | 'chain'
  /** Nothing follows any more: a reset is written, or the watch ends. */
  | 'end';

/** What a rule has found. */
export interface Violation {
  /** What {@link value} is, with its unit. */
  readonly what?: string;
  readonly value?: number;
  readonly descriptor?: number;
  readonly queue?: number;
  /** Said instead of the rule's own words. */
  readonly says?: string;
  /** Cited instead of the rule's first clause; one of its clauses. */
  readonly clause?: string;
}

/** A row: one way to break clauses, and how it is seen. */
export interface WatchRule {
  /** Its name, and that of its findings. */
  readonly id: string;
  /** What it checks; a finding cites the first, unless the violation says another. */
  readonly clauses: readonly string[];
  /** What it checks of a legacy driver, where that is bound by other clauses. */
  readonly legacyClauses?: readonly string[];
  readonly level: WatchLevel;
  /** What is said of who breaks it, in one line. */
  readonly says: string;
  readonly on: readonly MomentKind[];
  /** It binds drivers of one interface only. */
  readonly speaks?: 'legacy' | 'modern';
  /** It binds drivers of one device type only: the type's name. */
  readonly type?: string;
  /** It is null where nothing is wrong, or where nobody can know. */
  when(now: Moment): Violation | null;
}

/** Spells a clause list: `'A-01 A-02'`. */
export const cites = (clauses: string): readonly string[] => clauses.split(' ');

/** For rules that have nothing more to say than their own words. */
export const BROKEN: Violation = {};

/** Violations that say more: what the number is, and the number. */
export const seen = (
  what: string,
  value: number,
  more: Omit<Violation, 'what' | 'value'> = {},
): Violation => ({
  what,
  value,
  ...more,
});
