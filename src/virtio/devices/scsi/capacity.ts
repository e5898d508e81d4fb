import {
  CAPACITY10_BYTES,
  CAPACITY16_BYTES,
  capacity10Data,
  capacity16Data,
  capacityFlag,
  getBigEndian,
  putBigEndian,
  scsiCdb,
  scsiSense,
} from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';

/** What READ CAPACITY 10 says of a disk that is too large for it. */
const TOO_LARGE = 0xffffffff;

/** READ CAPACITY 10: the last block, and the size of one. A block address wants a bit that is not there any more. */
export function readCapacity10(disk: DiskUnit, command: ScsiCommand): void {
  const { lba, partial } = scsiCdb.readCapacity10;
  if ((command.cdb[partial.offset]! & 1) === 0 && getBigEndian(command.cdb, lba) !== 0) {
    command.check(scsiSense.invalidFieldInCdb, lba.offset);
    return;
  }
  const bytes = new Uint8Array(CAPACITY10_BYTES);
  putBigEndian(bytes, capacity10Data.lastLba, Math.min(disk.blocks - 1, TOO_LARGE));
  putBigEndian(bytes, capacity10Data.blockBytes, disk.blockBytes);
  command.reply(bytes, bytes.length);
}

/** READ CAPACITY 16: tells of provisioning too. */
export function readCapacity16(disk: DiskUnit, command: ScsiCommand): void {
  const bytes = new Uint8Array(CAPACITY16_BYTES);
  putBigEndian(bytes, capacity16Data.lastLba, disk.blocks - 1);
  putBigEndian(bytes, capacity16Data.blockBytes, disk.blockBytes);
  if (disk.thin) putBigEndian(bytes, capacity16Data.provisioning, capacityFlag.managed | capacityFlag.zeros);
  command.reply(bytes, getBigEndian(command.cdb, scsiCdb.readCapacity16.length));
}
