import type { Socket } from 'node:net';
import { type Listener, listenAt } from '../node/index.ts';
import type { CommandTarget } from './commands.ts';
import { QtestSession } from './session.ts';

/** Clients that wait for their turn at most. */
const MOST_WAITING = 16;

/**
 * A machine behind a UNIX socket, by QEMU's qtest protocol. One client after another has it, as whoever was before left it;
 * who comes meanwhile waits.
 */
export class QtestServer {
  readonly path: string;
  readonly #target: CommandTarget;
  #listener: Listener | null = null;
  readonly #waiting: Socket[] = [];
  readonly #connected = new Set<Socket>();
  #current: QtestSession | null = null;
  /** Clients so far, and commands of those that have left. */
  sessions = 0;
  #commands = 0;

  private constructor(path: string, target: CommandTarget) {
    this.path = path;
    this.#target = target;
  }

  /** @throws SocketError where the path is not one that can be listened on. */
  static async listen(path: string, target: CommandTarget): Promise<QtestServer> {
    const server = new QtestServer(path, target);
    server.#listener = await listenAt(path, (socket) => server.#enqueue(socket));
    return server;
  }

  get commands(): number {
    return this.#commands + (this.#current?.commands ?? 0);
  }

  #enqueue(socket: Socket): void {
    if (this.#waiting.length >= MOST_WAITING) {
      socket.destroy();
      return;
    }
    this.#connected.add(socket);
    socket.on('close', () => this.#connected.delete(socket));
    this.#waiting.push(socket);
    this.#next();
  }

  #next(): void {
    const socket = this.#current === null ? this.#waiting.shift() : undefined;
    if (socket === undefined) return;
    const session = new QtestSession({ input: socket, output: socket }, this.#target);
    this.#current = session;
    this.sessions++;
    session.onEnd = () => {
      this.#commands += session.commands;
      this.#current = null;
      this.#next();
    };
  }

  /** Hangs up on everybody, and listens no longer. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    for (const socket of this.#connected) socket.destroy();
    await this.#listener?.close();
  }
}
