import type { FindingAbout, Party, State } from '../../core/index.ts';
import type { Chain } from './chain.ts';

/** What a queue needs of its device. */
export interface QueueOwner {
  /** Its driver is a legacy one. */
  readonly legacyDriver: boolean;
  /** Chains may be taken: the driver has come far enough and nothing is broken. */
  readonly mayRun: boolean;
  readonly dmaEnabled: boolean;
  /** Somebody else serves the ring, where it says that the kick is his. */
  readonly behaviour?: { kicked?(index: number): boolean };
  handle(chain: Chain): void;
  /** Takes a chain of a state that was loaded, of which the device had made `request`; others are handled anew. */
  resumeChain?(chain: Chain, request: State): void;
  interrupt(index: number): void;
  fail(clause: string, message: string, about?: FindingAbout): void;
  report(party: Party, clause: string, message: string, about: FindingAbout): void;
}
