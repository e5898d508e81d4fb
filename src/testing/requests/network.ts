import type { Arbitrary } from 'fast-check';
import {
  NETWORK_HEADER_BYTES,
  networkHeader,
  networkQueue,
  SHORT_NETWORK_HEADER_BYTES,
  USUAL_NETWORK_FRAME_BYTES,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';
import { rooms } from './entropy.ts';
import {
  formatNetworkCommand,
  type NetworkCommand,
  networkCommands,
  writeNetworkCommand,
} from './network-command.ts';
import {
  formatNetworkFrame,
  formatOffload,
  type NetworkFrame,
  type NetworkOffload,
  networkFrameBytes,
  networkFrames,
  networkOffloads,
  offloadHeader,
} from './network-frame.ts';

/** What a driver gives to a network device. */
export type NetworkRequest = { readonly type: 'network' } & (
  | {
      readonly kind: 'send';
      readonly pair: number;
      readonly frame: NetworkFrame;
      readonly offload: NetworkOffload | null;
    }
  /** Buffers for a frame; lengths in bytes. */
  | { readonly kind: 'receive'; readonly pair: number; readonly buffers: readonly number[] }
  | { readonly kind: 'control'; readonly queue: number; readonly command: NetworkCommand }
);

export interface NetworkRequestOptions {
  /** Queue pairs of the device; by default 2. */
  readonly pairs?: number;
  /** Pairs before the control queue: as many as the device has, or 1 where MQ was not accepted. By default `pairs`. */
  readonly pairsBeforeControl?: number;
  /** Bytes of a frame at most; by default 1514. */
  readonly most?: number;
}

/** `send frame to ...; checksum offloaded; queue pair 0`, `receive 1526 bytes; queue pair 1`, `control VLAN 5 added`. */
export function formatNetworkRequest(request: NetworkRequest): string {
  switch (request.kind) {
    case 'send':
      return [
        `send ${formatNetworkFrame(request.frame)}`,
        ...(request.offload === null ? [] : [formatOffload(request.offload)]),
        `queue pair ${request.pair}`,
      ].join('; ');
    case 'receive':
      return `receive ${request.buffers.join('+')} bytes; queue pair ${request.pair}`;
    default:
      return `control ${formatNetworkCommand(request.command)}`;
  }
}

/** Frames to be sent, offloads among them, room for frames, and commands. */
export function networkRequests(options: NetworkRequestOptions = {}): Arbitrary<NetworkRequest> {
  const { pairs = 2, pairsBeforeControl = pairs, most = USUAL_NETWORK_FRAME_BYTES } = options;
  atLeast('pairs', pairs, 1);
  atLeast('pairsBeforeControl', pairsBeforeControl, 1);
  atLeast('most', most, 1);
  const type = 'network' as const;
  const pair = fc.nat(pairs - 1);
  const any: Arbitrary<NetworkRequest> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .record({ pair, frame: networkFrames(most), offload: networkOffloads })
        .map(({ offload, ...each }) => ({
          ...{ type, kind: 'send' as const, ...each },
          // There is no checksum that could be left to the device.
          offload: each.frame.payload === 'experimental' ? null : offload,
        })),
    },
    {
      weight: 3,
      arbitrary: fc
        .record({ pair, buffers: rooms(most + NETWORK_HEADER_BYTES) })
        .map((each) => ({ type, kind: 'receive' as const, ...each })),
    },
    {
      weight: 3,
      arbitrary: networkCommands(pairs).map((command) => ({
        type,
        kind: 'control' as const,
        queue: networkQueue.control(pairsBeforeControl),
        command,
      })),
    },
  );
  return any.map((request) => printed({ ...request }, formatNetworkRequest));
}

/** The request as a chain; the header of a legacy driver's frame is the short one (LEG-NET-05). */
export function networkChain(request: NetworkRequest, occasion: RequestOccasion = {}): RequestChain {
  const writer = new ChainWriter(occasion);
  switch (request.kind) {
    case 'send': {
      const length = writer.modern ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;
      writer.structure(networkHeader, { ...offloadHeader(request.frame, request.offload) }, length).cut();
      return writer.bytes(networkFrameBytes(request.frame)).chain(networkQueue.transmit(request.pair), []);
    }
    case 'receive':
      return writer.chain(networkQueue.receive(request.pair), request.buffers);
    default:
      writeNetworkCommand(writer, request.command);
      return writer.chain(request.queue, [1]);
  }
}
