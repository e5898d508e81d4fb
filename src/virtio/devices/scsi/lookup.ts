import {
  ACTION_MASK,
  cdbFlag,
  getBigEndian,
  LBA6_MASK,
  type ScsiCommandName,
  type ScsiCommandRow,
  scsiCdb,
  scsiCommands,
} from '../../layout/index.ts';

/** A command by its name. */
export interface KnownCommand {
  readonly name: ScsiCommandName;
  readonly row: ScsiCommandRow;
}

export const knownCommands: readonly KnownCommand[] = Object.entries(scsiCommands).map(([name, row]) => ({
  name: name as ScsiCommandName,
  row,
}));

const NONE: readonly KnownCommand[] = [];
const byOpcode = Array.from({ length: 256 }, (_, opcode) => {
  const found = knownCommands.filter(({ row }) => row.opcode === opcode);
  return found.length === 0 ? NONE : found;
});

/** Commands that share an opcode. */
export const commandsOf = (opcode: number): readonly KnownCommand[] => byOpcode[opcode]!;

/** The command of a CDB of so many bytes, or null; one that is cut off is none. */
export function commandIn(cdb: Uint8Array, cdbBytes: number): KnownCommand | null {
  for (const known of byOpcode[cdb[0]!]!) {
    const { action, usage } = known.row;
    if ((action === null || action === (cdb[1]! & ACTION_MASK)) && usage.length <= cdbBytes) return known;
  }
  return null;
}

/** Transfers that a 6-byte CDB of length 0 asks for. */
const BLOCKS6_MAX = 256;

/** First logical block of a transfer. */
export function lbaOf(cdb: Uint8Array, { fields }: ScsiCommandRow): number {
  const lba = getBigEndian(cdb, fields['lba']!);
  return fields === scsiCdb.transfer6 ? lba & LBA6_MASK : lba;
}

/** Logical blocks of a transfer. */
export function blocksOf(cdb: Uint8Array, { fields }: ScsiCommandRow): number {
  const blocks = getBigEndian(cdb, fields['blocks']!);
  return blocks === 0 && fields === scsiCdb.transfer6 ? BLOCKS6_MAX : blocks;
}

/** False for a WRITE SAME that does without a block: only the longer one can. */
export const hasDataOut = (cdb: Uint8Array, { fields }: ScsiCommandRow): boolean =>
  fields !== scsiCdb.transfer16 || (cdb[fields['flags']!.offset]! & cdbFlag.noDataOut) === 0;

/** Bytes that a CDB wants moved, at most. @param blockBytes 0 for a unit that has no blocks. */
export function wantedBytes(cdb: Uint8Array, row: ScsiCommandRow, blockBytes: number): number {
  if (row.amount === 'bytes') return getBigEndian(cdb, row.fields['length']!);
  if (row.amount === 'blocks') return blocksOf(cdb, row) * blockBytes;
  if (row.amount === 'block') return hasDataOut(cdb, row) ? blockBytes : 0;
  return row.amount;
}
