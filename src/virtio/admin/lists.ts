import { list, optional, record, u16, u32 } from '../../core/index.ts';
import { adminGroup, adminOpcode } from '../layout/index.ts';
import { type AdminCommand, RESULT_AT } from './command.ts';
import type { AdminRow } from './rows.ts';

const { listQuery, listUse } = adminOpcode;
const { self, singleRootIov } = adminGroup;

/** Opcodes are bits of a list; those that are built have room in one word of it, of a list's units of 64. */
const LIST_BYTES = 8;
/** A list with a bit for every opcode. */
const LONGEST_LIST_BYTES = 0x10000 / 8;

const bitOf = (opcode: number) => 2 ** opcode;

/** What is legal before the driver says what it uses (ADM-15). */
const INITIAL = bitOf(listQuery) + bitOf(listUse);

export const groupListState = record('admin-list', 1, { groupType: u16, used: optional(u32) });
export const groupListsState = list(groupListState);

/** The commands of a group type: which there are, and which the driver said to use. */
export class GroupList {
  readonly groupType: number;
  /** By opcode. */
  readonly rows: readonly (AdminRow | undefined)[];
  /** As a set of bits. */
  readonly supported: number;
  /** Null until a list was given. */
  used: number | null = null;

  constructor(groupType: number, rows: readonly AdminRow[]) {
    this.groupType = groupType;
    const own = rows.filter(({ groups }) => groups.some((each) => each === groupType));
    const byOpcode: (AdminRow | undefined)[] = [];
    for (const row of own) byOpcode[row.opcode] = row;
    this.rows = byOpcode;
    this.supported = own.reduce((bits, { opcode }) => bits + bitOf(opcode), 0);
  }

  /** ADM-15, ADM-17. */
  legal(opcode: number): boolean {
    return (((this.used ?? INITIAL) >>> opcode) & 1) !== 0;
  }
}

/** Both work before any list was given, and say what the others are (ADM-03). */
export const listRows: readonly AdminRow[] = [
  {
    opcode: listQuery,
    groups: [self, singleRootIov],
    member: false,
    dataBytes: 0,
    takes: 0,
    run(owner, command) {
      command.result(LIST_BYTES).setUint32(RESULT_AT, owner.list(command.groupType).supported, true);
    },
  },
  {
    opcode: listUse,
    groups: [self, singleRootIov],
    member: false,
    dataBytes: LIST_BYTES,
    takes: LONGEST_LIST_BYTES,
    run(owner, command) {
      const group = owner.list(command.groupType);
      if (owner.inFlight > 0)
        owner.blame(
          command,
          'ADM-28',
          'LIST_USE while other commands are in flight',
          'commands in flight',
          owner.inFlight,
        );
      const wanted = command.data.getUint32(0, true);
      const absent = firstAbsent(group, command);
      if (absent >= 0) {
        owner.blame(command, 'ADM-30', 'LIST_USE with a command that there is not', 'opcode', absent);
        command.refuse();
      } else group.used = wanted;
    },
  },
];

/** The first opcode in the data of LIST_USE that the group does not have; -1 where there is none. */
function firstAbsent({ rows }: GroupList, { dataArray, takenBytes }: AdminCommand): number {
  for (let i = 0; i < takenBytes; i++)
    for (let bit = 0; bit < 8; bit++)
      if (((dataArray[i]! >> bit) & 1) !== 0 && rows[8 * i + bit] === undefined) return 8 * i + bit;
  return -1;
}
