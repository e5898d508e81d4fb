import { flag, group, integer, oneOf, u32, VirtiolabError } from '../../../core/index.ts';
import { vsockCreditState, vsockType } from '../../layout/index.ts';
import { messageQueueState } from './message-queue.ts';

/** A message that a socket cannot send, or bytes for one that sends no more. */
export class VsockWriteError extends VirtiolabError {
  readonly length: number;

  constructor(length: number, reason: string) {
    super(`${length} bytes for a socket: ${reason}`);
    this.length = length;
  }
}

/** How a connection ended: both sides were through; somebody cut it; nobody took it. */
export type VsockEnding = 'closed' | 'reset' | 'refused';

/** What a socket tells its user. */
export interface VsockHandlers {
  /** The driver took the connection that was asked for. */
  opened?(): void;
  /** Bytes, or a message, can be read. */
  received?(): void;
  /** Bytes left: a write that was cut short can go on. */
  drained?(): void;
  /** The driver sends no more; what came before can be read. */
  ended?(): void;
  closed?(how: VsockEnding): void;
}

/** A message, and whether it ends a record. */
export interface VsockMessage {
  readonly bytes: Uint8Array;
  readonly endsRecord: boolean;
}

export const socketStates = ['connecting', 'open', 'closed'] as const;

export const socketState = group({
  localPort: u32,
  remotePort: u32,
  type: oneOf(vsockType.stream, vsockType.seqpacket),
  state: oneOf(...socketStates),
  /** A first packet, request or response, that is still to be sent; a reset that is. */
  first: flag,
  reset: flag,
  input: messageQueueState,
  output: messageQueueState,
  credit: vsockCreditState,
  short: flag,
  /** What was said of shutting down, by either side, and what is to be said. */
  shut: integer(0, 3),
  shutting: integer(0, 3),
  peerShut: integer(0, 3),
});
