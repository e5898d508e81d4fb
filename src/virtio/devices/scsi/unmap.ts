import {
  cdbFlag,
  getBigEndian,
  scsiCdb,
  scsiSense,
  UNMAP_DESCRIPTOR_BYTES,
  UNMAP_HEADER_BYTES,
  unmapDescriptor,
  unmapHeader,
} from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS } from './limits.ts';

/** Longest list that is looked at: one descriptor more than there may be. */
const MAX_LIST_BYTES = UNMAP_HEADER_BYTES + UNMAP_DESCRIPTOR_BYTES * (MAX_UNMAP_DESCRIPTORS + 1);

interface Extent {
  readonly lba: number;
  readonly blocks: number;
}

/** Whole descriptors of a list; what is cut off at its end does not count (SBC-3). */
function extentsOf(list: Uint8Array): Extent[] {
  const wanted = getBigEndian(list, unmapHeader.descriptorLength);
  const bytes = Math.min(wanted, list.length - UNMAP_HEADER_BYTES);
  return Array.from({ length: Math.floor(bytes / UNMAP_DESCRIPTOR_BYTES) }, (_, i) => {
    const at = UNMAP_HEADER_BYTES + i * UNMAP_DESCRIPTOR_BYTES;
    return {
      lba: getBigEndian(list, unmapDescriptor.lba, at),
      blocks: getBigEndian(list, unmapDescriptor.blocks, at),
    };
  });
}

/** UNMAP: every extent is looked at before the first is given back. */
export function unmap(disk: DiskUnit, command: ScsiCommand): void {
  const { cdb } = command;
  const { flags, length } = scsiCdb.unmap;
  const listBytes = getBigEndian(cdb, length);
  if ((cdb[flags.offset]! & cdbFlag.unmapAnchor) !== 0)
    command.check(scsiSense.invalidFieldInCdb, flags.offset);
  else if (disk.storage.readOnly) command.check(scsiSense.writeProtected);
  else if (listBytes === 0) command.good();
  else if (listBytes < UNMAP_HEADER_BYTES) command.check(scsiSense.parameterListLengthError, length.offset);
  else {
    const list = command.takeParameters(Math.min(listBytes, MAX_LIST_BYTES));
    if (list === null) command.failed(scsiSense.writeError);
    else discard(disk, command, extentsOf(list), listBytes);
  }
}

function discard(disk: DiskUnit, command: ScsiCommand, extents: readonly Extent[], listBytes: number): void {
  const sum = extents.reduce((total, { blocks }) => total + blocks, 0);
  if (extents.length > MAX_UNMAP_DESCRIPTORS || sum > MAX_UNMAP_BLOCKS) {
    command.check(scsiSense.invalidFieldInParameterList);
    return;
  }
  if (extents.some(({ lba, blocks }) => lba + blocks > disk.blocks)) {
    command.check(scsiSense.lbaOutOfRange);
    return;
  }
  const left = extents.filter(({ blocks }) => blocks > 0);
  const next = (each: ScsiCommand, ok: boolean): void => {
    const extent = left.shift();
    if (!ok) each.failed(scsiSense.writeError);
    else if (extent === undefined) each.good(listBytes);
    else {
      each.prepare(extent.lba * disk.blockBytes, extent.blocks * disk.blockBytes, next);
      disk.storage.discard!(each);
    }
  };
  next(command, true);
}
