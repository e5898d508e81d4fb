import type { ClauseLevel } from '../catalogue/index.ts';

/** What is wrong with a configuration space. */
export interface ConfigFinding {
  /** The clause that is broken, or the name of the draft whose table is. */
  readonly clause: string;
  readonly level: ClauseLevel;
  readonly message: string;
  /** Where in configuration space, in bytes. */
  readonly offset: number;
}

/** What was found out about a configuration space. */
export interface ConfigVerdict {
  /** In the order in which the rules look. */
  readonly findings: readonly ConfigFinding[];
  /** What could not be judged, since its bytes are unknown. */
  readonly open: readonly string[];
}

/** A clause with MUST or MUST NOT is broken. */
export const isBreach = ({ level }: ConfigFinding): boolean => level.startsWith('MUST');
