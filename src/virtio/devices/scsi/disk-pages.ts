import {
  BLOCK_CHARACTERISTICS_BYTES,
  BLOCK_LIMITS_BYTES,
  blockCharacteristicsPage,
  blockLimitsPage,
  designatorCodeSet,
  designatorKind,
  inquiryValue,
  NON_ROTATING,
  PROVISIONING_BYTES,
  provisioningFlag,
  provisioningPage,
  putBigEndian,
  VPD_DESIGNATOR_BYTES,
  VPD_HEADER_BYTES,
  vpdDesignator,
  vpdPage,
} from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { answerInquiry, ascii, standardInquiry, supportedPages, vpd } from './inquiry.ts';
import { MAX_UNMAP_BLOCKS, MAX_UNMAP_DESCRIPTORS, MAX_WRITE_SAME_BLOCKS } from './limits.ts';

const TYPE = inquiryValue.directAccess;

/** Pages of vital product data that every disk has beside the list of them. */
const pages = new Map<number, (disk: DiskUnit) => Uint8Array>([
  [vpdPage.serialNumber, serialNumber],
  [vpdPage.identification, identification],
  [vpdPage.blockLimits, blockLimits],
  [vpdPage.blockCharacteristics, blockCharacteristics],
  [vpdPage.provisioning, provisioning],
]);

/** INQUIRY of a disk. */
export function inquireDisk(disk: DiskUnit, command: ScsiCommand): void {
  answerInquiry(
    command,
    () => standardInquiry(TYPE, disk.identity),
    (page) =>
      page === vpdPage.supported
        ? supportedPages(TYPE, [...pages.keys()])
        : (pages.get(page)?.(disk) ?? null),
  );
}

function serialNumber({ identity }: DiskUnit): Uint8Array {
  const text = ascii(identity.serial);
  const bytes = vpd(TYPE, vpdPage.serialNumber, VPD_HEADER_BYTES + text.length);
  bytes.set(text, VPD_HEADER_BYTES);
  return bytes;
}

/** One name, unique as far as vendor, product and serial number are. */
function identification({ identity }: DiskUnit): Uint8Array {
  const name = ascii(identity.vendor.padEnd(8) + identity.product.padEnd(16) + identity.serial);
  const bytes = vpd(TYPE, vpdPage.identification, VPD_HEADER_BYTES + VPD_DESIGNATOR_BYTES + name.length);
  const put = (field: keyof typeof vpdDesignator, value: number) =>
    putBigEndian(bytes, vpdDesignator[field], value, VPD_HEADER_BYTES);
  put('codeSet', designatorCodeSet.ascii);
  put('kind', designatorKind.t10Vendor);
  put('length', name.length);
  bytes.set(name, VPD_HEADER_BYTES + VPD_DESIGNATOR_BYTES);
  return bytes;
}

function blockLimits({ thin }: DiskUnit): Uint8Array {
  const bytes = vpd(TYPE, vpdPage.blockLimits, BLOCK_LIMITS_BYTES);
  const put = (field: keyof typeof blockLimitsPage, value: number) =>
    putBigEndian(bytes, blockLimitsPage[field], value);
  // A WRITE SAME of no blocks does not mean the rest of the disk.
  put('writeSameNonZero', 1);
  put('maxWriteSame', MAX_WRITE_SAME_BLOCKS);
  if (thin) {
    put('maxUnmapBlocks', MAX_UNMAP_BLOCKS);
    put('maxUnmapDescriptors', MAX_UNMAP_DESCRIPTORS);
    put('unmapGranularity', 1);
  }
  return bytes;
}

function blockCharacteristics(): Uint8Array {
  const bytes = vpd(TYPE, vpdPage.blockCharacteristics, BLOCK_CHARACTERISTICS_BYTES);
  putBigEndian(bytes, blockCharacteristicsPage.rotationRate, NON_ROTATING);
  return bytes;
}

function provisioning({ thin }: DiskUnit): Uint8Array {
  const bytes = vpd(TYPE, vpdPage.provisioning, PROVISIONING_BYTES);
  const { unmap, writeSame10, writeSame16, zeros } = provisioningFlag;
  if (thin) {
    putBigEndian(bytes, provisioningPage.flags, unmap | writeSame10 | writeSame16 | zeros);
    putBigEndian(bytes, provisioningPage.kind, provisioningFlag.thin);
  }
  return bytes;
}
