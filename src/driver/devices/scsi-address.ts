import {
  FLAT_LUN,
  lunMethod,
  REPORT_LUNS_UNIT,
  SCSI_ADDRESS_BYTES,
  SCSI_BUS,
  SCSI_EVENT_BYTES,
  SCSI_EVENTS_MISSED,
  scsiAddress,
  scsiEvent,
  scsiEventType,
} from '../../virtio/layout/index.ts';
import { ArgumentError, checkWhole } from '../errors.ts';

/** A logical unit: target 0..255, LUN 0..16383. */
export interface ScsiAddress {
  readonly target: number;
  readonly lun: number;
}

/** The address of the REPORT LUNS well-known logical unit, which speaks for the whole host. */
export const reportLunsAddress = (): Uint8Array =>
  Uint8Array.of(REPORT_LUNS_UNIT.method, REPORT_LUNS_UNIT.number, 0, 0, 0, 0, 0, 0);

const MAX_TARGET = 255;
const MAX_LUN = 16383;

/** An address as eight bytes (SCSI-OP-02); bytes stay as they are. @throws ArgumentError */
export function scsiAddressBytes(address: ScsiAddress | Uint8Array): Uint8Array {
  if (address instanceof Uint8Array) {
    if (address.length !== SCSI_ADDRESS_BYTES)
      throw new ArgumentError('address', address, `${SCSI_ADDRESS_BYTES} bytes`);
    return address;
  }
  const { target, lun } = address;
  checkWhole('target', target, 0, MAX_TARGET);
  checkWhole('lun', lun, 0, MAX_LUN);
  const bytes = new Uint8Array(SCSI_ADDRESS_BYTES);
  bytes[scsiAddress.bus.offset] = SCSI_BUS;
  bytes[scsiAddress.target.offset] = target;
  bytes[scsiAddress.lunHigh.offset] = lun < FLAT_LUN ? lunMethod.peripheral : lunMethod.flat | (lun >> 8);
  bytes[scsiAddress.lunLow.offset] = lun & 0xff;
  return bytes;
}

/** What the device reported by itself. */
export interface ScsiEvent {
  /** Name of a value of `scsiEventType`, or `unknown`. */
  readonly kind: keyof typeof scsiEventType | 'unknown';
  /** Earlier events were lost: whoever cares looks at everything anew (SCSI-OP-13). */
  readonly missed: boolean;
  readonly target: number;
  readonly lun: number;
  /** A value of `transportReset`, or ASC and, eight bits higher, ASCQ of a parameter change. */
  readonly reason: number;
}

/** An event out of a used buffer; null for one that is too short. */
export function scsiEventFrom(bytes: Uint8Array, littleEndian: boolean): ScsiEvent | null {
  if (bytes.length < SCSI_EVENT_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = view.getUint32(scsiEvent.event.offset, littleEndian);
  const type = word & ~SCSI_EVENTS_MISSED;
  const kinds = Object.entries(scsiEventType) as [ScsiEvent['kind'], number][];
  const at = scsiEvent.lun.offset;
  const high = bytes[at + scsiAddress.lunHigh.offset]! & ~lunMethod.mask;
  return {
    kind: kinds.find(([, value]) => value === type)?.[0] ?? 'unknown',
    missed: word >= SCSI_EVENTS_MISSED,
    target: bytes[at + scsiAddress.target.offset]!,
    lun: (high << 8) | bytes[at + scsiAddress.lunLow.offset]!,
    reason: view.getUint32(scsiEvent.reason.offset, littleEndian),
  };
}
