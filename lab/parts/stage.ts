import type { Bus } from 'virtiolab/core';
import type { DraftedBus, DraftedFunction } from 'virtiolab/drafts';
import type { FoundFunction } from 'virtiolab/driver';
import type { Machine } from 'virtiolab/pci';
import type { Column } from '../protocol.ts';

/** A function on a bus that is shown. */
export interface Shown {
  readonly column: Column;
  readonly name: 'guest' | 'host';
  readonly machine: Bus;
  readonly found: FoundFunction;
  /** The owner of a virtual function, by whose registers it is reached as well. */
  readonly owner: FoundFunction | null;
  /** Of a draft of one's own: its block, and the bus on which that is. */
  readonly drafted: DraftedStage | null;
}

/** The same on a machine of ours. */
export interface Stage extends Shown {
  readonly machine: Machine;
}

export interface DraftedStage {
  readonly fn: DraftedFunction;
  readonly bus: DraftedBus;
}
