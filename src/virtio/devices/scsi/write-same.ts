import { cdbFlag, scsiCdb, scsiSense } from '../../layout/index.ts';
import type { Transfer } from '../../storage.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { MAX_WRITE_SAME_BLOCKS } from './limits.ts';
import { blocksOf, hasDataOut, lbaOf } from './lookup.ts';
import { flushThen } from './transfers.ts';

const FLAGS = scsiCdb.bare.flags.offset;

/** A write whose data are one block over and over. */
function repeated(command: ScsiCommand, block: Uint8Array): Transfer {
  return {
    offset: command.offset,
    length: command.length,
    get live() {
      return command.live;
    },
    give: () => false,
    take: (at, target, targetOffset, length) => {
      if (!command.live) return false;
      for (let done = 0; done < length; ) {
        const from = (at + done) % block.length;
        const piece = Math.min(block.length - from, length - done);
        target.set(block.subarray(from, from + piece), targetOffset + done);
        done += piece;
      }
      return true;
    },
    whenReady: (step) => command.whenReady(step),
    done: (ok) => command.done(ok),
  };
}

/**
 * WRITE SAME: one block everywhere, or zeros where there is no block. The UNMAP bit lets zeros be had by giving blocks
 * back, which is what a storage that can does.
 */
export function writeSame(disk: DiskUnit, command: ScsiCommand): void {
  const { cdb, known } = command;
  const { row } = known!;
  const flags = cdb[FLAGS]!;
  const wantsUnmap = (flags & cdbFlag.writeSameUnmap) !== 0;
  const withData = hasDataOut(cdb, row);
  const blocks = blocksOf(cdb, row);
  if ((flags & (cdbFlag.protection | cdbFlag.writeSameAnchor)) !== 0 || (wantsUnmap && !disk.thin)) {
    command.check(scsiSense.invalidFieldInCdb, FLAGS);
    return;
  }
  if (blocks === 0 || blocks > MAX_WRITE_SAME_BLOCKS) {
    command.check(scsiSense.invalidFieldInCdb, row.fields['blocks']!.offset);
    return;
  }
  if (!disk.accepts(command, true)) return;
  const block = withData ? command.takeParameters(disk.blockBytes) : new Uint8Array(disk.blockBytes);
  if (block === null) {
    command.failed(scsiSense.writeError);
    return;
  }
  const taken = withData ? block.length : 0;
  const end = (each: ScsiCommand, ok: boolean) => {
    if (ok) each.good(taken);
    else each.failed(scsiSense.writeError);
  };
  const stabilise = (each: ScsiCommand, ok: boolean) => {
    if (ok) flushThen(disk, each, end);
    else end(each, ok);
  };
  command.prepare(
    lbaOf(cdb, row) * disk.blockBytes,
    blocks * disk.blockBytes,
    disk.writeCache ? end : stabilise,
  );
  const { storage } = disk;
  const zeros = block.every((byte) => byte === 0);
  if (zeros && wantsUnmap) storage.discard!(command);
  else if (zeros && storage.writeZeroes !== undefined) storage.writeZeroes(command, false);
  else storage.write(repeated(command, block));
}
