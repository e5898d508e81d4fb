import type { Stateful } from '../../../core/index.ts';
import type { Sense } from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';

/** A unit's way to its host. */
export interface UnitPort {
  /** Something about the unit changed by itself: its initiator is told, by an event and by a unit attention. */
  changed(sense: Sense): void;
}

/** What stands behind a LUN: it carries out commands. REPORT LUNS and REQUEST SENSE are answered for it. */
export interface ScsiUnit extends Stateful {
  /** Bytes of a logical block; 0 for a unit that has none. */
  readonly blockBytes: number;
  attach(port: UnitPort): void;
  /** Carries a command out and ends it, once, now or later. */
  execute(command: ScsiCommand): void;
  /** Back to the state after power-on; nothing is in flight then. */
  reset(): void;
}
