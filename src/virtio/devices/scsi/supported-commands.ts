import {
  COMMAND_DESCRIPTOR_BYTES,
  COMMAND_HAS_ACTION,
  COMMAND_LIST_HEADER_BYTES,
  commandDescriptor,
  commandList,
  commandSupport,
  getBigEndian,
  ONE_COMMAND_BYTES,
  oneCommandData,
  putBigEndian,
  reportingOptions,
  scsiCdb,
  scsiSense,
} from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { commandsOf, type KnownCommand, knownCommands } from './lookup.ts';

const { options, requestedOpcode, requestedAction, length } = scsiCdb.supportedCommands;

/** REPORT SUPPORTED OPERATION CODES: all commands with their lengths, or one with the bits that it looks at. */
export function reportSupportedCommands(disk: DiskUnit, command: ScsiCommand): void {
  const { cdb } = command;
  const option = cdb[options.offset]!;
  const allocation = getBigEndian(cdb, length);
  if (option === reportingOptions.all) command.reply(everyCommand(disk), allocation);
  else if ((option & reportingOptions.timeouts) !== 0 || option > reportingOptions.either)
    command.check(scsiSense.invalidFieldInCdb, options.offset);
  else {
    const candidates = commandsOf(cdb[requestedOpcode.offset]!);
    const shared = candidates.some(({ row }) => row.action !== null);
    // Whether a service action is meant has to agree with whether the opcode has any.
    if (
      candidates.length > 0 &&
      ((option === reportingOptions.opcode && shared) || (option === reportingOptions.action && !shared))
    ) {
      command.check(scsiSense.invalidFieldInCdb, options.offset);
      return;
    }
    const action = getBigEndian(cdb, requestedAction);
    const found = candidates.find(({ row }) => row.action === null || row.action === action);
    command.reply(oneCommand(found !== undefined && disk.supports(found.name) ? found : null), allocation);
  }
}

function everyCommand(disk: DiskUnit): Uint8Array {
  const all = knownCommands.filter(({ name }) => disk.supports(name));
  const bytes = new Uint8Array(COMMAND_LIST_HEADER_BYTES + COMMAND_DESCRIPTOR_BYTES * all.length);
  putBigEndian(bytes, commandList.length, bytes.length - COMMAND_LIST_HEADER_BYTES);
  for (const [i, { row }] of all.entries()) {
    const at = COMMAND_LIST_HEADER_BYTES + COMMAND_DESCRIPTOR_BYTES * i;
    putBigEndian(bytes, commandDescriptor.opcode, row.opcode, at);
    putBigEndian(bytes, commandDescriptor.action, row.action ?? 0, at);
    putBigEndian(bytes, commandDescriptor.flags, row.action === null ? 0 : COMMAND_HAS_ACTION, at);
    putBigEndian(bytes, commandDescriptor.cdbLength, row.usage.length, at);
  }
  return bytes;
}

function oneCommand(known: KnownCommand | null): Uint8Array {
  const usage = known?.row.usage ?? [];
  const bytes = new Uint8Array(ONE_COMMAND_BYTES + usage.length);
  putBigEndian(bytes, oneCommandData.support, known === null ? commandSupport.not : commandSupport.standard);
  putBigEndian(bytes, oneCommandData.cdbLength, usage.length);
  bytes.set(usage, ONE_COMMAND_BYTES);
  // A service action stands in its place in the map, as the opcode does.
  if (known !== null && known.row.action !== null) bytes[ONE_COMMAND_BYTES + 1] = known.row.action;
  return bytes;
}
