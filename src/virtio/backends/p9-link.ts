import { type State, VirtiolabError } from '../../core/index.ts';

/** Who hears what a server sends. */
export interface P9Receiver {
  /** Bytes of the server's, cut anywhere; valid until this returns. */
  data(bytes: Uint8Array): void;
  /** The connection has ended by itself; `error` says why, where there is more to say than that the server closed it. */
  closed(error: Error | null): void;
  /** For a connection that lingers: nothing is left of it. */
  ended?(): void;
}

export interface P9Connection {
  /** One whole message, valid until this returns. */
  send(message: Uint8Array): void;
  /** Ends the connection; the receiver hears nothing any more, but that it has `ended`. */
  close(): void;
  /**
   * It takes up room for a while after {@link close}, and says `ended` when it does not any more. What was in flight over it
   * counts against the driver's queue until then.
   */
  readonly lingers?: boolean;
  /**
   * What the connection has by now: all that the driver has open, and the replies that are under way. Left out where the
   * server does not say.
   */
  save?(): State;
  /** Of a connection that goes on from such a state: the request of that tag waits again, and its reply may come. */
  awaited?(tag: number): void;
}

/** A 9P server that can be connected to: over a socket, or in memory. */
export interface P9Server {
  /** A new connection. It may take its time, or fail: what is sent meanwhile is kept, and `closed` tells. */
  connect(receiver: P9Receiver): P9Connection;
  /**
   * The connection of a saved state again, with all that the driver has open. `state` is what it saved itself, with the
   * messages in flight; null where it did not: they are then sent anew. Left out, or null, where there is no such
   * connection: the driver then has to mount again.
   */
  resume?(receiver: P9Receiver, state: State): P9Connection | null;
  /** @throws StateMismatchError for a state that no connection can have, or one to a server with other files. */
  check?(state: State, path?: string): void;
}

/** Why a device lost its server. */
export type P9LossReason = 'closed' | 'connection' | 'protocol';

/** The server went away, or sent what no server sends: the session is over. */
export class P9ServerError extends VirtiolabError {
  readonly reason: P9LossReason;
  /** A connection's error, as the system gave it. */
  override readonly cause: Error | null;

  constructor(reason: P9LossReason, message: string, cause: Error | null = null) {
    super(`9P server: ${message}`);
    this.reason = reason;
    this.cause = cause;
  }
}
