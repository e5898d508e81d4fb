import {
  ADMIN_ANSWER_BYTES,
  Administration,
  adminOpcode,
  adminQualifier,
  adminStatus,
  type Chain,
  type VirtioFunction,
} from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';

type Command = Parameters<Administration['carryOut']>[0];
export type Carry = (command: Command, honest: () => void, administration: Administration) => void;

const o = adminOpcode;
const { ok, invalid } = adminStatus;
const RESULT = ADMIN_ANSWER_BYTES;

/** Carries out the commands of an owner otherwise: `honest` does what it should, and the command then has its answer. */
function carry({ device }: VirtioFunction, change: Carry): void {
  const { administration } = device;
  if (!(administration instanceof Administration)) return;
  const honest = administration.carryOut.bind(administration);
  administration.carryOut = (command: Command, chain: Chain) => {
    // What it begins with is read before, for those who look at it.
    command.begin(chain);
    change(command, () => honest(command, chain), administration);
  };
}

/** An owner that is wrong with commands. */
export const wrong = (
  name: string,
  breaks: readonly string[],
  says: string,
  change: Carry,
  type = 'entropy',
): DeviceMutant => wrongAnew(name, breaks, says, () => change, type);

/** The same, with something that it remembers. */
export const wrongAnew = (
  name: string,
  breaks: readonly string[],
  says: string,
  make: () => Carry,
  type = 'entropy',
): DeviceMutant => ({
  name: `admin-${name}`,
  breaks,
  says,
  type,
  kind: 'owner',
  setting: 'modern',
  device: (fn) => carry(fn, make()),
});

/** Is right, and then looks at what came of it. */
export const afterwards =
  (then: (command: Command, administration: Administration) => void): Carry =>
  (command, honest, administration) => {
    honest();
    then(command, administration);
  };

/** Gives another reason for what is refused by one. */
export const otherReason = (
  reason: number,
  given: (typeof adminQualifier)[keyof typeof adminQualifier],
): Carry =>
  afterwards((command) => {
    if (command.status === invalid && command.qualifier === reason) command.refuse(given);
  });

/** Leaves some opcodes out of the list of those that there are. */
export const without = (group: number, ...opcodes: readonly number[]): Carry =>
  afterwards(({ opcode, groupType, resultArray }) => {
    if (opcode !== o.listQuery || groupType !== group) return;
    for (const each of opcodes) resultArray[RESULT + (each >> 3)]! &= ~(1 << (each & 7));
  });

/** Refuses a command although it is right. */
export const refusesWhere = (which: (command: Command) => boolean): Carry =>
  afterwards((command) => {
    if (command.status === ok && which(command)) command.refuse();
  });

/** Changes the result of a command that succeeded. */
export const changesResult = (
  opcode: number,
  change: (result: Uint8Array, command: Command) => void,
): Carry =>
  afterwards((command) => {
    if (command.opcode === opcode && command.status === ok)
      change(command.resultArray.subarray(RESULT), command);
  });

/** Says that a command was carried out, and does not. */
export const ignores =
  (...opcodes: readonly number[]): Carry =>
  (command, honest) => {
    if (!opcodes.includes(command.opcode)) honest();
  };

/** Takes accesses that are not within one field. */
export const takesAcross = (...opcodes: readonly number[]): Carry =>
  afterwards((command) => {
    if (opcodes.includes(command.opcode) && command.qualifier === adminQualifier.invalidField) {
      command.status = ok;
      command.qualifier = adminQualifier.ok;
    }
  });

/** Hands an answer back by another length; `length` gets the right one. */
export const otherLength = (length: (right: number, command: Command) => number): Carry =>
  afterwards((command) => {
    command.finish = () => length(Object.getPrototypeOf(command).finish.call(command), command);
  });

/** Answers LIST_USE otherwise from the second time on. */
export const onlyOnce = (qualifier: (command: Command) => void) => (): Carry => {
  let times = 0;
  return afterwards((command) => {
    if (command.opcode === o.listUse && times++ > 0) qualifier(command);
  });
};
