import type { Arbitrary } from 'fast-check';
import { FOUR_GIB, lengthOf } from '../../core/index.ts';
import {
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  BLOCK_SEGMENT_BYTES,
  BLOCK_UNMAP,
  blockLifetime,
  blockRequest,
  blockRequestType,
  blockSegment,
  SECTOR_BYTES,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';

/** A request that a block device must carry out. Sectors are of 512 bytes; a write's data is `blockData(request)`. */
export type BlockRequest = { readonly type: 'block' } & (
  | { readonly kind: 'read'; readonly sector: number; readonly sectors: number }
  | { readonly kind: 'write'; readonly sector: number; readonly sectors: number; readonly seed: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'get-id' }
);

/** The disk of the sample devices, and what one request has of it at most. */
const CAPACITY = 64;
const MOST = 8;

const place = ({ sector, sectors }: { readonly sector: number; readonly sectors: number }) =>
  `sector ${sector}+${sectors}`;

function checkPlaces(capacity: number, most: number): void {
  atLeast('capacity', capacity, 1);
  atLeast('most', most, 1);
}

/** Requests within a device of `capacity` sectors, of at most `most` sectors each. @throws OptionError */
export function blockRequests(capacity = CAPACITY, most = MOST): Arbitrary<BlockRequest> {
  checkPlaces(capacity, most);
  const type = 'block' as const;
  const places = fc
    .tuple(fc.nat(capacity - 1), fc.integer({ min: 1, max: most }))
    .map(([sector, sectors]) => ({ sector, sectors: Math.min(sectors, capacity - sector) }));
  const any: Arbitrary<BlockRequest> = fc.oneof(
    { weight: 4, arbitrary: places.map((at) => ({ type, kind: 'read' as const, ...at })) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(places, fc.nat(255))
        .map(([at, seed]) => ({ type, kind: 'write' as const, ...at, seed })),
    },
    { weight: 1, arbitrary: fc.constant({ type, kind: 'flush' as const }) },
    { weight: 1, arbitrary: fc.constant({ type, kind: 'get-id' as const }) },
  );
  return any.map((request) => printed({ ...request }, formatBlockRequest));
}

/** Ranges that a block device must discard, zero or erase. `unmap` is for `write-zeroes`. */
export interface BlockRangeRequest {
  readonly type: 'block';
  readonly kind: 'discard' | 'write-zeroes' | 'secure-erase';
  readonly ranges: readonly { readonly sector: number; readonly sectors: number }[];
  readonly unmap: boolean;
}

/** Such requests within a device of `capacity` sectors, of at most four ranges of at most `most` sectors each. */
export function blockRangeRequests(capacity = CAPACITY, most = MOST): Arbitrary<BlockRangeRequest> {
  checkPlaces(capacity, most);
  const range = fc
    .tuple(fc.nat(capacity - 1), fc.nat(most))
    .map(([sector, sectors]) => ({ sector, sectors: Math.min(sectors, capacity - sector) }));
  const any: Arbitrary<BlockRangeRequest> = fc.record({
    type: fc.constant('block' as const),
    kind: fc.constantFrom('discard', 'write-zeroes', 'secure-erase'),
    ranges: fc.array(range, { minLength: 1, maxLength: 4 }),
    unmap: fc.boolean(),
  });
  return any.map((request) => printed(request, formatBlockRequest));
}

/** What a device may refuse: those that only some devices know. */
export interface BlockOptionalRequest {
  readonly type: 'block';
  readonly kind: 'get-lifetime';
}

export type AnyBlockRequest = BlockRequest | BlockRangeRequest | BlockOptionalRequest;

/** Requests of every type that the specification has for devices that are not zoned. */
export const allBlockRequests = (capacity = CAPACITY, most = MOST): Arbitrary<AnyBlockRequest> =>
  fc.oneof(
    { weight: 6, arbitrary: blockRequests(capacity, most) },
    { weight: 3, arbitrary: blockRangeRequests(capacity, most) },
    {
      weight: 1,
      arbitrary: fc
        .constant({ type: 'block' as const, kind: 'get-lifetime' as const })
        .map((request) => printed({ ...request }, formatBlockRequest)),
    },
  );

/** `read sector 3+2`, `write sector 3+2 (seed 7)`, `discard sector 0+8, sector 16+8`, `flush`. */
export function formatBlockRequest(request: AnyBlockRequest): string {
  switch (request.kind) {
    case 'read':
      return `read ${place(request)}`;
    case 'write':
      return `write ${place(request)} (seed ${request.seed})`;
    case 'discard':
    case 'write-zeroes':
    case 'secure-erase':
      return `${request.kind}${request.unmap ? ' (unmap)' : ''} ${request.ranges.map(place).join(', ')}`;
    default:
      return request.kind;
  }
}

/** Types of requests, and the data bytes that the device writes, where they are always as many. */
const types: Readonly<Record<AnyBlockRequest['kind'], readonly [type: number, answerBytes: number]>> = {
  read: [blockRequestType.in, 0],
  write: [blockRequestType.out, 0],
  flush: [blockRequestType.flush, 0],
  'get-id': [blockRequestType.getId, BLOCK_ID_BYTES],
  'get-lifetime': [blockRequestType.getLifetime, lengthOf(blockLifetime)],
  discard: [blockRequestType.discard, 0],
  'write-zeroes': [blockRequestType.writeZeroes, 0],
  'secure-erase': [blockRequestType.secureErase, 0],
};

const halves = (sector: number, littleEndian: boolean) => {
  const [low, high] = [sector % FOUR_GIB, Math.floor(sector / FOUR_GIB)];
  return littleEndian ? { sectorLow: low, sectorHigh: high } : { sectorLow: high, sectorHigh: low };
};

/** The request as a chain of the first queue: header, data, status. */
export function blockChain(request: AnyBlockRequest, occasion: RequestOccasion = {}): RequestChain {
  const writer = new ChainWriter(occasion);
  const [type, answerBytes] = types[request.kind];
  const sector = 'sector' in request ? request.sector : 0;
  const header = { type, ...halves(sector, writer.littleEndian) };
  writer.structure(blockRequest, header, BLOCK_REQUEST_BYTES).cut();
  if (request.kind === 'write') writer.bytes(blockData(request));
  if ('ranges' in request)
    for (const range of request.ranges) {
      const flags = request.kind === 'write-zeroes' && request.unmap ? BLOCK_UNMAP : 0;
      const segment = { ...halves(range.sector, true), sectors: range.sectors, flags };
      // Data, and so little-endian for every guest.
      writer.structure(blockSegment, segment, BLOCK_SEGMENT_BYTES, true);
    }
  const read = request.kind === 'read' ? request.sectors * SECTOR_BYTES : answerBytes;
  return writer.chain(0, [read, 1]);
}

/** Bytes that tell sector, place in it and request apart, so that no mix-up of any of them goes unseen. */
export function blockData(request: { sector: number; sectors: number; seed: number }): Uint8Array {
  const { sector, sectors, seed } = request;
  return Uint8Array.from({ length: sectors * SECTOR_BYTES }, (_, i) => {
    const place = sector * SECTOR_BYTES + i;
    return (seed * 31 + place * 7 + (place >> 8)) & 0xff;
  });
}
