import type { Manifest, State, Stateful } from '../core/index.ts';
import type { SavedConfig } from './config.ts';
import type { Chain } from './queue/chain.ts';
import type { SavedChain } from './queue/state.ts';

/** The rest of a device's state, with which that of its behaviour has to agree. */
export interface SavedDevice extends SavedConfig {
  readonly queues: readonly { readonly inFlight: readonly SavedChain[] }[];
}

/** Whose queues a device serves: its type's behaviour, and the administration of a group's owner. */
export interface QueueUser extends Stateful {
  /** Sizes offered, in descriptors, in the order of the queues; 0 for an absent queue. */
  readonly queueSizes: readonly number[];
  /**
   * Takes a chain of queue `chain.queue`; the user calls `complete` of its device once, now or later. One that only
   * waits for something to happen belongs into `WaitingChains`: a device that is to be suspended does not wait for it. A
   * user whose back end goes on with a request after its chain has died sets `chain.held` here, and calls
   * `letGo` when that has ended: such requests count against the queue, which could otherwise be stopped
   * and filled again without end.
   */
  handle(chain: Chain): void;
  /**
   * Takes a chain back that was in flight when a state was saved. `request` is what {@link Chain.request} saved then; a
   * chain that had none is handled anew.
   */
  resumeChain?(chain: Chain, request: State): void;
  /** The table of what it makes of chains in flight, where it saves such. */
  readonly requestRecord?: { manifest(): Manifest };
  /**
   * Looks at a state before anything is loaded.
   * @param device the rest of the state of which it is a part.
   * @throws StateMismatchError for a state that this device cannot have.
   */
  check?(state: State, path?: string, device?: SavedDevice): void;
  /**
   * Looks at what {@link resumeChain} is to be given for a chain of that queue, before anything is loaded; null is a chain
   * that had nothing.
   * @throws StateMismatchError for what this device cannot have made of a chain.
   */
  checkRequest?(request: State, path: string, queue: number): void;
  /** One queue was stopped by itself: its chains are dead, and nothing of it is to be kept. */
  queueReset?(index: number): void;
  reset(): void;
}
