import { lengthOf, registers, ro, rw } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the block device. */
export const blockFeature = {
  barrier: 0,
  sizeMax: 1,
  segmentMax: 2,
  geometry: 4,
  readOnly: 5,
  blockSize: 6,
  scsi: 7,
  flush: 9,
  topology: 10,
  configWriteCache: 11,
  multiQueue: 12,
  discard: 13,
  writeZeroes: 14,
  lifetime: 15,
  secureErase: 16,
  zoned: 17,
} as const;

/** Device configuration. Sizes are in 512-byte sectors unless a field says otherwise. */
export const blockConfig = registers({
  capacity: ro(0, 8, 'BLK-OP-15 LEG-CFG-02'),
  sizeMax: ro(8, 4),
  segmentMax: ro(12, 4, 'BLK-OP-09'),
  cylinders: ro(16, 2),
  heads: ro(18, 1),
  sectors: ro(19, 1),
  blockSize: ro(20, 4),
  physicalBlockExponent: ro(24, 1),
  alignmentOffset: ro(25, 1),
  minimumIoSize: ro(26, 2),
  optimalIoSize: ro(28, 4),
  writeback: rw(32, 1, 'LEG-BLK-04 BLK-OP-10', { writable: 1 }),
  unused0: ro(33, 1, 'BLK-INIT-11'),
  numQueues: ro(34, 2),
  maxDiscardSectors: ro(36, 4),
  maxDiscardSegments: ro(40, 4, 'BLK-OP-09'),
  discardSectorAlignment: ro(44, 4),
  maxWriteZeroesSectors: ro(48, 4),
  maxWriteZeroesSegments: ro(52, 4, 'BLK-OP-09'),
  writeZeroesMayUnmap: ro(56, 1, 'BLK-OP-21'),
  unused1: ro(57, 1, 'BLK-INIT-11', { count: 3 }),
  maxSecureEraseSectors: ro(60, 4),
  maxSecureEraseSegments: ro(64, 4, 'BLK-OP-09'),
  secureEraseSectorAlignment: ro(68, 4),
});

/** What a device that offers ZONED has behind all that; no device here is zoned. */
export const blockZonedConfig = registers({
  zoneSectors: ro(0, 4, 'BLK-INIT-15'),
  maxOpenZones: ro(4, 4, 'BLK-INIT-15'),
  maxActiveZones: ro(8, 4, 'BLK-INIT-15'),
  maxAppendSectors: ro(12, 4, 'BLK-INIT-15'),
  writeGranularity: ro(16, 4, 'BLK-INIT-15'),
  model: ro(20, 1, 'BLK-INIT-14 BLK-INIT-15'),
  unused2: ro(21, 1, 'BLK-INIT-15', { count: 3 }),
});
export const BLOCK_ZONED_OFFSET = lengthOf(blockConfig);
export const blockZoneModel = { none: 0, hostManaged: 1, hostAware: 2 } as const;

/** The device type. */
export const blockDeviceType = defineDeviceType({
  name: 'block',
  functionName: 'virtio-blk',
  typeNumber: 2,
  transitionalId: 0x1001,
  classCode: 0x010000,
  features: blockFeature,
  config: blockConfig,
});

/** The structure ends with the fields of the last feature that is offered; up to the number of queues it always goes. */
export const blockConfigEnd = {
  always: blockConfig.maxDiscardSectors.offset,
  discard: blockConfig.maxWriteZeroesSectors.offset,
  writeZeroes: blockConfig.maxSecureEraseSectors.offset,
  secureErase: lengthOf(blockConfig),
} as const;

export const SECTOR_BYTES = 512;

/** Request header; data and a status byte follow. */
export const blockRequest = registers({
  type: ro(0, 4, 'LEG-BLK-07'),
  reserved: ro(4, 4, 'LEG-BLK-09'),
  sectorLow: ro(8, 4),
  sectorHigh: ro(12, 4),
});
export const BLOCK_REQUEST_BYTES = 16;

/** Request types; `flushOut` is the legacy twin of `flush` (LEG-BLK-10). */
export const blockRequestType = {
  in: 0,
  out: 1,
  scsiCommand: 2,
  scsiCommandOut: 3,
  flush: 4,
  flushOut: 5,
  getId: 8,
  getLifetime: 10,
  discard: 11,
  writeZeroes: 13,
  secureErase: 14,
} as const;

/** What zoned devices answer besides. */
export const blockZoneStatus = {
  invalidCommand: 3,
  unalignedWrite: 4,
  openResource: 5,
  activeResource: 6,
} as const;

/** A zone in a report, whose head of so many bytes begins with the number of zones. Sizes and places are in sectors. */
export const blockZone = registers({
  capacity: ro(0, 8, 'BLK-OP-26'),
  start: ro(8, 8, 'BLK-OP-26'),
  writePointer: ro(16, 8, 'BLK-OP-26'),
  type: ro(24, 1, 'BLK-OP-26'),
  state: ro(25, 1, 'BLK-OP-26'),
  reserved: ro(26, 1, 'BLK-OP-26', { count: 38 }),
});
export const BLOCK_ZONE_REPORT_BYTES = 64;
export const BLOCK_ZONE_BYTES = lengthOf(blockZone);

/** Request types of zoned devices, which others refuse (BLK-OP-25). */
export const blockZoneRequestType = {
  append: 15,
  report: 16,
  open: 18,
  close: 20,
  finish: 22,
  reset: 24,
  resetAll: 26,
} as const;

/**
 * One range of a discard, write zeroes or secure erase request, whose data is a row of them (BLK-OP-07). It is data, not
 * a field of the request: little-endian for legacy guests too (LEG-BLK-07 names the request's fields alone).
 */
export const blockSegment = registers({
  sectorLow: ro(0, 4),
  sectorHigh: ro(4, 4),
  sectors: ro(8, 4),
  flags: ro(12, 4, 'BLK-OP-12 BLK-OP-17 BLK-OP-18'),
});
export const BLOCK_SEGMENT_BYTES = 16;

/** Flag of a segment: the range may be deallocated, which only write zeroes requests may ask for (BLK-OP-18, BLK-OP-20). */
export const BLOCK_UNMAP = 1;

/** Legacy: orders a request against earlier and later ones (LEG-BLK-11). */
export const BLOCK_BARRIER = 0x80000000;

/** What GET_LIFETIME transfers; estimates in steps of a tenth, values above the last of each are reserved (BLK-OP-24). */
export const blockLifetime = registers({ preEolInfo: ro(0, 2), estimateA: ro(2, 2), estimateB: ro(4, 2) });
export const blockLifetimeLast = { preEolInfo: 3, estimate: 11 } as const;

export const blockStatus = { ok: 0, ioError: 1, unsupported: 2 } as const;

/** Bytes that GET_ID transfers (BLK-OP-08). */
export const BLOCK_ID_BYTES = 20;
