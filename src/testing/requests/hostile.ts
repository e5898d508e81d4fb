import type { Arbitrary } from 'fast-check';
import { values } from '../accesses.ts';
import { fc } from '../fast-check.ts';
import { printed } from '../printed.ts';
import type { RequestChain, RequestOccasion } from './chain.ts';
import { formatFault, type RequestFault, sameChain, spoil } from './faults.ts';
import { type DeviceRequest, deviceRequests, formatRequest, plainChain, type RequestType } from './table.ts';

/** A request, and what is wrong with it. */
export interface HostileRequest {
  readonly kind: 'hostile';
  readonly request: DeviceRequest;
  /** One at least. */
  readonly faults: readonly RequestFault[];
}

/** Lengths around those of headers, answers, sectors and frames, and absurd ones. */
const LENGTHS = [0, 1, 7, 8, 10, 11, 12, 15, 16, 17, 19, 20, 51, 511, 512, 513, 1514, 4096] as const;
const ABSURD = [0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff] as const;
const MOST_QUEUE = 8;

/** Any small length, or one of those: all of them shrink to the small ones. */
const lengths = fc.nat(64 + LENGTHS.length).map((at) => LENGTHS[at - 65] ?? at);
const which = fc.nat(15);

const faults: Arbitrary<RequestFault> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ fault: fc.constant('field' as const), which, value: values(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({ fault: fc.constant('byte' as const), at: fc.nat(1100), value: fc.nat(0xff) }),
  },
  { weight: 4, arbitrary: fc.record({ fault: fc.constant('truncated' as const), bytes: lengths }) },
  {
    weight: 2,
    arbitrary: fc.record({
      fault: fc.constant('extended' as const),
      bytes: lengths.map((bytes) => Math.max(1, bytes)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ fault: fc.constant('room' as const), bytes: lengths }) },
  { weight: 1, arbitrary: fc.constant({ fault: 'order' as const }) },
  { weight: 2, arbitrary: fc.record({ fault: fc.constant('direction' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      fault: fc.constant('claim' as const),
      which,
      bytes: fc.oneof(lengths, fc.constantFrom<number>(...ABSURD)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ fault: fc.constant('queue' as const), queue: fc.nat(MOST_QUEUE) }) },
);

const spoilt = (request: DeviceRequest, list: readonly RequestFault[], occasion: RequestOccasion) =>
  list.reduce(spoil, plainChain(request, occasion));

/** `write sector 0+1 (seed 0), but truncated to 5 bytes, no room`. */
export function formatHostileRequest({ request, faults: list }: HostileRequest): string {
  const chain = plainChain(request, {});
  return `${formatRequest(request)}, but ${list.map((fault) => formatFault(fault, chain)).join(', ')}`;
}

/**
 * Requests of a type, or drawn by another arbitrary, with one to three things wrong: truncated, too long, fields with values that they cannot have, room that is
 * too small, buffers the wrong way round, lengths that nothing has, the wrong queue. They shrink to one fault of a small request.
 * Each is another chain than the good request, and has one buffer at least.
 * @throws UnknownSubjectError, which lists the types
 */
export const hostileRequests = (of: RequestType | Arbitrary<DeviceRequest>): Arbitrary<HostileRequest> =>
  fc
    .record({
      kind: fc.constant('hostile' as const),
      request: typeof of === 'string' ? (deviceRequests(of) as Arbitrary<DeviceRequest>) : of,
      faults: fc.array(faults, { minLength: 1, maxLength: 3 }),
    })
    .filter(({ request, faults: list }) => {
      const chain = spoilt(request, list, {});
      return chain.buffers.length > 0 && !sameChain(chain, plainChain(request, {}));
    })
    .map((hostile) => printed(hostile, formatHostileRequest));

/** A request as its device gets it, in buffers as drivers of every age cut it, and with what is wrong with a hostile one. */
export const requestChain = (
  request: DeviceRequest | HostileRequest,
  occasion: RequestOccasion = {},
): RequestChain =>
  request.kind === 'hostile'
    ? spoilt(request.request, request.faults, occasion)
    : plainChain(request, occasion);
