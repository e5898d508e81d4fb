import {
  BLOCK_ZONED_OFFSET,
  blockFeature,
  blockZonedConfig,
  blockZoneRequestType,
  SECTOR_BYTES,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { dataOut, sectorOf, typeOf } from './block.ts';
import { bytes, ofChain, requestRules } from './requests.ts';

const rule = requestRules('block');
const { append, report, resetAll } = blockZoneRequestType;

/** Requests that name a zone by its first sector; a report begins with whatever zone its sector lies in. */
const BY_ZONE: ReadonlySet<number> = new Set(
  Object.values(blockZoneRequestType).filter((type) => type !== report && type !== resetAll),
);

/** What the driver read of the zones; null for what it did not. */
const zoned = ({ fn }: Moment, name: keyof typeof blockZonedConfig) => {
  const { offset, width } = blockZonedConfig[name];
  return fn.configValue({ offset: BLOCK_ZONED_OFFSET + offset, width });
};

/** It is of that type, and zones were agreed on. */
const is = (now: Moment, type: number) => typeOf(now) === type && now.fn.has(blockFeature.zoned);

/** Requests about zones (BLK-OP-14). What a zone's state allows, only the device knows. */
export const blockZonesChapter = [
  rule('block-zone-reset-all', 'BLK-OP-14', 'must', 'a reset of all zones with a sector', (now) =>
    is(now, resetAll) && sectorOf(now) !== 0 ? ofChain(now, 'sector', sectorOf(now)) : null,
  ),
  rule(
    'block-zone-sector',
    'BLK-OP-14',
    'must',
    'a request about a zone whose sector is not the first of one',
    (now) => {
      const sectors = BY_ZONE.has(typeOf(now)) && is(now, typeOf(now)) ? zoned(now, 'zoneSectors') : null;
      return sectors !== null && sectors > 0 && sectorOf(now) % sectors !== 0
        ? ofChain(now, 'sector', sectorOf(now))
        : null;
    },
  ),
  rule(
    'block-zone-append-granularity',
    'BLK-OP-14',
    'must',
    'an append whose data are no multiple of the write granularity that the driver read',
    (now) => {
      const granularity = is(now, append) ? zoned(now, 'writeGranularity') : null;
      return granularity !== null && granularity > 0 && dataOut(now) % granularity !== 0
        ? bytes(now, dataOut(now))
        : null;
    },
  ),
  rule(
    'block-zone-append-length',
    'BLK-OP-14',
    'must',
    'an append that is longer than the driver read that appends may be',
    (now) => {
      const sectors = is(now, append) ? zoned(now, 'maxAppendSectors') : null;
      return sectors !== null && dataOut(now) > sectors * SECTOR_BYTES ? bytes(now, dataOut(now)) : null;
    },
  ),
];
