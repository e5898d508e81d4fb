import {
  flag,
  group,
  integer,
  list,
  optional,
  record,
  shape,
  u32,
  u53,
  type ValueOf,
} from '../../../core/index.ts';
import { blockRequestType, blockStatus, SECTOR_BYTES } from '../../layout/index.ts';
import { MAX_SEGMENTS } from './config.ts';

/** `capacity` in sectors. */
export const blockState = record('block', 1, { shape, capacity: u53 });

const segments = (of: typeof u32) => list(of, { most: MAX_SEGMENTS });
/** Sector numbers of 64 bits are inexact above 2^53, and compared with the capacity all the same. */
const ANY_SECTOR = 2 ** 64;

/** In sectors; as many of each. */
const segmentsState = group(
  { sectors: segments(integer(0, ANY_SECTOR)), lengths: segments(u32), flags: segments(u32) },
  ({ sectors, lengths, flags }, expect) => {
    expect(lengths.length === sectors.length, 'lengths', lengths, `as many as sectors, ${sectors.length}`);
    expect(flags.length === sectors.length, 'flags', flags, `as many as sectors, ${sectors.length}`);
  },
);

const { in: reads, out, flush, getId, discard, writeZeroes, secureErase } = blockRequestType;
const segmented: readonly number[] = [discard, writeZeroes, secureErase];
const plain: readonly number[] = [reads, out, flush, getId];

/** A request as it was taken; `type` is -1 for one without a header, which is `refused` with a status. */
export const blockRequestState = record(
  'block-request',
  1,
  {
    offset: u53,
    length: u53,
    type: integer(-1, 0xffffffff),
    barrier: flag,
    ordered: flag,
    writesThrough: optional(flag),
    refused: optional(integer(blockStatus.ioError, blockStatus.unsupported)),
    segments: optional(segmentsState),
  },
  {
    relate({ offset, length, type, refused, segments }, expect) {
      expect(offset % SECTOR_BYTES === 0, 'offset', offset, `a multiple of ${SECTOR_BYTES}`);
      expect(length % SECTOR_BYTES === 0, 'length', length, `a multiple of ${SECTOR_BYTES}`);
      expect(
        segments === null || segmented.includes(type),
        'segments',
        segments,
        `none of a request of type ${type}`,
      );
      if (refused !== null) return;
      expect(plain.includes(type) || segmented.includes(type), 'type', type, 'one that is carried out');
      expect(
        plain.includes(type) || (segments !== null && segments.sectors.length > 0),
        'segments',
        segments,
        `segments of a request of type ${type}`,
      );
    },
  },
);

export type SavedBlockRequest = ValueOf<typeof blockRequestState>;
