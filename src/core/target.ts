import type { Bus, FunctionAddress } from './bus.ts';
import type { HeldScheduler } from './scheduler.ts';
import type { Stateful } from './state.ts';

/** What a target is known to do although the specification says otherwise. */
export interface KnownDeviation {
  /** Its name in docs/deviations.md, where the clause stands. */
  readonly id: string;
  /** What the target does, in one line. */
  readonly does: string;
}

/**
 * A function under test, wherever it is: in this process, in a QEMU, behind a device file. Software has its bus; whoever
 * tests it asks what else can be done, and skips what cannot.
 */
export interface Target {
  /** As reports call it. */
  readonly name: string;
  readonly bus: Bus;
  readonly fn: FunctionAddress;
  /** Holds the function's work, to be let go in any order; null where it does its work when it likes. */
  readonly held: HeldScheduler | null;
  /** Saves and loads the machine with the function; null where nobody can. */
  readonly stateful: Stateful | null;
  /** RAM is the same memory for software and for the function, so that each sees at once what the other writes. */
  readonly sharedRam: boolean;
  readonly deviations: readonly KnownDeviation[];
  /** Gives back what the target took. Accesses throw from then on where the target is elsewhere. */
  close(): void;
}
