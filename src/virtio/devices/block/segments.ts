import { FOUR_GIB } from '../../../core/index.ts';
import { reachClause, type Speaker, shapeClause } from '../../clauses.ts';
import type { DeviceConfig } from '../../config.ts';
import {
  BLOCK_REQUEST_BYTES,
  BLOCK_SEGMENT_BYTES,
  BLOCK_UNMAP,
  type blockConfig,
  blockFeature,
  blockRequestType,
  blockSegment,
  blockStatus,
} from '../../layout/index.ts';
import type { Chain } from '../../queue/chain.ts';
import type { Storage, Transfer } from '../../storage.ts';
import { MAX_SEGMENTS } from './config.ts';
import type { SavedBlockRequest } from './state.ts';

/** What is wrong with a request of segments, and the status that it gets. */
export interface SegmentFault {
  readonly status: number;
  readonly clause: string;
  readonly message: string;
  /** What `value` is, with its unit. */
  readonly what: string;
  readonly value: number;
}

/** A request type whose data is a row of segments. */
export interface SegmentCommand {
  readonly type: number;
  readonly feature: number;
  /** Flags that it knows; any other makes it unsupported (BLK-OP-17, BLK-OP-18). */
  readonly flags: number;
  /** It counts as a write, to be made stable where writes are. */
  readonly writes: boolean;
  readonly maxSectors: keyof typeof blockConfig;
  readonly maxSegments: keyof typeof blockConfig;
  /** Carries one segment out. */
  start(storage: Storage, range: Transfer, flags: number): void;
}

/** By request type. */
export const segmentCommands: Readonly<Record<number, SegmentCommand>> = {
  [blockRequestType.discard]: {
    type: blockRequestType.discard,
    feature: blockFeature.discard,
    flags: 0,
    writes: false,
    maxSectors: 'maxDiscardSectors',
    maxSegments: 'maxDiscardSegments',
    start: (storage, range) => storage.discard!(range),
  },
  [blockRequestType.writeZeroes]: {
    type: blockRequestType.writeZeroes,
    feature: blockFeature.writeZeroes,
    flags: BLOCK_UNMAP,
    writes: true,
    maxSectors: 'maxWriteZeroesSectors',
    maxSegments: 'maxWriteZeroesSegments',
    start: (storage, range, flags) => storage.writeZeroes!(range, (flags & BLOCK_UNMAP) !== 0),
  },
  [blockRequestType.secureErase]: {
    type: blockRequestType.secureErase,
    feature: blockFeature.secureErase,
    flags: 0,
    writes: true,
    maxSectors: 'maxSecureEraseSectors',
    maxSegments: 'maxSecureEraseSegments',
    start: (storage, range) => storage.secureErase!(range),
  },
};

/** The segments of one request, checked. Filled anew for each request. */
export class SegmentList {
  count = 0;
  readonly sectors = new Float64Array(MAX_SEGMENTS);
  readonly lengths = new Uint32Array(MAX_SEGMENTS);
  readonly flags = new Uint32Array(MAX_SEGMENTS);
  readonly #bytes = new Uint8Array(MAX_SEGMENTS * BLOCK_SEGMENT_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);

  /**
   * Reads a request's segments, once: what the driver changes afterwards does not count.
   * @param capacity in sectors.
   * @param driver tells which clauses bind the driver.
   * @returns what is wrong with them, or null.
   */
  read(
    chain: Chain,
    command: SegmentCommand,
    config: DeviceConfig<typeof blockConfig>,
    capacity: number,
    driver: Speaker,
  ): SegmentFault | null {
    this.count = 0;
    const bytes = chain.readableBytes - BLOCK_REQUEST_BYTES;
    if (bytes <= 0 || bytes % BLOCK_SEGMENT_BYTES !== 0)
      return fault(
        'BLK-OP-07',
        `${bytes} bytes of segments, which are ${BLOCK_SEGMENT_BYTES} each`,
        'length in bytes',
        bytes,
      );
    const count = bytes / BLOCK_SEGMENT_BYTES;
    if (count > config.get(command.maxSegments))
      return fault(
        'BLK-OP-09',
        `${count} segments, more than ${command.maxSegments} allows`,
        'segments',
        count,
      );
    if (!chain.read(BLOCK_REQUEST_BYTES, this.#bytes, 0, bytes))
      return fault(reachClause(driver), 'segments out of reach', 'length in bytes', bytes);
    for (let i = 0; i < count; i++) this.#take(i);
    for (let i = 0; i < count; i++) {
      const unknown = (this.flags[i]! & ~command.flags) >>> 0;
      if (unknown === 0) continue;
      const clause = unknown === BLOCK_UNMAP ? 'BLK-OP-12' : shapeClause(driver);
      return fault(
        clause,
        'flags that this request does not have',
        'segment flags',
        unknown,
        blockStatus.unsupported,
      );
    }
    const most = config.get(command.maxSectors);
    for (let i = 0; i < count; i++) {
      const [sector, length] = [this.sectors[i]!, this.lengths[i]!];
      if (length > most)
        return fault(
          'BLK-OP-09',
          `${length} sectors, more than ${command.maxSectors} allows`,
          'length in sectors',
          length,
        );
      if (sector + length > capacity)
        return fault(
          'BLK-OP-03',
          `sector ${sector} and ${length} more lie beyond the capacity`,
          'sector',
          sector,
        );
    }
    this.count = count;
    return null;
  }

  save() {
    const { count } = this;
    return {
      sectors: [...this.sectors.subarray(0, count)],
      lengths: [...this.lengths.subarray(0, count)],
      flags: [...this.flags.subarray(0, count)],
    };
  }

  load({ sectors, lengths, flags }: NonNullable<SavedBlockRequest['segments']>): void {
    this.count = sectors.length;
    this.sectors.set(sectors);
    this.lengths.set(lengths);
    this.flags.set(flags);
  }

  #take(index: number): void {
    const at = index * BLOCK_SEGMENT_BYTES;
    const word = (register: { readonly offset: number }) => this.#view.getUint32(at + register.offset, true);
    this.sectors[index] = word(blockSegment.sectorHigh) * FOUR_GIB + word(blockSegment.sectorLow);
    this.lengths[index] = word(blockSegment.sectors);
    this.flags[index] = word(blockSegment.flags);
  }
}

const fault = (
  clause: string,
  message: string,
  what: string,
  value: number,
  status: number = blockStatus.ioError,
): SegmentFault => ({ clause, message, what, value, status });
