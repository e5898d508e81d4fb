import { type Register, type RegisterMap, registers, ro } from '../../core/index.ts';

/*
 * SCSI commands as tables (SPC-4, SBC-3). Numbers in CDBs and in SCSI data are big-endian whatever the guest is, and
 * stand at odd places: each is a row of single bytes.
 */

/** A big-endian number of so many bytes. */
export const bigEndian = (offset: number, bytes: number) => ro(offset, 1, '', { count: bytes });

/** A big-endian number out of an array of bytes; exact below 2^53. */
export function getBigEndian(bytes: Uint8Array, { offset, count }: Register, base = 0): number {
  let value = 0;
  for (let i = 0; i < count; i++) value = value * 256 + bytes[base + offset + i]!;
  return value;
}

/** Puts a number below 2^53 there. */
export function putBigEndian(bytes: Uint8Array, { offset, count }: Register, value: number, base = 0): void {
  for (let i = count - 1; i >= 0; i--) {
    bytes[base + offset + i] = value % 256;
    value = Math.floor(value / 256);
  }
}

/** The longest CDB of the table. */
export const MAX_CDB_BYTES = 16;

/** Bits of the last byte of every CDB: auto contingent allegiance is asked for. */
export const CONTROL_NACA = 0x04;

const operation = { opcode: bigEndian(0, 1), flags: bigEndian(1, 1) } as const;

/** Fields of the CDBs, by shape. `lba` and `blocks` are in logical blocks, `length` in bytes. */
export const scsiCdb = {
  bare: registers(operation),
  /** The block address has 21 bits: its high ones are the low ones of `flags`. */
  transfer6: registers({ opcode: bigEndian(0, 1), lba: bigEndian(1, 3), blocks: bigEndian(4, 1) }),
  transfer10: registers({
    ...operation,
    lba: bigEndian(2, 4),
    group: bigEndian(6, 1),
    blocks: bigEndian(7, 2),
  }),
  transfer12: registers({
    ...operation,
    lba: bigEndian(2, 4),
    blocks: bigEndian(6, 4),
    group: bigEndian(10, 1),
  }),
  transfer16: registers({
    ...operation,
    lba: bigEndian(2, 8),
    blocks: bigEndian(10, 4),
    group: bigEndian(14, 1),
  }),
  inquiry: registers({ ...operation, page: bigEndian(2, 1), length: bigEndian(3, 2) }),
  requestSense: registers({ ...operation, length: bigEndian(4, 1) }),
  startStop: registers({ ...operation, action: bigEndian(4, 1) }),
  modeSense6: registers({
    ...operation,
    page: bigEndian(2, 1),
    subpage: bigEndian(3, 1),
    length: bigEndian(4, 1),
  }),
  modeSense10: registers({
    ...operation,
    page: bigEndian(2, 1),
    subpage: bigEndian(3, 1),
    length: bigEndian(7, 2),
  }),
  modeSelect6: registers({ ...operation, length: bigEndian(4, 1) }),
  modeSelect10: registers({ ...operation, length: bigEndian(7, 2) }),
  readCapacity10: registers({ ...operation, lba: bigEndian(2, 4), partial: bigEndian(8, 1) }),
  readCapacity16: registers({
    ...operation,
    lba: bigEndian(2, 8),
    length: bigEndian(10, 4),
    partial: bigEndian(14, 1),
  }),
  unmap: registers({ ...operation, length: bigEndian(7, 2) }),
  reportLuns: registers({ ...operation, select: bigEndian(2, 1), length: bigEndian(6, 4) }),
  supportedCommands: registers({
    ...operation,
    options: bigEndian(2, 1),
    requestedOpcode: bigEndian(3, 1),
    requestedAction: bigEndian(4, 2),
    length: bigEndian(6, 4),
  }),
} as const;

/** Of 21 bits of a 6-byte CDB's block address. */
export const LBA6_MASK = 0x1fffff;

/**
 * Which way data go, and which field of the CDB says how many at most: `bytes` for an allocation or a parameter list,
 * `blocks` for a transfer of logical blocks, `block` for one block whatever the CDB says; a number for just so many bytes.
 */
export interface ScsiCommandRow {
  readonly opcode: number;
  /** For opcodes that are shared: the low bits of byte 1. */
  readonly action: number | null;
  readonly fields: RegisterMap;
  readonly data: 'none' | 'in' | 'out';
  readonly amount: 'bytes' | 'blocks' | 'block' | number;
  /** Bits of the CDB that mean something, byte by byte: as many as the CDB has. */
  readonly usage: readonly number[];
}

/** The low bits of byte 1 of an opcode that is shared. */
export const ACTION_MASK = 0x1f;

const ones = (count: number) => Array<number>(count).fill(0xff);
/** The last byte: only NACA is looked at. */
const control = CONTROL_NACA;

function row(
  opcode: number,
  fields: RegisterMap,
  usage: readonly number[],
  data: ScsiCommandRow['data'] = 'none',
  amount: ScsiCommandRow['amount'] = 0,
  action: number | null = null,
): ScsiCommandRow {
  return { opcode, action, fields, data, amount, usage: [opcode, ...usage, control] };
}

/** Protection bits, DPO and FUA in byte 1 of a transfer. */
const rw = 0xf8;
const group = 0x1f;

/** Every command that the disk knows. */
export const scsiCommands = {
  testUnitReady: row(0x00, scsiCdb.bare, [0, 0, 0, 0]),
  requestSense: row(0x03, scsiCdb.requestSense, [0x01, 0, 0, 0xff], 'in', 'bytes'),
  read6: row(0x08, scsiCdb.transfer6, [0x1f, ...ones(3)], 'in', 'blocks'),
  write6: row(0x0a, scsiCdb.transfer6, [0x1f, ...ones(3)], 'out', 'blocks'),
  inquiry: row(0x12, scsiCdb.inquiry, [0x01, ...ones(3)], 'in', 'bytes'),
  modeSelect6: row(0x15, scsiCdb.modeSelect6, [0x11, 0, 0, 0xff], 'out', 'bytes'),
  modeSense6: row(0x1a, scsiCdb.modeSense6, [0x08, ...ones(3)], 'in', 'bytes'),
  startStopUnit: row(0x1b, scsiCdb.startStop, [0x01, 0, 0x0f, 0xf7]),
  preventAllow: row(0x1e, scsiCdb.startStop, [0, 0, 0, 0x03]),
  readCapacity10: row(0x25, scsiCdb.readCapacity10, [0, ...ones(4), 0, 0, 0x01], 'in', 8),
  read10: row(0x28, scsiCdb.transfer10, [rw, ...ones(4), group, ...ones(2)], 'in', 'blocks'),
  write10: row(0x2a, scsiCdb.transfer10, [rw, ...ones(4), group, ...ones(2)], 'out', 'blocks'),
  verify10: row(0x2f, scsiCdb.transfer10, [0xf6, ...ones(4), group, ...ones(2)]),
  synchronizeCache10: row(0x35, scsiCdb.transfer10, [0x02, ...ones(4), group, ...ones(2)]),
  writeSame10: row(0x41, scsiCdb.transfer10, [0xf8, ...ones(4), group, ...ones(2)], 'out', 'block'),
  unmap: row(0x42, scsiCdb.unmap, [0x01, 0, 0, 0, 0, group, ...ones(2)], 'out', 'bytes'),
  modeSelect10: row(0x55, scsiCdb.modeSelect10, [0x11, 0, 0, 0, 0, 0, ...ones(2)], 'out', 'bytes'),
  modeSense10: row(0x5a, scsiCdb.modeSense10, [0x18, ...ones(2), 0, 0, 0, ...ones(2)], 'in', 'bytes'),
  read16: row(0x88, scsiCdb.transfer16, [rw, ...ones(12), group], 'in', 'blocks'),
  write16: row(0x8a, scsiCdb.transfer16, [rw, ...ones(12), group], 'out', 'blocks'),
  verify16: row(0x8f, scsiCdb.transfer16, [0xf6, ...ones(12), group]),
  synchronizeCache16: row(0x91, scsiCdb.transfer16, [0x02, ...ones(12), group]),
  writeSame16: row(0x93, scsiCdb.transfer16, [0xf9, ...ones(12), group], 'out', 'block'),
  readCapacity16: row(0x9e, scsiCdb.readCapacity16, [0x1f, ...ones(12), 0x01], 'in', 'bytes', 0x10),
  reportLuns: row(0xa0, scsiCdb.reportLuns, [0, 0xff, 0, 0, 0, ...ones(4), 0], 'in', 'bytes'),
  supportedCommands: row(0xa3, scsiCdb.supportedCommands, [0x1f, 0x87, ...ones(7), 0], 'in', 'bytes', 0x0c),
  read12: row(0xa8, scsiCdb.transfer12, [rw, ...ones(8), group], 'in', 'blocks'),
  write12: row(0xaa, scsiCdb.transfer12, [rw, ...ones(8), group], 'out', 'blocks'),
} as const satisfies Readonly<Record<string, ScsiCommandRow>>;

export type ScsiCommandName = keyof typeof scsiCommands;

/** Bits of byte 1 of the CDBs. */
export const cdbFlag = {
  /** INQUIRY: a page of vital product data. */
  vitalProductData: 0x01,
  /** REQUEST SENSE: in descriptor format. */
  descriptorFormat: 0x01,
  /** READ, WRITE, VERIFY: protection information, force unit access, byte check. */
  protection: 0xe0,
  forceUnitAccess: 0x08,
  byteCheck: 0x06,
  /** WRITE SAME: protection information, anchor, unmap, no data-out buffer. */
  writeSameAnchor: 0x10,
  writeSameUnmap: 0x08,
  noDataOut: 0x01,
  unmapAnchor: 0x01,
  /** START STOP UNIT: end at once. */
  immediate: 0x01,
  /** MODE SENSE: no block descriptors; MODE SELECT: pages as the standard has them, to be saved. */
  noBlockDescriptors: 0x08,
  longLba: 0x10,
  pageFormat: 0x10,
  savePages: 0x01,
} as const;

/** Byte 4 of START STOP UNIT. */
export const startStopAction = { start: 0x01, loadEject: 0x02, noFlush: 0x04, powerCondition: 0xf0 } as const;

/** SELECT REPORT of REPORT LUNS. */
export const selectReport = { logicalUnits: 0, wellKnown: 1, all: 2 } as const;

/** REPORTING OPTIONS of REPORT SUPPORTED OPERATION CODES, beside the bit for timeouts. */
export const reportingOptions = {
  all: 0,
  opcode: 1,
  action: 2,
  either: 3,
  mask: 0x07,
  timeouts: 0x80,
} as const;
