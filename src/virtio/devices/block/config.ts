import { VirtiolabError } from '../../../core/index.ts';
import { DeviceConfig } from '../../config.ts';
import { blockConfig, blockConfigEnd, blockFeature, SECTOR_BYTES } from '../../layout/index.ts';
import type { Storage } from '../../storage.ts';

/** A storage whose length is no whole number of blocks. */
export class StorageSizeError extends VirtiolabError {
  readonly lengthBytes: number;

  constructor(lengthBytes: number, blockBytes: number = SECTOR_BYTES) {
    super(
      `storage of ${lengthBytes} bytes: wants a whole number of ${blockBytes}-byte sectors, at least one`,
    );
    this.lengthBytes = lengthBytes;
  }
}

/** An option of a block device that its configuration cannot show, or that its storage cannot do. */
export class BlockOptionError extends VirtiolabError {
  readonly option: string;
  readonly value: unknown;

  constructor(option: string, value: unknown, wanted: string) {
    super(`block device: ${option} is ${String(value)}; wants ${wanted}`);
    this.option = option;
    this.value = value;
  }
}

/** What one discard, write zeroes or secure erase request may ask for. */
export interface SegmentLimits {
  /** Sectors of a segment at most. */
  readonly sectors?: number;
  /** Segments of a request at most, 1 to 256. */
  readonly segments?: number;
  /** Sectors to which drivers best align their ranges; a hint. Not for write zeroes. */
  readonly alignment?: number;
}

/** Hints for drivers; the unit of requests is the 512-byte sector all the same. */
export interface BlockTopology {
  /** Logical blocks in a physical one, as a power of two. */
  readonly physicalBlockExponent?: number;
  /** First logical block that begins with a physical one. */
  readonly alignmentOffset?: number;
  /** Suggested sizes of requests, in logical blocks. */
  readonly minimumIoSize?: number;
  readonly optimalIoSize?: number;
}

export interface BlockOptions {
  readonly storage: Storage;
  /** What GET_ID answers; at most 20 bytes of ASCII. */
  readonly serial?: string;
  /** Descriptors of each queue. */
  readonly queueSize?: number;
  /** Request queues; more than one are offered as MQ. */
  readonly queues?: number;
  /** Bytes of a logical block: a power of two from 512 on. */
  readonly blockSize?: number;
  readonly topology?: BlockTopology;
  /** Bytes of one buffer of data at most; offers SIZE_MAX. */
  readonly sizeMax?: number;
  /** Buffers of data in a request at most; by default what the queue has room for. */
  readonly segmentMax?: number;
  readonly discard?: SegmentLimits;
  readonly writeZeroes?: SegmentLimits;
  /** Offers SECURE_ERASE, for which the storage has to have the method. */
  readonly secureErase?: SegmentLimits;
  /** Offers legacy drivers BARRIER. */
  readonly barriers?: boolean;
}

export const MAX_SEGMENTS = 256;
/** As the observed QEMU has them. */
const SEGMENT_SECTORS = 0x3fffff;
const SEGMENTS = 1;

/** Two descriptors of a full queue's chain are header and status. */
const segmentMaxOf = (queueSize: number) => Math.max(1, queueSize - 2);

/** CHS values as drives give them that do not have any (at most 16383 cylinders of 16 heads of 63 sectors). */
export function geometry(sectors: number): { cylinders: number; heads: number; sectors: number } {
  return { cylinders: Math.min(16383, Math.max(2, Math.floor(sectors / (16 * 63)))), heads: 16, sectors: 63 };
}

/** Features that a device with these options and this storage offers through both interfaces, in ascending order. */
export function blockFeatures(options: BlockOptions): number[] {
  const { storage, sizeMax, queues = 1, secureErase } = options;
  const { readOnly } = storage;
  const offers: readonly (readonly [boolean, number])[] = [
    [sizeMax !== undefined, blockFeature.sizeMax],
    [true, blockFeature.segmentMax],
    [true, blockFeature.geometry],
    [readOnly, blockFeature.readOnly],
    [true, blockFeature.blockSize],
    // BLK-INIT-08, BLK-INIT-09
    [true, blockFeature.flush],
    [true, blockFeature.topology],
    [true, blockFeature.configWriteCache],
    [queues > 1, blockFeature.multiQueue],
    // A read-only device refuses what changes data, so it offers none of it.
    [!readOnly && storage.discard !== undefined, blockFeature.discard],
    [!readOnly && storage.writeZeroes !== undefined, blockFeature.writeZeroes],
    [!readOnly && secureErase !== undefined, blockFeature.secureErase],
  ];
  return offers.filter(([offered]) => offered).map(([, bit]) => bit);
}

/** The structure goes on as far as a feature calls for it. */
function configLength(features: readonly number[]): number {
  if (features.includes(blockFeature.secureErase)) return blockConfigEnd.secureErase;
  if (features.includes(blockFeature.writeZeroes)) return blockConfigEnd.writeZeroes;
  return features.includes(blockFeature.discard) ? blockConfigEnd.discard : blockConfigEnd.always;
}

type Field = keyof typeof blockConfig;

function checkField(option: string, field: Field, value: number, least = 0): void {
  const most = 2 ** (8 * blockConfig[field].width) - 1;
  if (!Number.isInteger(value) || value < least || value > most)
    throw new BlockOptionError(option, value, `a whole number from ${least} to ${most}`);
}

function limits(name: string, given: SegmentLimits = {}): Required<SegmentLimits> {
  const { sectors = SEGMENT_SECTORS, segments = SEGMENTS, alignment = 1 } = given;
  checkField(`${name}.sectors`, 'maxDiscardSectors', sectors, 1);
  checkField(`${name}.alignment`, 'discardSectorAlignment', alignment, 1);
  if (!Number.isInteger(segments) || segments < 1 || segments > MAX_SEGMENTS)
    throw new BlockOptionError(`${name}.segments`, segments, `a whole number from 1 to ${MAX_SEGMENTS}`);
  return { sectors, segments, alignment };
}

/** The fields, and what each is at first. */
function values(options: BlockOptions, features: readonly number[]): Partial<Record<Field, number>> {
  const { storage, queueSize = 256, queues = 1, blockSize = SECTOR_BYTES, topology = {} } = options;
  const discard = limits('discard', { alignment: blockSize / SECTOR_BYTES, ...options.discard });
  const zeroes = limits('writeZeroes', options.writeZeroes);
  const erase = limits('secureErase', { alignment: blockSize / SECTOR_BYTES, ...options.secureErase });
  return {
    sizeMax: options.sizeMax ?? 0,
    segmentMax: options.segmentMax ?? segmentMaxOf(queueSize),
    blockSize,
    physicalBlockExponent: topology.physicalBlockExponent ?? 0,
    alignmentOffset: topology.alignmentOffset ?? 0,
    minimumIoSize: topology.minimumIoSize ?? 1,
    optimalIoSize: topology.optimalIoSize ?? 0,
    numQueues: queues,
    ...(features.includes(blockFeature.discard) && {
      maxDiscardSectors: discard.sectors,
      maxDiscardSegments: discard.segments,
      discardSectorAlignment: discard.alignment,
    }),
    ...(features.includes(blockFeature.writeZeroes) && {
      maxWriteZeroesSectors: zeroes.sectors,
      maxWriteZeroesSegments: zeroes.segments,
      writeZeroesMayUnmap: storage.mayUnmap ? 1 : 0,
    }),
    ...(features.includes(blockFeature.secureErase) && {
      maxSecureEraseSectors: erase.sectors,
      maxSecureEraseSegments: erase.segments,
      secureEraseSectorAlignment: erase.alignment,
    }),
  };
}

/**
 * Device configuration of a block device with these options; {@link setCapacity} fills in the rest.
 * @throws BlockOptionError
 */
export function blockConfigOf(
  options: BlockOptions,
  features: readonly number[],
): DeviceConfig<typeof blockConfig> {
  const { storage, blockSize = SECTOR_BYTES, queues = 1, secureErase, sizeMax, segmentMax } = options;
  if (blockSize < SECTOR_BYTES || Math.log2(blockSize) % 1 !== 0 || blockSize > 2 ** 31)
    throw new BlockOptionError('blockSize', blockSize, `a power of two from ${SECTOR_BYTES} on`);
  checkField('queues', 'numQueues', queues, 1);
  if (sizeMax !== undefined) checkField('sizeMax', 'sizeMax', sizeMax, 1);
  if (segmentMax !== undefined) checkField('segmentMax', 'segmentMax', segmentMax, 1);
  for (const [name, value] of Object.entries(options.topology ?? {}))
    checkField(`topology.${name}`, name as Field, value as number);
  if (secureErase !== undefined && storage.secureErase === undefined)
    throw new BlockOptionError('secureErase', 'given', 'a storage that can erase securely');
  const config = new DeviceConfig(blockConfig, configLength(features));
  for (const [name, value] of Object.entries(values(options, features)))
    config.set(name as Field, value as number);
  return config;
}

/** Shows the storage's length. @throws StorageSizeError */
export function setCapacity(config: DeviceConfig<typeof blockConfig>, lengthBytes: number): void {
  const blockBytes = config.get('blockSize');
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes <= 0 || lengthBytes % blockBytes !== 0)
    throw new StorageSizeError(lengthBytes, blockBytes);
  const capacity = lengthBytes / SECTOR_BYTES;
  const { cylinders, heads, sectors } = geometry(capacity);
  for (const [name, value] of Object.entries({ capacity, cylinders, heads, sectors }))
    config.set(name as Field, value);
}
