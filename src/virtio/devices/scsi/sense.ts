import {
  FIXED_SENSE_BYTES,
  FIXED_SENSE_CURRENT,
  fixedSense,
  putBigEndian,
  type Sense,
  senseSpecific,
} from '../../layout/index.ts';

/** No byte of the CDB in particular was wrong. */
export const NO_FIELD = -1;

/**
 * Puts sense data in fixed format at `at`, over whatever was there.
 * @param field the byte of the CDB that was wrong, or NO_FIELD. @returns its length in bytes.
 */
export function putSense(bytes: Uint8Array, at: number, sense: Sense, field = NO_FIELD): number {
  bytes.fill(0, at, at + FIXED_SENSE_BYTES);
  const put = (name: keyof typeof fixedSense, value: number) =>
    putBigEndian(bytes, fixedSense[name], value, at);
  put('responseCode', FIXED_SENSE_CURRENT);
  put('key', sense.key);
  put('additionalLength', FIXED_SENSE_BYTES - fixedSense.additionalLength.offset - 1);
  put('asc', sense.asc);
  put('ascq', sense.ascq);
  if (field !== NO_FIELD) {
    put('specificFlags', senseSpecific.valid | senseSpecific.inCdb);
    put('fieldPointer', field);
  }
  return FIXED_SENSE_BYTES;
}
