import type { Arbitrary } from 'fast-check';
import {
  CONSOLE_CONTROL_BYTES,
  consoleControl,
  consoleEvent,
  consoleQueue,
  consoleReceiveQueue,
  consoleTransmitQueue,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';
import { rooms } from './entropy.ts';

/** Control messages that a driver sends. */
const driverEvents = ['deviceReady', 'portReady', 'portOpen'] as const;

/** What a driver gives to a console. */
export type ConsoleRequest = { readonly type: 'console' } & (
  | { readonly kind: 'output'; readonly port: number; readonly bytes: Uint8Array }
  /** Buffers for input; lengths in bytes. */
  | { readonly kind: 'input'; readonly port: number; readonly buffers: readonly number[] }
  | {
      readonly kind: 'control';
      readonly event: (typeof driverEvents)[number];
      readonly port: number;
      readonly value: number;
    }
  /** Buffers for the device's control messages. */
  | { readonly kind: 'control-input'; readonly buffers: readonly number[] }
);

export interface ConsoleRequestOptions {
  /** Ports from 0 on; by default 2. */
  readonly ports?: number;
  /** Bytes of one buffer at most; by default 64. */
  readonly most?: number;
  /** With MULTIPORT there are control messages, and more ports than 0; by default it was accepted. */
  readonly multiport?: boolean;
}

const room = (buffers: readonly number[]) => `room for ${buffers.join('+')} bytes`;
const hexBytes = (bytes: Uint8Array) =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** `output of port 0: 68 69`, `input of port 1: room for 16 bytes`, `control portOpen of port 1: 1`. */
export function formatConsoleRequest(request: ConsoleRequest): string {
  switch (request.kind) {
    case 'output':
      return `output of port ${request.port}: ${hexBytes(request.bytes)}`;
    case 'input':
      return `input of port ${request.port}: ${room(request.buffers)}`;
    case 'control':
      return `control ${request.event} of port ${request.port}: ${request.value}`;
    default:
      return `control input: ${room(request.buffers)}`;
  }
}

/** Control messages of a driver: ready, open and closed ports. */
export const consoleControlMessages = ({
  ports = 2,
}: ConsoleRequestOptions = {}): Arbitrary<ConsoleRequest> =>
  fc
    .record({
      event: fc.constantFrom(...driverEvents),
      port: fc.nat(atLeast('ports', ports, 1) - 1),
      value: fc.nat(1),
    })
    .map((message) => printed({ type: 'console', kind: 'control', ...message }, formatConsoleRequest));

/** Output, room for input and, with MULTIPORT, control messages. */
export function consoleRequests(options: ConsoleRequestOptions = {}): Arbitrary<ConsoleRequest> {
  const { multiport = true, most = 64 } = options;
  const ports = multiport ? atLeast('ports', options.ports ?? 2, 1) : 1;
  const type = 'console' as const;
  const port = fc.nat(ports - 1);
  const output = fc
    .tuple(port, fc.uint8Array({ minLength: 1, maxLength: most }))
    .map(([of, bytes]) => ({ type, kind: 'output' as const, port: of, bytes }));
  const input = fc
    .tuple(port, rooms(most))
    .map(([of, buffers]) => ({ type, kind: 'input' as const, port: of, buffers }));
  const controlInput = rooms(most).map((buffers) => ({ type, kind: 'control-input' as const, buffers }));
  const plain: Arbitrary<ConsoleRequest> = fc.oneof(output, input);
  const drawn: Arbitrary<ConsoleRequest> = multiport
    ? fc.oneof(output, input, consoleControlMessages({ ports }), controlInput)
    : plain;
  return drawn.map((request) => printed({ ...request }, formatConsoleRequest));
}

export function consoleChain(request: ConsoleRequest, occasion: RequestOccasion = {}): RequestChain {
  const writer = new ChainWriter(occasion);
  switch (request.kind) {
    case 'output':
      return writer.bytes(request.bytes).chain(consoleTransmitQueue(request.port), []);
    case 'input':
      return writer.chain(consoleReceiveQueue(request.port), request.buffers);
    case 'control': {
      const { port, value } = request;
      writer.structure(
        consoleControl,
        { port, event: consoleEvent[request.event], value },
        CONSOLE_CONTROL_BYTES,
      );
      return writer.chain(consoleQueue.controlTransmit, []);
    }
    default:
      return writer.chain(consoleQueue.controlReceive, request.buffers);
  }
}
