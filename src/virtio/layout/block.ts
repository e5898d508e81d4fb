import { registers, ro, rw } from '../../core/index.ts';

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
});

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
} as const;

/** Legacy: orders a request against earlier and later ones (LEG-BLK-11). */
export const BLOCK_BARRIER = 0x80000000;

export const blockStatus = { ok: 0, ioError: 1, unsupported: 2 } as const;

/** Bytes that GET_ID transfers (BLK-OP-08). */
export const BLOCK_ID_BYTES = 20;
