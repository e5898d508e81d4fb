import type { Bench } from './bench.ts';

/** The interface and ring by which a check drives a function; one that has both interfaces is driven by each. */
export type Setting = 'legacy' | 'modern' | 'packed';
export const settings: readonly Setting[] = ['legacy', 'modern', 'packed'];

/** One thing that a device is asked to show. Checks are rows of tables, and each starts from a function that was reset. */
export interface Check {
  /** In words with hyphens, unique: `reset-shows-zero`. Deviation files and reports go by it. */
  readonly id: string;
  /** What it can find broken. A failure names one of them. */
  readonly clauses: readonly string[];
  /** What a device that passes does, in one line. */
  readonly says: string;
  /** By default all. */
  readonly settings?: readonly Setting[];
  /** Names of the device types that it is about; by default all. */
  readonly types?: readonly string[];
  /**
   * The driver does what no driver may: a device that stays silent is no worse than one that answers, as long as it is
   * healthy (REJECT), and one that has to be reset afterwards is WEDGED.
   */
  readonly hostile?: true;
  /** Looks at configuration space only: it is made once a function, and no interface has to work for it. */
  readonly passive?: true;
  /** Fails by {@link Bench.check} and what is built on it, ends early by {@link Bench.skip}. */
  run(bench: Bench): void | Promise<void>;
}

/** What came of a check. */
export type Outcome = 'PASS' | 'FAIL' | 'REJECT' | 'WEDGED' | 'SKIP' | 'XFAIL' | 'XPASS';
export const outcomes: readonly Outcome[] = ['PASS', 'FAIL', 'REJECT', 'WEDGED', 'SKIP', 'XFAIL', 'XPASS'];

/** Thrown by a check: the device breaks a clause. */
export class Failure extends Error {
  readonly clause: string;
  /** What the clause asks for here, and what the device did instead. */
  readonly expected: string;
  readonly seen: string;

  constructor(clause: string, expected: string, seen: string) {
    super(`${clause}: expected ${expected}, saw ${seen}`);
    this.clause = clause;
    this.expected = expected;
    this.seen = seen;
  }
}

/** Thrown by a check: the device did not answer within the patience of the bench. */
export class Silence extends Failure {}

/** Thrown by a check that cannot be made here. */
export class Skipped extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
