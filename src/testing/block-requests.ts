import type { Arbitrary } from 'fast-check';
import { SECTOR_BYTES } from '../virtio/layout/index.ts';
import { fc } from './fast-check.ts';
import { printed } from './printed.ts';

/** A request that a block device must carry out. Sectors are of 512 bytes; a write's data is `blockData(request)`. */
export type BlockRequest =
  | { readonly kind: 'read'; readonly sector: number; readonly sectors: number }
  | { readonly kind: 'write'; readonly sector: number; readonly sectors: number; readonly seed: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'get-id' };

const place = ({ sector, sectors }: { readonly sector: number; readonly sectors: number }) =>
  `sector ${sector}+${sectors}`;

/** `read sector 3+2`, `write sector 3+2 (seed 7)`, `flush`. */
function formatRequest(request: BlockRequest): string {
  switch (request.kind) {
    case 'read':
      return `read ${place(request)}`;
    case 'write':
      return `write ${place(request)} (seed ${request.seed})`;
    default:
      return request.kind;
  }
}

/** Requests within a device of `capacity` sectors, of at most `most` sectors each. */
export function blockRequests(capacity: number, most: number): Arbitrary<BlockRequest> {
  const places = fc
    .tuple(fc.nat(capacity - 1), fc.integer({ min: 1, max: most }))
    .map(([sector, sectors]) => ({ sector, sectors: Math.min(sectors, capacity - sector) }));
  const any: Arbitrary<BlockRequest> = fc.oneof(
    { weight: 4, arbitrary: places.map((at) => ({ kind: 'read' as const, ...at })) },
    {
      weight: 4,
      arbitrary: fc.tuple(places, fc.nat(255)).map(([at, seed]) => ({ kind: 'write' as const, ...at, seed })),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'get-id' as const }) },
  );
  return any.map((request) => printed({ ...request }, formatRequest));
}

/** Ranges that a block device must discard, zero or erase. `unmap` is for `write-zeroes`. */
export interface BlockRangeRequest {
  readonly kind: 'discard' | 'write-zeroes' | 'secure-erase';
  readonly ranges: readonly { readonly sector: number; readonly sectors: number }[];
  readonly unmap: boolean;
}

/** Such requests within a device of `capacity` sectors, of at most four ranges of at most `most` sectors each. */
export function blockRangeRequests(capacity: number, most: number): Arbitrary<BlockRangeRequest> {
  const range = fc
    .tuple(fc.nat(capacity - 1), fc.nat(most))
    .map(([sector, sectors]) => ({ sector, sectors: Math.min(sectors, capacity - sector) }));
  const any: Arbitrary<BlockRangeRequest> = fc.record({
    kind: fc.constantFrom('discard', 'write-zeroes', 'secure-erase'),
    ranges: fc.array(range, { minLength: 1, maxLength: 4 }),
    unmap: fc.boolean(),
  });
  return any.map((request) =>
    printed(
      request,
      ({ kind, ranges, unmap }) => `${kind}${unmap ? ' (unmap)' : ''} ${ranges.map(place).join(', ')}`,
    ),
  );
}

/** Bytes that tell sector, place in it and request apart, so that no mix-up of any of them goes unseen. */
export function blockData(request: { sector: number; sectors: number; seed: number }): Uint8Array {
  const { sector, sectors, seed } = request;
  return Uint8Array.from({ length: sectors * SECTOR_BYTES }, (_, i) => {
    const place = sector * SECTOR_BYTES + i;
    return (seed * 31 + place * 7 + (place >> 8)) & 0xff;
  });
}
