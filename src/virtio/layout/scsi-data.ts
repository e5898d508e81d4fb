import { registers, ro } from '../../core/index.ts';
import { bigEndian } from './scsi-commands.ts';

/*
 * What SCSI commands transfer (SPC-4, SBC-3): sense data, INQUIRY data and its pages, capacities, mode pages, lists.
 * Bit fields are given as masks of the byte that they stand in.
 */

/** Status codes of a command (SAM-5). */
export const scsiStatus = {
  good: 0x00,
  checkCondition: 0x02,
  conditionMet: 0x04,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  acaActive: 0x30,
  taskAborted: 0x40,
} as const;

export const senseKey = {
  noSense: 0x0,
  recoveredError: 0x1,
  notReady: 0x2,
  mediumError: 0x3,
  hardwareError: 0x4,
  illegalRequest: 0x5,
  unitAttention: 0x6,
  dataProtect: 0x7,
  abortedCommand: 0xb,
} as const;

/** A sense key with its additional code and qualifier. */
export interface Sense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
}

const code = (key: keyof typeof senseKey, asc: number, ascq: number): Sense => ({
  key: senseKey[key],
  asc,
  ascq,
});

/** The conditions that our units report, under the standard's names. */
export const scsiSense = {
  noSense: code('noSense', 0x00, 0x00),
  notReadyInitializingCommandRequired: code('notReady', 0x04, 0x02),
  writeError: code('mediumError', 0x0c, 0x00),
  unrecoveredReadError: code('mediumError', 0x11, 0x00),
  parameterListLengthError: code('illegalRequest', 0x1a, 0x00),
  invalidOperationCode: code('illegalRequest', 0x20, 0x00),
  lbaOutOfRange: code('illegalRequest', 0x21, 0x00),
  invalidFieldInCdb: code('illegalRequest', 0x24, 0x00),
  logicalUnitNotSupported: code('illegalRequest', 0x25, 0x00),
  invalidFieldInParameterList: code('illegalRequest', 0x26, 0x00),
  savingParametersNotSupported: code('illegalRequest', 0x39, 0x00),
  writeProtected: code('dataProtect', 0x27, 0x00),
  powerOn: code('unitAttention', 0x29, 0x00),
  busDeviceReset: code('unitAttention', 0x29, 0x03),
  nexusLoss: code('unitAttention', 0x29, 0x07),
  modeParametersChanged: code('unitAttention', 0x2a, 0x01),
  capacityChanged: code('unitAttention', 0x2a, 0x09),
  reportedLunsChanged: code('unitAttention', 0x3f, 0x0e),
} as const satisfies Readonly<Record<string, Sense>>;

/** Sense data in fixed format. */
export const fixedSense = registers({
  responseCode: bigEndian(0, 1),
  key: bigEndian(2, 1),
  information: bigEndian(3, 4),
  additionalLength: bigEndian(7, 1),
  commandSpecific: bigEndian(8, 4),
  asc: bigEndian(12, 1),
  ascq: bigEndian(13, 1),
  unitCode: bigEndian(14, 1),
  /** Valid bit, CDB or data, then the place of the byte that was wrong. */
  specificFlags: bigEndian(15, 1),
  fieldPointer: bigEndian(16, 2),
});
export const FIXED_SENSE_BYTES = 18;
export const FIXED_SENSE_CURRENT = 0x70;
export const senseSpecific = { valid: 0x80, inCdb: 0x40 } as const;

/** Standard INQUIRY data. */
export const inquiryData = registers({
  peripheral: bigEndian(0, 1),
  removable: bigEndian(1, 1),
  version: bigEndian(2, 1),
  format: bigEndian(3, 1),
  additionalLength: bigEndian(4, 1),
  flags5: bigEndian(5, 1),
  flags6: bigEndian(6, 1),
  flags7: bigEndian(7, 1),
  vendor: ro(8, 1, '', { count: 8 }),
  product: ro(16, 1, '', { count: 16 }),
  revision: ro(32, 1, '', { count: 4 }),
});
export const INQUIRY_BYTES = 36;
export const inquiryValue = {
  directAccess: 0x00,
  wellKnownUnit: 0x1e,
  /** No unit here, and there can be none: qualifier 3 and type 1Fh. */
  noUnit: 0x7f,
  /** SPC-4. */
  version: 0x06,
  /** Hierarchical LUNs, and data in the format of SPC. */
  format: 0x12,
  /** Several commands at a time. */
  commandQueuing: 0x02,
} as const;

/** Pages of vital product data: header, then what each holds. */
export const vpdPage = {
  supported: 0x00,
  serialNumber: 0x80,
  identification: 0x83,
  blockLimits: 0xb0,
  blockCharacteristics: 0xb1,
  provisioning: 0xb2,
} as const;
export const vpdHeader = registers({
  peripheral: bigEndian(0, 1),
  page: bigEndian(1, 1),
  length: bigEndian(2, 2),
});
export const VPD_HEADER_BYTES = 4;

/** A designator of the identification page; the identifier follows. */
export const vpdDesignator = registers({
  codeSet: bigEndian(0, 1),
  kind: bigEndian(1, 1),
  length: bigEndian(3, 1),
});
export const VPD_DESIGNATOR_BYTES = 4;
export const designatorCodeSet = { binary: 1, ascii: 2 } as const;
/** Of the logical unit: vendor's id and what follows it, IEEE name. */
export const designatorKind = { t10Vendor: 1, naa: 3 } as const;

export const blockLimitsPage = registers({
  ...vpdHeader,
  writeSameNonZero: bigEndian(4, 1),
  transferGranularity: bigEndian(6, 2),
  maxTransfer: bigEndian(8, 4),
  optimalTransfer: bigEndian(12, 4),
  maxUnmapBlocks: bigEndian(20, 4),
  maxUnmapDescriptors: bigEndian(24, 4),
  unmapGranularity: bigEndian(28, 4),
  unmapAlignment: bigEndian(32, 4),
  maxWriteSame: bigEndian(36, 8),
});
export const BLOCK_LIMITS_BYTES = 64;

export const blockCharacteristicsPage = registers({
  ...vpdHeader,
  rotationRate: bigEndian(4, 2),
  formFactor: bigEndian(7, 1),
});
export const BLOCK_CHARACTERISTICS_BYTES = 64;
export const NON_ROTATING = 1;

export const provisioningPage = registers({
  ...vpdHeader,
  threshold: bigEndian(4, 1),
  flags: bigEndian(5, 1),
  kind: bigEndian(6, 1),
});
export const PROVISIONING_BYTES = 8;
/** UNMAP, WRITE SAME 16 and WRITE SAME 10 unmap; what is unmapped reads as zeros. */
export const provisioningFlag = {
  unmap: 0x80,
  writeSame16: 0x40,
  writeSame10: 0x20,
  zeros: 0x04,
  thin: 2,
} as const;

export const capacity10Data = registers({ lastLba: bigEndian(0, 4), blockBytes: bigEndian(4, 4) });
export const CAPACITY10_BYTES = 8;
export const capacity16Data = registers({
  lastLba: bigEndian(0, 8),
  blockBytes: bigEndian(8, 4),
  protection: bigEndian(12, 1),
  exponents: bigEndian(13, 1),
  provisioning: bigEndian(14, 2),
});
export const CAPACITY16_BYTES = 32;
/** Block provisioning is managed; unmapped blocks read as zeros. */
export const capacityFlag = { managed: 0x8000, zeros: 0x4000 } as const;

/** List of LUNs: header, then eight bytes for each. */
export const lunList = registers({ length: bigEndian(0, 4) });
export const LUN_LIST_HEADER_BYTES = 8;

/** Headers of mode parameters of the 6-byte and of the 10-byte commands. */
export const modeHeader6 = registers({
  length: bigEndian(0, 1),
  medium: bigEndian(1, 1),
  device: bigEndian(2, 1),
  descriptorLength: bigEndian(3, 1),
});
export const modeHeader10 = registers({
  length: bigEndian(0, 2),
  medium: bigEndian(2, 1),
  device: bigEndian(3, 1),
  longLba: bigEndian(4, 1),
  descriptorLength: bigEndian(6, 2),
});
export const MODE_HEADER6_BYTES = 4;
export const MODE_HEADER10_BYTES = 8;
/** Of the device-specific byte: write protected; DPO and FUA are understood. */
export const modeDevice = { writeProtected: 0x80, forceUnitAccess: 0x10 } as const;

export const modeBlockDescriptor = registers({ blocks: bigEndian(0, 4), blockBytes: bigEndian(5, 3) });
export const MODE_BLOCK_DESCRIPTOR_BYTES = 8;

export const modePage = { caching: 0x08, control: 0x0a, all: 0x3f, mask: 0x3f } as const;
/** PAGE CONTROL, in the page byte of the CDB. */
export const pageControl = {
  current: 0x00,
  changeable: 0x40,
  defaults: 0x80,
  saved: 0xc0,
  mask: 0xc0,
} as const;
export const ALL_SUBPAGES = 0xff;

export const modePageHeader = registers({ page: bigEndian(0, 1), length: bigEndian(1, 1) });
export const MODE_PAGE_HEADER_BYTES = 2;
export const cachingPage = registers({ ...modePageHeader, flags: bigEndian(2, 1) });
export const CACHING_PAGE_BYTES = 20;
/** Writes may stay in a cache. */
export const WRITE_CACHE_ENABLE = 0x04;
export const controlPage = registers({
  ...modePageHeader,
  flags: bigEndian(2, 1),
  queueing: bigEndian(3, 1),
  busyTimeout: bigEndian(8, 2),
});
export const CONTROL_PAGE_BYTES = 12;
/** Commands may be reordered by the device. */
export const UNRESTRICTED_REORDERING = 0x10;

/** Parameter list of UNMAP: header, then descriptors. */
export const unmapHeader = registers({ length: bigEndian(0, 2), descriptorLength: bigEndian(2, 2) });
export const UNMAP_HEADER_BYTES = 8;
export const unmapDescriptor = registers({ lba: bigEndian(0, 8), blocks: bigEndian(8, 4) });
export const UNMAP_DESCRIPTOR_BYTES = 16;

/** Lists of supported commands. */
export const commandList = registers({ length: bigEndian(0, 4) });
export const COMMAND_LIST_HEADER_BYTES = 4;
export const commandDescriptor = registers({
  opcode: bigEndian(0, 1),
  action: bigEndian(2, 2),
  flags: bigEndian(5, 1),
  cdbLength: bigEndian(6, 2),
});
export const COMMAND_DESCRIPTOR_BYTES = 8;
/** The service action is valid. */
export const COMMAND_HAS_ACTION = 0x01;
export const oneCommandData = registers({ support: bigEndian(1, 1), cdbLength: bigEndian(2, 2) });
export const ONE_COMMAND_BYTES = 4;
export const commandSupport = { not: 1, standard: 3 } as const;
