import type { Arbitrary } from 'fast-check';
import { lengthOf, type Register } from '../../core/index.ts';
import {
  ACTION_MASK,
  modeHeader6,
  modeHeader10,
  putBigEndian,
  type ScsiCommandName,
  SECTOR_BYTES,
  scsiCommands,
  unmapDescriptor,
  unmapHeader,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { patternBytes } from './chain.ts';

/** Fields of a CDB by name, but for the opcode; those that are left out are 0. */
export type CdbFields = Readonly<Record<string, number>>;

/** Lengths of lists and allocations; of INQUIRY, sense and mode data there are no more. */
const LENGTHS = [0, 4, 8, 24, 36, 96, 255] as const;
const PAGES = [0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2, 0x08, 0x0a, 0x3f] as const;
/** Extents of one UNMAP. */
const EXTENTS = 3;
const DESCRIPTOR_BYTES = lengthOf(unmapDescriptor) + 4;
const HEADER_BYTES = 8;

const fieldsOf = (command: ScsiCommandName): Readonly<Record<string, Register>> =>
  scsiCommands[command].fields;

/** Values of the fields of a command that matter; the others stay 0. */
export function cdbFields(command: ScsiCommandName, capacity: number, most: number): Arbitrary<CdbFields> {
  const row = scsiCommands[command];
  const length =
    command === 'unmap'
      ? fc.nat(EXTENTS).map((extents) => HEADER_BYTES + DESCRIPTOR_BYTES * extents)
      : fc.constantFrom(...LENGTHS);
  const choices: Readonly<Record<string, Arbitrary<number>>> = {
    lba: fc.nat(capacity - 1),
    // READ(6) and WRITE(6) take 0 for 256.
    blocks: fc.integer({ min: 1, max: most }),
    length,
    page: fc.constantFrom(...PAGES),
    action: fc.constantFrom(0, 1),
    select: fc.nat(2),
  };
  const known = Object.entries(choices).filter(([name]) => fieldsOf(command)[name] !== undefined);
  const drawn = fc.record(Object.fromEntries(known));
  return row.amount === 'blocks'
    ? drawn.map((values) => ({ ...values, blocks: Math.min(values['blocks']!, capacity - values['lba']!) }))
    : drawn;
}

function bytesOf(register: Register, value: number): Uint8Array {
  const bytes = new Uint8Array(register.count);
  putBigEndian(bytes, { ...register, offset: 0 }, value);
  return bytes;
}

/** The bytes of each field of a CDB, opcode and service action among them. */
export function cdbBytes(command: ScsiCommandName, fields: CdbFields): Record<string, Uint8Array> {
  const { opcode, action } = scsiCommands[command];
  const flags = action === null ? 0 : action & ACTION_MASK;
  const values: CdbFields = { ...(flags === 0 ? {} : { flags }), ...fields, opcode };
  const map = fieldsOf(command);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, bytesOf(map[name]!, value)]),
  );
}

/** Bytes of data that a command goes with. */
export function dataBytesOf(command: ScsiCommandName, fields: CdbFields): number {
  const { amount } = scsiCommands[command];
  if (typeof amount === 'number') return amount;
  if (amount === 'bytes') return fields['length'] ?? 0;
  return (amount === 'block' ? 1 : (fields['blocks'] ?? 0)) * SECTOR_BYTES;
}

/** Data out of a command: a list that says how long it is, or blocks of anything. */
export function dataOutOf(command: ScsiCommandName, fields: CdbFields, bytes: number): Uint8Array {
  if (command === 'unmap') return unmapList(bytes);
  const header = command === 'modeSelect6' ? modeHeader6 : command === 'modeSelect10' ? modeHeader10 : null;
  // A header of zeros, and no page behind it.
  return header === null ? patternBytes(bytes, fields['lba'] ?? 0) : new Uint8Array(bytes);
}

/** Extents of one block each, one behind the other. */
function unmapList(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (length < HEADER_BYTES) return bytes;
  const extents = Math.floor((length - HEADER_BYTES) / DESCRIPTOR_BYTES);
  putBigEndian(bytes, unmapHeader.length, length - 2);
  putBigEndian(bytes, unmapHeader.descriptorLength, DESCRIPTOR_BYTES * extents);
  for (let i = 0; i < extents; i++) {
    const at = HEADER_BYTES + DESCRIPTOR_BYTES * i;
    putBigEndian(bytes, unmapDescriptor.lba, i, at);
    putBigEndian(bytes, unmapDescriptor.blocks, 1, at);
  }
  return bytes;
}
