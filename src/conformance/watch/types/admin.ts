import {
  ADMIN_ANSWER_BYTES,
  adminAnswer,
  adminCommand,
  adminGroup,
  adminOpcode,
  adminStatus,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import type { Moment } from '../moment.ts';
import type { TypeFollower } from './follower.ts';

/** A command that the device has not answered. */
interface PendingCommand {
  readonly opcode: number;
  readonly group: number;
  /** Opcodes that LIST_USE names, as bits of a number; what is beyond 32 is not kept. */
  readonly list: number;
  /** Where the answer goes. */
  readonly answer: number;
}

/** What an administration queue's driver was told, and asked for. */
export interface AdminNotes {
  readonly pending: Map<number, PendingCommand>;
  /** By group type: opcodes that the device has, as LIST_QUERY told, and those in use; bits below 32. */
  readonly offered: Map<number, number>;
  readonly used: Map<number, number>;
  /** Opcodes of commands that were answered with EAGAIN and not sent again, and whether others were sent since then. */
  readonly again: Map<number, boolean>;
  /** The device told where members are kicked. */
  notifyInfo: boolean;
}

export const adminNotes = (fn: FunctionModel): AdminNotes => {
  fn.admin ??= {
    pending: new Map(),
    offered: new Map(),
    used: new Map(),
    again: new Map(),
    notifyInfo: false,
  };
  return fn.admin;
};

/** The queue is one of administration. */
export const isAdmin = (fn: FunctionModel, { index }: QueueModel): boolean =>
  fn.adminFirst !== null &&
  fn.adminCount !== null &&
  index >= fn.adminFirst &&
  index < fn.adminFirst + fn.adminCount;

export const opcodeOf = ({ chain }: Moment) => chain.u16(adminCommand.opcode.offset, true);
export const groupOf = ({ chain }: Moment) => chain.u16(adminCommand.groupType.offset, true);

/** A command's own data begin there. */
export const ADMIN_DATA = adminCommand.memberId.offset + 8;
const keyOf = ({ index }: QueueModel, head: number) => index * 0x10000 + head;

/** Commands about virtual functions. */
export const aboutVirtual = (notes: AdminNotes): boolean =>
  [...notes.pending.values()].some(({ group }) => group === adminGroup.singleRootIov);

export const adminFollower: TypeFollower = {
  chain(now, queue) {
    const opcode = opcodeOf(now);
    const list = opcode === adminOpcode.listUse ? Math.max(0, now.chain.u32(ADMIN_DATA, true)) : 0;
    const command = { opcode, group: groupOf(now), list, answer: now.chain.at(0, true) };
    const { pending, again } = adminNotes(now.fn);
    pending.set(keyOf(queue, now.chain.head), command);
    again.delete(opcode);
    for (const other of again.keys()) again.set(other, true);
  },
  used({ fn, chain }, queue, head) {
    const { pending, offered, used, again } = adminNotes(fn);
    const command = pending.get(keyOf(queue, head));
    pending.delete(keyOf(queue, head));
    if (command === undefined || command.answer < 0) return;
    const status = chain.memory.u16(command.answer + adminAnswer.status.offset, true);
    if (status === adminStatus.tryAgain) again.set(command.opcode, false);
    // An answer that was overwritten before anybody looked counts as a good one.
    if (command.opcode === adminOpcode.listUse && status !== adminStatus.invalid)
      used.set(command.group, command.list);
    if (command.opcode === adminOpcode.legacyNotifyInfo && status === adminStatus.ok)
      adminNotes(fn).notifyInfo = chain.memory.u8(command.answer + ADMIN_ANSWER_BYTES) > 0;
    if (command.opcode === adminOpcode.listQuery && status === adminStatus.ok)
      offered.set(command.group, Math.max(0, chain.memory.u32(command.answer + ADMIN_ANSWER_BYTES, true)));
  },
};
