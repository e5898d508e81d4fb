import type { Arbitrary } from 'fast-check';
import { UnknownSubjectError } from '../devices.ts';
import { type BalloonRequest, balloonChain, balloonRequests, formatBalloonRequest } from './balloon.ts';
import { type AnyBlockRequest, allBlockRequests, blockChain, formatBlockRequest } from './block.ts';
import type { RequestChain, RequestOccasion } from './chain.ts';
import { type ConsoleRequest, consoleChain, consoleRequests, formatConsoleRequest } from './console.ts';
import { type EntropyRequest, entropyChain, entropyRequests, formatEntropyRequest } from './entropy.ts';
import { formatNetworkRequest, type NetworkRequest, networkChain, networkRequests } from './network.ts';
import { formatP9Request, type P9Request, p9Chain, p9Requests } from './p9.ts';
import { formatScsiRequest, type ScsiRequest, scsiChain, scsiRequests } from './scsi.ts';

/** A request of one of the seven device types. */
export type DeviceRequest =
  | NetworkRequest
  | AnyBlockRequest
  | ConsoleRequest
  | EntropyRequest
  | BalloonRequest
  | ScsiRequest
  | P9Request;
export type RequestType = DeviceRequest['type'];
type RequestOf<T extends RequestType> = Extract<DeviceRequest, { readonly type: T }>;

/** What is to be known of a type's requests. */
interface RequestRow<T extends RequestType> {
  draw(): Arbitrary<RequestOf<T>>;
  format(request: RequestOf<T>): string;
  chain(request: RequestOf<T>, occasion: RequestOccasion): RequestChain;
}

const rows: { readonly [T in RequestType]: RequestRow<T> } = {
  network: { draw: networkRequests, format: formatNetworkRequest, chain: networkChain },
  block: { draw: allBlockRequests, format: formatBlockRequest, chain: blockChain },
  console: { draw: consoleRequests, format: formatConsoleRequest, chain: consoleChain },
  entropy: { draw: entropyRequests, format: formatEntropyRequest, chain: entropyChain },
  balloon: { draw: balloonRequests, format: formatBalloonRequest, chain: balloonChain },
  scsi: { draw: scsiRequests, format: formatScsiRequest, chain: scsiChain },
  p9: { draw: p9Requests, format: formatP9Request, chain: p9Chain },
};

/** The types whose requests can be drawn. */
export const requestTypes = Object.keys(rows) as readonly RequestType[];

function rowOf(type: string): RequestRow<RequestType> {
  if (!Object.hasOwn(rows, type))
    throw new UnknownSubjectError(
      `unknown device type '${type}'; types whose requests are drawn are ${requestTypes.join(', ')}`,
    );
  return rows[type as RequestType] as unknown as RequestRow<RequestType>;
}

/**
 * Requests of a type, of every kind that it has, as a sample device of the type takes them: `deviceRequests('scsi')`. The arbitrary
 * of one type takes options: `scsiRequests({ units })`.
 * @throws UnknownSubjectError, which lists the types
 */
export const deviceRequests = <T extends RequestType>(type: T): Arbitrary<RequestOf<T>> =>
  rowOf(type).draw() as Arbitrary<RequestOf<T>>;

/** A request as one reads it: `read sector 0+3`. */
export const formatRequest = (request: DeviceRequest): string => rowOf(request.type).format(request);

/** A request as its device gets it. */
export const plainChain = (request: DeviceRequest, occasion: RequestOccasion): RequestChain =>
  rowOf(request.type).chain(request, occasion);
