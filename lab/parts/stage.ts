import type { DraftedBus, DraftedFunction } from 'virtiolab/drafts';
import type { FoundFunction } from 'virtiolab/driver';
import type { Machine } from 'virtiolab/pci';
import type { Column } from '../protocol.ts';

/** A machine that is shown, and the function on it. */
export interface Stage {
  readonly column: Column;
  readonly name: 'guest' | 'host';
  readonly machine: Machine;
  readonly found: FoundFunction;
  /** The owner of a virtual function, by whose registers it is reached as well. */
  readonly owner: FoundFunction | null;
  /** Of a draft of one's own: its block, and the bus on which that is. */
  readonly drafted: DraftedStage | null;
}

export interface DraftedStage {
  readonly fn: DraftedFunction;
  readonly bus: DraftedBus;
}
