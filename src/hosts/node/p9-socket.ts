import net, { type Socket } from 'node:net';
import { VirtiolabError } from '../../core/index.ts';
import type { P9Connection, P9Receiver, P9Server } from '../../virtio/index.ts';

/** Where a 9P server listens: a UNIX socket's path, or a TCP port. */
export type P9Address = { readonly path: string } | { readonly host: string; readonly port: number };

export interface P9SocketOptions {
  /** Milliseconds that connecting may take. */
  readonly connectTimeoutMs?: number;
}

/** A server that nobody could connect to in time. */
export class P9ConnectTimeoutError extends VirtiolabError {
  readonly address: P9Address;
  readonly milliseconds: number;

  constructor(address: P9Address, milliseconds: number) {
    super(`no connection to ${JSON.stringify(address)} within ${milliseconds} ms`);
    this.address = address;
    this.milliseconds = milliseconds;
  }
}

/** A 9P server behind a socket, such as diod. */
export class P9Socket implements P9Server {
  readonly address: P9Address;
  readonly #timeoutMs: number;

  constructor(address: P9Address, options: P9SocketOptions = {}) {
    this.address = address;
    this.#timeoutMs = options.connectTimeoutMs ?? 5000;
  }

  connect(receiver: P9Receiver): P9Connection {
    const socket: Socket = net.connect(this.address);
    socket.setNoDelay(true);
    socket.setTimeout(this.#timeoutMs, () =>
      socket.destroy(new P9ConnectTimeoutError(this.address, this.#timeoutMs)),
    );
    // A server may take all the time that it likes once it is there.
    socket.once('connect', () => socket.setTimeout(0));
    let over = false;
    let error: Error | null = null;
    socket.on('data', (bytes) => {
      if (!over) receiver.data(bytes);
    });
    socket.on('error', (each) => (error = each));
    socket.on('close', () => {
      if (!over) receiver.closed(error);
      over = true;
      receiver.ended?.();
    });
    return {
      // The system has a socket that was destroyed for a moment yet, and so has Node what it was to send.
      lingers: true,
      // Copied: the socket keeps what it cannot send at once.
      send: (message) => void socket.write(message.slice()),
      close: () => {
        over = true;
        socket.destroy();
      },
    };
  }
}
