import type { adminGroup } from '../layout/index.ts';
import type { AdminCommand } from './command.ts';
import type { GroupList } from './lists.ts';
import type { GroupMember } from './members.ts';
import type { PartsObjects } from './parts-objects.ts';
import type { AdminReadings } from './readings.ts';

export type GroupType = (typeof adminGroup)[keyof typeof adminGroup];

/** An address at which a member's queues are kicked (ADL-18). */
export interface NotifyPlace {
  readonly of: 'owner' | 'member';
  readonly bar: number;
  readonly offset: number;
}

/** What commands work on: the device that owns the groups. */
export interface AdminOwner {
  /** Commands that were taken, and not answered yet. */
  readonly inFlight: number;
  readonly readings: AdminReadings;
  /** The objects by which device parts are read and written. */
  readonly parts: PartsObjects;
  list(groupType: number): GroupList;
  /** Where the member that a command is about is kicked, in the order in which that is to be preferred. */
  notifyPlaces(command: AdminCommand): readonly NotifyPlace[];
  /** The member that a command is about: its number was looked at. */
  member(command: AdminCommand): GroupMember;
  /** A command comes to its end later, or now: when what it begins says so. Those behind it in its queue wait. */
  wait(command: AdminCommand, begin: (end: () => void) => void): void;
  /** The driver breaks a clause by a command; `what` names `value`. */
  blame(command: AdminCommand, clause: string, message: string, what: string, value: number): void;
}

/** One command: for whom it is, what of its data is looked at, and what it does. */
export interface AdminRow {
  readonly opcode: number;
  /** Group types that have it. */
  readonly groups: readonly GroupType[];
  /** The member's number has a meaning. */
  readonly member: boolean;
  /** Bytes of data by its description, without what follows in any number. */
  readonly dataBytes: number;
  /** Bytes of data that are looked at, at the most. */
  readonly takes: number;
  /** Its data or its result have any length: no multiple of 8 bytes can be asked for (AVQ-13). */
  readonly anyLength?: boolean;
  /** To be called with all data that are looked at in hand. */
  run(owner: AdminOwner, command: AdminCommand): void;
}
