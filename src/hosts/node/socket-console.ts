import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { VirtiolabError } from '../../core/index.ts';
import type { ConsoleBackend, ConsolePort } from '../../virtio/index.ts';
import { StreamConsole } from './stream-console.ts';

/** A UNIX socket that cannot be listened on, or connected to. `code` is the system's, e.g. `EADDRINUSE`. */
export class SocketError extends VirtiolabError {
  readonly path: string;
  readonly code: string;

  constructor(path: string, what: string, code: string) {
    super(`socket ${JSON.stringify(path)}: cannot be ${what} (${code})`);
    this.path = path;
    this.code = code;
  }
}

/** Clients that wait for their turn at most. */
const MOST_WAITING = 16;

const codeOf = (error: Error) => (error as NodeJS.ErrnoException).code ?? error.message;

/**
 * A console port on a UNIX socket. The port is open while there is somebody at the other end: one client after the other,
 * each heard to its last byte. What a client sends and the driver has not taken waits here; output of a port that nobody
 * listens to is dropped, as a device does.
 */
export class SocketConsole implements ConsoleBackend {
  readonly path: string;
  readonly #server: Server | null;
  readonly #waiting: Socket[] = [];
  #port: ConsolePort | null = null;
  #current: { readonly socket: Socket; readonly streams: StreamConsole } | null = null;

  private constructor(path: string, server: Server | null) {
    this.path = path;
    this.#server = server;
  }

  /** Waits for clients at a path that nothing is at yet. @throws SocketError */
  static listen(path: string): Promise<SocketConsole> {
    return new Promise((resolve, reject) => {
      const server = createServer({ pauseOnConnect: true });
      const made = new SocketConsole(path, server);
      server.once('error', (error) => reject(new SocketError(path, 'listened on', codeOf(error))));
      server.on('connection', (socket) => made.#enqueue(socket));
      server.listen(path, () => resolve(made));
    });
  }

  /** Is the client of somebody who listens there. @throws SocketError */
  static connect(path: string): Promise<SocketConsole> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once('error', (error) => reject(new SocketError(path, 'connected to', codeOf(error))));
      socket.once('connect', () => {
        const made = new SocketConsole(path, null);
        socket.pause();
        made.#enqueue(socket);
        resolve(made);
      });
    });
  }

  #enqueue(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.#waiting.length >= MOST_WAITING) socket.destroy();
    else this.#waiting.push(socket);
    this.#next();
  }

  #next(): void {
    if (this.#port === null || this.#current !== null) return;
    const socket = this.#waiting.shift();
    if (socket === undefined) return;
    const streams = new StreamConsole(socket, socket);
    this.#current = { socket, streams };
    streams.onEnd = () => {
      streams.detach();
      socket.destroy();
      this.#current = null;
      this.#next();
    };
    streams.attach(this.#port);
    socket.resume();
  }

  attach(port: ConsolePort): void {
    this.#port = port;
    this.#next();
  }

  detach(): void {
    this.#port = null;
    this.#current?.streams.detach();
    this.#current?.socket.destroy();
    this.#current = null;
  }

  transmit(bytes: Uint8Array, offset: number, length: number): number {
    return this.#current?.streams.transmit(bytes, offset, length) ?? length;
  }

  inputWanted(): void {
    this.#current?.streams.inputWanted();
  }

  driverOpened(): void {}

  /** Hangs up, and listens no longer. */
  async close(): Promise<void> {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    const port = this.#port;
    this.detach();
    port?.setOpen(false);
    const server = this.#server;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
