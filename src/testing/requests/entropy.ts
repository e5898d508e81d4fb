import type { Arbitrary } from 'fast-check';
import { entropyQueue } from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';

/** Buffers that an entropy device is to fill; lengths in bytes. */
export interface EntropyRequest {
  readonly type: 'entropy';
  readonly kind: 'fill';
  readonly buffers: readonly number[];
}

/** `fill 16 bytes`, `fill 16+1 bytes`. */
export const formatEntropyRequest = ({ buffers }: EntropyRequest): string =>
  `fill ${buffers.join('+')} byte${buffers.join() === '1' ? '' : 's'}`;

/** Lengths of writable buffers, of one byte at least: they shrink to a single one of one byte. */
export const rooms = (most: number): Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: atLeast('most', most, 1) }), { minLength: 1, maxLength: 4 });

/** Requests of at most four buffers, of at most `most` bytes each. */
export const entropyRequests = (most = 512): Arbitrary<EntropyRequest> =>
  rooms(most).map((buffers) => printed({ type: 'entropy', kind: 'fill', buffers }, formatEntropyRequest));

export const entropyChain = ({ buffers }: EntropyRequest, occasion: RequestOccasion = {}): RequestChain =>
  new ChainWriter(occasion).chain(entropyQueue.request, buffers);
