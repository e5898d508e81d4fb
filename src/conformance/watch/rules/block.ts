import {
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  BLOCK_SEGMENT_BYTES,
  BLOCK_UNMAP,
  blockConfig,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockSegment,
  blockZoneRequestType,
  deviceStatus,
  SECTOR_BYTES,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { BROKEN, cites, seen, type Violation, type WatchRule } from '../rule.ts';
import { bytes, isStrict, ofChain, requestRules, SHAPE, swap32 } from './requests.ts';

const TYPE = 'block';
const rule = requestRules(TYPE);
const {
  in: IN,
  out: OUT,
  flush,
  flushOut,
  getId,
  getLifetime,
  discard,
  writeZeroes,
  secureErase,
} = blockRequestType;
const SCSI_TYPES: ReadonlySet<number> = new Set([
  blockRequestType.scsiCommand,
  blockRequestType.scsiCommandOut,
]);
const ZONE_TYPES: ReadonlySet<number> = new Set(Object.values(blockZoneRequestType));
const KNOWN: ReadonlySet<number> = new Set([...Object.values(blockRequestType), ...ZONE_TYPES]);
/** Bytes of sense data and of the four result words of a SCSI packet command (LEG-BLK-16). */
const SENSE_BYTES = 96;
const RESULT_BYTES = 16;

/** Legacy requests have a barrier in the highest bit. */
export const typeOf = ({ chain, fn }: Moment) => {
  const type = chain.u32(blockRequest.type.offset);
  return fn.legacy && type > 0 ? type & 0x7fffffff : type;
};
export const sectorOf = ({ chain }: Moment) => {
  const { sectorLow, sectorHigh } = blockRequest;
  const [low, high] = chain.little ? [sectorLow, sectorHigh] : [sectorHigh, sectorLow];
  return chain.u32(high.offset) * 2 ** 32 + chain.u32(low.offset);
};
const dataIn = ({ chain }: Moment) => chain.writable - 1;
export const dataOut = ({ chain }: Moment) => chain.readable - BLOCK_REQUEST_BYTES;

/** Requests with a row of segments, and the fields that limit them. */
const segmented: Readonly<
  Record<
    number,
    {
      readonly feature: number;
      readonly segments: keyof typeof blockConfig;
      readonly sectors: keyof typeof blockConfig;
    }
  >
> = {
  [discard]: { feature: blockFeature.discard, segments: 'maxDiscardSegments', sectors: 'maxDiscardSectors' },
  [writeZeroes]: {
    feature: blockFeature.writeZeroes,
    segments: 'maxWriteZeroesSegments',
    sectors: 'maxWriteZeroesSectors',
  },
  [secureErase]: {
    feature: blockFeature.secureErase,
    segments: 'maxSecureEraseSegments',
    sectors: 'maxSecureEraseSectors',
  },
};

/** Features without which a request is none. */
const featureOf = (type: number): number | undefined =>
  segmented[type]?.feature ??
  (type === getLifetime
    ? blockFeature.lifetime
    : ZONE_TYPES.has(type)
      ? blockFeature.zoned
      : SCSI_TYPES.has(type)
        ? blockFeature.scsi
        : undefined);

const capacityOf = ({ fn }: Moment) => fn.configValue(blockConfig.capacity);

/** The first segment for which `wrong` says a number. */
function eachSegment(
  now: Moment,
  wrong: (sector: number, sectors: number, flags: number) => Violation | null,
): Violation | null {
  const { chain } = now;
  for (let at = BLOCK_REQUEST_BYTES; at + BLOCK_SEGMENT_BYTES <= chain.readable; at += BLOCK_SEGMENT_BYTES) {
    const field = (offset: number) => chain.u32(at + offset, true);
    const sector = field(blockSegment.sectorHigh.offset) * 2 ** 32 + field(blockSegment.sectorLow.offset);
    const found = wrong(sector, field(blockSegment.sectors.offset), field(blockSegment.flags.offset));
    if (found !== null) return found;
  }
  return null;
}

export const blockChapter: readonly WatchRule[] = [
  rule(
    'block-header-short',
    'CONF-01',
    'must',
    'a request without a whole header',
    (now) => (now.chain.readable < BLOCK_REQUEST_BYTES ? bytes(now, now.chain.readable) : null),
    SHAPE,
  ),
  rule(
    'block-no-status',
    'CONF-01',
    'must',
    'a request without a byte for the status',
    (now) => (now.chain.writable < 1 ? bytes(now, now.chain.writable) : null),
    SHAPE,
  ),
  rule(
    'block-framing',
    'LEG-BLK-15 LEG-FRM-01',
    'must',
    'header and status are no descriptors of their own, and ANY_LAYOUT was not accepted',
    (now) => {
      const { chain } = now;
      if (!isStrict(now) || chain.count === 0) return null;
      const last = chain.lengths[chain.count - 1]!;
      return chain.lengths[0] === BLOCK_REQUEST_BYTES && last === 1
        ? null
        : bytes(now, chain.lengths[0] === BLOCK_REQUEST_BYTES ? last : chain.lengths[0]!);
    },
    { speaks: 'legacy' },
  ),
  rule(
    'block-byte-order',
    'LEG-BLK-07 LEG-BLK-02',
    'must',
    "the request's numbers are not in the guest's byte order",
    (now) => {
      const type = typeOf(now);
      return type > 0xff && !KNOWN.has(type) && KNOWN.has(swap32(type))
        ? ofChain(now, 'request type', type)
        : null;
    },
    { speaks: 'legacy' },
  ),
  rule(
    'block-unknown-type',
    'CONF-01',
    'should',
    'a request of no known type',
    (now) =>
      typeOf(now) >= 0 && !KNOWN.has(typeOf(now)) && !KNOWN.has(swap32(typeOf(now)))
        ? ofChain(now, 'request type', typeOf(now))
        : null,
    SHAPE,
  ),
  rule(
    'block-read-into-readable',
    'CONF-01',
    'must',
    'a read whose data buffers lack WRITE: the device cannot write them',
    (now) => (typeOf(now) === IN && dataOut(now) > 0 ? bytes(now, dataOut(now)) : null),
    SHAPE,
  ),
  rule(
    'block-write-from-writable',
    'CONF-01',
    'must',
    'a write whose data buffers have WRITE: the device cannot read them',
    (now) => (typeOf(now) === OUT && dataIn(now) > 0 ? bytes(now, dataIn(now)) : null),
    SHAPE,
  ),
  rule('block-part-of-sector', 'BLK-OP-06', 'must', 'data that are no whole sectors', (now) => {
    const type = typeOf(now);
    const length = type === IN ? dataIn(now) : type === OUT ? dataOut(now) : 0;
    return length > 0 && length % SECTOR_BYTES !== 0 ? bytes(now, length) : null;
  }),
  rule(
    'block-past-capacity',
    'BLK-OP-03',
    'must',
    'a request past the capacity that the driver read',
    (now) => {
      const type = typeOf(now);
      const capacity = type === IN || type === OUT ? capacityOf(now) : null;
      if (capacity === null) return null;
      const sectors = Math.ceil((type === IN ? dataIn(now) : dataOut(now)) / SECTOR_BYTES);
      return sectorOf(now) + sectors > capacity ? ofChain(now, 'sector', sectorOf(now)) : null;
    },
  ),
  rule(
    'block-segment-past-capacity',
    'BLK-OP-03',
    'must',
    'a segment past the capacity that the driver read',
    (now) => {
      const capacity = segmented[typeOf(now)] === undefined ? null : capacityOf(now);
      return capacity === null
        ? null
        : eachSegment(now, (sector, sectors) =>
            sector + sectors > capacity ? ofChain(now, 'sector', sector) : null,
          );
    },
  ),
  rule('block-flush-with-sector', 'BLK-OP-05', 'must', 'a flush with a sector', (now) =>
    typeOf(now) === flush && sectorOf(now) !== 0 ? ofChain(now, 'sector', sectorOf(now)) : null,
  ),
  rule('block-flush-with-data', 'BLK-OP-05', 'should', 'a flush with data', (now) =>
    typeOf(now) === flush && (dataOut(now) > 0 || dataIn(now) > 0)
      ? bytes(now, Math.max(dataOut(now), dataIn(now)))
      : null,
  ),
  rule(
    'block-flush-type-5',
    'LEG-BLK-10',
    'note',
    'a flush by the number that only legacy devices know',
    (now) => (typeOf(now) === flushOut ? ofChain(now, 'request type', flushOut) : null),
    { speaks: 'legacy' },
  ),
  rule('block-id-length', 'BLK-OP-08', 'must', 'room for an id of other than 20 bytes', (now) =>
    typeOf(now) === getId && dataIn(now) !== BLOCK_ID_BYTES ? bytes(now, dataIn(now)) : null,
  ),
  rule('block-segments-length', 'BLK-OP-07', 'must', 'a row of segments that are not whole', (now) =>
    segmented[typeOf(now)] !== undefined && (dataOut(now) <= 0 || dataOut(now) % BLOCK_SEGMENT_BYTES !== 0)
      ? bytes(now, dataOut(now))
      : null,
  ),
  rule(
    'block-segments-limit',
    'BLK-OP-09',
    'must',
    'more segments, or longer ones, than the device takes',
    (now) => {
      const kind = segmented[typeOf(now)];
      if (kind === undefined) return null;
      const [most, longest] = [
        now.fn.configValue(blockConfig[kind.segments]),
        now.fn.configValue(blockConfig[kind.sectors]),
      ];
      const segments = dataOut(now) / BLOCK_SEGMENT_BYTES;
      if (most !== null && segments > most) return ofChain(now, 'segments', segments);
      return longest === null
        ? null
        : eachSegment(now, (_, sectors) => (sectors > longest ? ofChain(now, 'sectors', sectors) : null));
    },
  ),
  rule('block-buffers-limit', 'BLK-OP-09', 'must', 'more buffers of data than the device takes', (now) => {
    const { fn } = now;
    const most = fn.has(blockFeature.segmentMax) ? fn.configValue(blockConfig.segmentMax) : null;
    return most !== null && most > 0 && dataBuffers(now) > most
      ? ofChain(now, 'buffers', dataBuffers(now))
      : null;
  }),
  rule('block-unmap-in-discard', 'BLK-OP-12', 'must', 'unmap in a discard or an erase', (now) =>
    typeOf(now) === discard || typeOf(now) === secureErase
      ? eachSegment(now, (_, __, flags) =>
          (flags & BLOCK_UNMAP) !== 0 ? ofChain(now, 'segment flags', flags) : null,
        )
      : null,
  ),
  rule(
    'block-request-without-feature',
    'BF-FEAT-03',
    'must',
    'a request whose feature was not accepted',
    (now) => {
      const needed = featureOf(typeOf(now));
      return needed !== undefined && now.fn.lacks(needed) ? ofChain(now, 'request type', typeOf(now)) : null;
    },
  ),
  rule('block-write-to-read-only', 'BLK-OP-04', 'should', 'a write to a device that offers RO', (now) =>
    typeOf(now) === OUT && now.fn.offered.has(blockFeature.readOnly)
      ? ofChain(now, 'sector', sectorOf(now))
      : null,
  ),
  rule(
    'block-scsi-command',
    'LEG-BLK-13',
    'must',
    'a SCSI packet command whose command is no descriptor of its own',
    (now) =>
      SCSI_TYPES.has(typeOf(now)) &&
      isStrict(now) &&
      (now.chain.readables < 2 || now.chain.lengths[0] !== BLOCK_REQUEST_BYTES)
        ? bytes(now, now.chain.readable)
        : null,
    { speaks: 'legacy' },
  ),
  rule(
    'block-scsi-results',
    'LEG-BLK-16',
    'must',
    'a SCSI packet command without a descriptor for sense data and one for its results',
    (now) => {
      const { chain } = now;
      if (!SCSI_TYPES.has(typeOf(now)) || !isStrict(now)) return null;
      const last = chain.count - 1;
      return chain.writables >= 3 &&
        chain.lengths[last - 1] === RESULT_BYTES &&
        chain.lengths[last - 2] === SENSE_BYTES
        ? null
        : bytes(now, chain.writable);
    },
    { speaks: 'legacy' },
  ),
  {
    id: 'block-read-only-refused',
    clauses: cites('BLK-OP-04'),
    level: 'should',
    type: TYPE,
    says: 'RO was offered and not accepted',
    on: ['start'],
    when: ({ fn }) =>
      fn.offered.has(blockFeature.readOnly) && fn.lacks(blockFeature.readOnly)
        ? seen('feature bit', blockFeature.readOnly)
        : null,
  },
  {
    id: 'block-zoned-with-discard',
    clauses: cites('BLK-INIT-05 BLK-INIT-04 BLK-INIT-07'),
    level: 'note',
    type: TYPE,
    says: 'ZONED was accepted together with DISCARD, which no driver of a host-managed device may',
    on: ['status'],
    when: ({ fn, value }) =>
      (value & deviceStatus.featuresOk) !== 0 &&
      fn.isNot(deviceStatus.featuresOk) &&
      fn.has(blockFeature.zoned) &&
      fn.has(blockFeature.discard)
        ? BROKEN
        : null,
  },
];

/** Buffers of data: those beside header and status, where these are buffers of their own. */
function dataBuffers({ chain }: Moment): number {
  const own =
    (chain.lengths[0] === BLOCK_REQUEST_BYTES ? 1 : 0) + (chain.lengths[chain.count - 1] === 1 ? 1 : 0);
  return chain.count - own;
}
