import { VirtiolabError } from '../../../core/index.ts';
import {
  FLAT_LUN,
  lunMethod,
  REPORT_LUNS_UNIT,
  SCSI_BUS,
  SCSI_LUNS,
  SCSI_TARGETS,
  scsiAddress,
} from '../../layout/index.ts';

/** A target or LUN that does not exist, or one that is taken. */
export class ScsiAddressError extends VirtiolabError {
  readonly target: number;
  readonly lun: number;

  constructor(target: number, lun: number, problem: string) {
    super(`logical unit ${lun} of target ${target}: ${problem}`);
    this.target = target;
    this.lun = lun;
  }
}

/*
 * What eight address bytes mean, as one number: 0 and up for a logical unit of a target, below that for the well-known
 * unit of a target or of the whole host, and for what means nothing.
 */
export const NOWHERE = -1;
const WELL_KNOWN = -2;
/** The well-known unit that speaks for all targets. */
export const EVERY_TARGET = SCSI_TARGETS;

export const unitKey = (target: number, lun: number): number => target * SCSI_LUNS + lun;
export const wellKnownKey = (target: number): number => WELL_KNOWN - target;
export const isWellKnown = (key: number): boolean => key <= WELL_KNOWN;
export const targetOf = (key: number): number =>
  isWellKnown(key) ? WELL_KNOWN - key : Math.floor(key / SCSI_LUNS);
export const lunOf = (key: number): number => key % SCSI_LUNS;

/** @throws ScsiAddressError */
export function checkAddress(target: number, lun: number): void {
  const whole = (value: number, end: number) => Number.isInteger(value) && value >= 0 && value < end;
  if (whole(target, SCSI_TARGETS) && whole(lun, SCSI_LUNS)) return;
  throw new ScsiAddressError(target, lun, `targets lie below ${SCSI_TARGETS}, LUNs below ${SCSI_LUNS}`);
}

/** Reads an address at byte `at` (SCSI-OP-02). @returns its key, NOWHERE for a format that is none of ours. */
export function addressAt(view: DataView, at: number): number {
  const { bus, target, lunHigh, lunLow, rest } = scsiAddress;
  if (view.getUint32(at + rest.offset) !== 0) return NOWHERE;
  const first = view.getUint8(at + bus.offset);
  const second = view.getUint8(at + target.offset);
  const high = view.getUint8(at + lunHigh.offset);
  const low = view.getUint8(at + lunLow.offset);
  if (first === REPORT_LUNS_UNIT.method && second === REPORT_LUNS_UNIT.number)
    return high === 0 && low === 0 ? wellKnownKey(EVERY_TARGET) : NOWHERE;
  if (first !== SCSI_BUS) return NOWHERE;
  if (high === REPORT_LUNS_UNIT.method && low === REPORT_LUNS_UNIT.number) return wellKnownKey(second);
  if (high === lunMethod.peripheral) return unitKey(second, low);
  if ((high & lunMethod.mask) === lunMethod.flat)
    return unitKey(second, ((high & ~lunMethod.mask) << 8) | low);
  return NOWHERE;
}

/** Puts a single level LUN into two bytes, as REPORT LUNS and events have it. */
export function putLun(bytes: Uint8Array, at: number, lun: number): void {
  bytes[at] = lun < FLAT_LUN ? lunMethod.peripheral : lunMethod.flat | (lun >> 8);
  bytes[at + 1] = lun & 0xff;
}

/** Puts a whole address into eight bytes that are zero. */
export function putAddress(bytes: Uint8Array, at: number, key: number): void {
  bytes[at + scsiAddress.bus.offset] = SCSI_BUS;
  bytes[at + scsiAddress.target.offset] = targetOf(key);
  putLun(bytes, at + scsiAddress.lunHigh.offset, lunOf(key));
}
