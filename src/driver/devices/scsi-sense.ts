import {
  FIXED_SENSE_CURRENT,
  fixedSense,
  getBigEndian,
  type Sense,
  scsiSense,
  senseKey,
  senseSpecific,
} from '../../virtio/layout/index.ts';

/** Sense data, read. */
export interface DecodedSense extends Sense {
  /** The byte of the CDB that was wrong, or null where the device does not say. */
  readonly field: number | null;
}

/** Reads sense data in fixed format; null for what is none, or too short for a key and its code. */
export function decodeSense(bytes: Uint8Array): DecodedSense | null {
  if (bytes.length <= fixedSense.ascq.offset || (bytes[0]! & 0x7e) !== FIXED_SENSE_CURRENT) return null;
  const pointsAt = senseSpecific.valid | senseSpecific.inCdb;
  const flags = bytes[fixedSense.specificFlags.offset] ?? 0;
  const whole = bytes.length >= fixedSense.fieldPointer.offset + fixedSense.fieldPointer.count;
  return {
    key: bytes[fixedSense.key.offset]! & 0x0f,
    asc: bytes[fixedSense.asc.offset]!,
    ascq: bytes[fixedSense.ascq.offset]!,
    field: whole && (flags & pointsAt) === pointsAt ? getBigEndian(bytes, fixedSense.fieldPointer) : null,
  };
}

const nameOf = (table: Readonly<Record<string, unknown>>, matches: (value: unknown) => boolean) =>
  Object.entries(table).find(([, value]) => matches(value))?.[0];

/** A condition in words: the names that the tables have, or hexadecimal numbers. */
export function senseText({ key, asc, ascq }: Sense): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  const condition = nameOf(
    scsiSense,
    (value) => (value as Sense).asc === asc && (value as Sense).ascq === ascq,
  );
  return `${nameOf(senseKey, (value) => value === key) ?? `key ${hex(key)}`}: ${condition ?? `${hex(asc)}/${hex(ascq)}`}`;
}
