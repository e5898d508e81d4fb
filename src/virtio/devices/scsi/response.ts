import { framingClause, reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { SCSI_COMMAND_RESPONSE_BYTES, type Sense, scsiCommandResponse } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { putSense } from './sense.ts';

/** Most sense data that there is (SPC-4). */
const MAX_SENSE_BYTES = 252;

/** One for all commands: each prepares its response and writes it at once, before another has its turn. */
const response = new Uint8Array(SCSI_COMMAND_RESPONSE_BYTES + MAX_SENSE_BYTES);
const view = new DataView(response.buffer);

/** Sense data of the response that is prepared next. @returns their length in bytes. */
export const prepareSense = (sense: Sense, field: number): number =>
  putSense(response, SCSI_COMMAND_RESPONSE_BYTES, sense, field);

/**
 * Puts the response's fields, and zeros behind the sense data that count.
 * @param left bytes of the data buffers that were not transferred. @param senseBytes of the sense data that count.
 */
export function prepareResponse(
  little: boolean,
  code: number,
  status: number,
  left: number,
  senseBytes: number,
): void {
  const { senseLength, residual, statusQualifier, status: statusByte, response: code8 } = scsiCommandResponse;
  view.setUint32(senseLength.offset, senseBytes, little);
  view.setUint32(residual.offset, Math.min(left, 0xffffffff), little);
  view.setUint16(statusQualifier.offset, 0, little);
  view.setUint8(statusByte.offset, status);
  view.setUint8(code8.offset, code);
  response.fill(0, SCSI_COMMAND_RESPONSE_BYTES + senseBytes);
}

/**
 * Writes what was prepared, in one piece.
 * @param senseSize room for sense data, in bytes. @returns bytes written: 0 where there is no room, or none in reach.
 */
export function writeResponse(device: DevicePort, chain: Chain, senseSize: number): number {
  const room = chain.writableBytes;
  const head = Math.min(SCSI_COMMAND_RESPONSE_BYTES + Math.min(senseSize, MAX_SENSE_BYTES), room);
  if (head >= SCSI_COMMAND_RESPONSE_BYTES && chain.write(0, response, 0, head)) return head;
  if (chain.live)
    if (head < SCSI_COMMAND_RESPONSE_BYTES)
      device.report(
        'driver',
        framingClause(device, 'LEG-SCSI-06'),
        'no room for a response',
        aboutChain(chain, 'length in bytes', room),
      );
    else device.report('driver', reachClause(device), 'a response out of reach', aboutChain(chain));
  return 0;
}
