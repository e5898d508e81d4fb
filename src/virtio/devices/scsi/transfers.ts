import { cdbFlag, scsiCdb, scsiSense } from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { blocksOf, lbaOf } from './lookup.ts';

const FLAGS = scsiCdb.bare.flags.offset;

/** Bits of byte 1; a 6-byte CDB has part of its block address there. */
const flagsOf = ({ cdb, known }: ScsiCommand) => (known!.row.fields === scsiCdb.transfer6 ? 0 : cdb[FLAGS]!);

/** There is no protection information here. @returns whether none was asked for; the command has ended otherwise. */
function plain(command: ScsiCommand): boolean {
  if ((flagsOf(command) & cdbFlag.protection) === 0) return true;
  command.check(scsiSense.invalidFieldInCdb, FLAGS);
  return false;
}

const startOf = (disk: DiskUnit, { cdb, known }: ScsiCommand) => lbaOf(cdb, known!.row) * disk.blockBytes;
const lengthOf = (disk: DiskUnit, { cdb, known }: ScsiCommand) => blocksOf(cdb, known!.row) * disk.blockBytes;

function endOfRead(command: ScsiCommand, ok: boolean): void {
  if (ok) command.good(command.length);
  else command.failed(scsiSense.unrecoveredReadError);
}

function endOfWrite(command: ScsiCommand, ok: boolean): void {
  if (ok) command.good(command.length);
  else command.failed(scsiSense.writeError);
}

/** READ of any length: from the storage into the data-in buffer. Nothing is cached here that FUA could go around. */
export function read(disk: DiskUnit, command: ScsiCommand): void {
  if (!plain(command) || !disk.accepts(command, false)) return;
  command.prepare(startOf(disk, command), lengthOf(disk, command), endOfRead);
  disk.storage.read(command);
}

/** WRITE of any length; stable before it ends where FUA, or a disk without a write cache, asks for it. */
export function write(disk: DiskUnit, command: ScsiCommand): void {
  if (!plain(command) || !disk.accepts(command, true)) return;
  const through = !disk.writeCache || (flagsOf(command) & cdbFlag.forceUnitAccess) !== 0;
  command.prepare(
    startOf(disk, command),
    lengthOf(disk, command),
    through ? (each, ok) => (ok ? flushThen(disk, each, endOfWrite) : endOfWrite(each, ok)) : endOfWrite,
  );
  disk.storage.write(command);
}

/** Makes everything that was written stable before `then`; the place of the transfer stays what it was. */
export function flushThen(
  disk: DiskUnit,
  command: ScsiCommand,
  then: (command: ScsiCommand, ok: boolean) => void,
): void {
  command.prepare(command.offset, command.length, then);
  disk.storage.flush(command);
}

/** VERIFY without comparison: blocks that exist can be read. */
export function verify(disk: DiskUnit, command: ScsiCommand): void {
  if (!plain(command)) return;
  if ((flagsOf(command) & cdbFlag.byteCheck) !== 0) command.check(scsiSense.invalidFieldInCdb, FLAGS);
  else if (disk.accepts(command, false)) command.good();
}

function endOfFlush(command: ScsiCommand, ok: boolean): void {
  if (ok) command.good();
  else command.failed(scsiSense.writeError);
}

/** SYNCHRONIZE CACHE: of the whole disk, whatever part was asked for. */
export function synchronizeCache(disk: DiskUnit, command: ScsiCommand): void {
  if (disk.accepts(command, false)) flushThen(disk, command, endOfFlush);
}
