import type { Socket } from 'node:net';
import type { ConsoleBackend, ConsolePort } from '../../virtio/index.ts';
import { StreamConsole } from './stream-console.ts';
import { connectTo, type Listener, listenAt } from './unix-socket.ts';

/** Clients that wait for their turn at most. */
const MOST_WAITING = 16;

/**
 * A console port on a UNIX socket. The port is open while there is somebody at the other end: one client after the other,
 * each heard to its last byte. What a client sends and the driver has not taken waits here; output of a port that nobody
 * listens to is dropped, as a device does.
 */
export class SocketConsole implements ConsoleBackend {
  readonly path: string;
  #listener: Listener | null = null;
  readonly #waiting: Socket[] = [];
  #port: ConsolePort | null = null;
  #current: { readonly socket: Socket; readonly streams: StreamConsole } | null = null;

  private constructor(path: string) {
    this.path = path;
  }

  /** Waits for clients at a path that nobody listens at yet. @throws SocketError */
  static async listen(path: string): Promise<SocketConsole> {
    const made = new SocketConsole(path);
    made.#listener = await listenAt(path, (socket) => made.#enqueue(socket));
    return made;
  }

  /** Is the client of somebody who listens there. @throws SocketError */
  static async connect(path: string): Promise<SocketConsole> {
    const made = new SocketConsole(path);
    const socket = await connectTo(path);
    socket.pause();
    made.#enqueue(socket);
    return made;
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
    await this.#listener?.close();
  }
}
