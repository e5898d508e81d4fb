import type { DevicePort } from '../../device-port.ts';
import { MAX_CDB_BYTES, SCSI_COMMAND_HEADER_BYTES, scsiCommandHeader } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { addressAt } from './address.ts';
import type { ScsiCommand } from './command.ts';
import { wantedBytes } from './lookup.ts';

/** Takes address, identifier and CDB from a chain's header. @returns false where it is missing or out of reach. */
export function readHeader(command: ScsiCommand, chain: Chain, cdbSize: number, device: DevicePort): boolean {
  if (chain.readableBytes < SCSI_COMMAND_HEADER_BYTES + cdbSize) return false;
  // A CDB size of the driver's choice is no reason to read more than any command has.
  const cdbBytes = Math.min(cdbSize, MAX_CDB_BYTES);
  const view = chain.header(SCSI_COMMAND_HEADER_BYTES + cdbBytes);
  if (view === null) return false;
  const at = chain.headerAt;
  command.address = addressAt(view, at + scsiCommandHeader.lun.offset);
  command.id0 = view.getUint32(at + scsiCommandHeader.id.offset);
  command.id1 = view.getUint32(at + scsiCommandHeader.id.offset + 4);
  const { taskAttribute, priority, commandReference } = scsiCommandHeader;
  const attribute = view.getUint8(at + taskAttribute.offset);
  const rest = view.getUint8(at + priority.offset) | view.getUint8(at + commandReference.offset);
  if ((attribute | rest) !== 0)
    device.report(
      'driver',
      'SCSI-OP-06',
      'a task attribute, priority or CRN',
      aboutChain(chain, 'task attribute', attribute),
    );
  const { cdb } = command;
  cdb.fill(0);
  for (let i = 0; i < cdbBytes; i++) cdb[i] = view.getUint8(at + SCSI_COMMAND_HEADER_BYTES + i);
  return true;
}

/**
 * Where data begin without ANY_LAYOUT, in descriptors `first` up to `end`: with the second. Where there is only one, what
 * stands behind its header is data if the CDB wants such, and padding otherwise. A header in pieces is served as it comes.
 */
export function behindHeader(
  { known, cdb }: ScsiCommand,
  chain: Chain,
  first: number,
  end: number,
  header: number,
  direction: 'in' | 'out',
): number {
  if (first === end || chain.lengths[first]! <= header) return header;
  const wants = known?.row.data === direction && wantedBytes(cdb, known.row, 1) > 0;
  return end - first === 1 && wants ? header : chain.lengths[first]!;
}
