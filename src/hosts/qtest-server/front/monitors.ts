import type { Socket } from 'node:net';
import { connectTo, listenAt } from '../../node/index.ts';
import type { SocketPlace } from './chardevs.ts';
import type { FrontMachine } from './front-machine.ts';
import { HumanSession } from './human-monitor.ts';
import type { QmpTarget } from './qmp-commands.ts';
import { QmpSession } from './qmp-session.ts';

/** Monitors of a machine, on any number of sockets, and of either form. */
export class Monitors implements QmpTarget {
  readonly machine: FrontMachine;
  running = true;
  readonly #sessions = new Set<QmpSession>();
  readonly #closing: (() => void | Promise<void>)[] = [];
  #end: (why: string) => void = () => {};
  /** Settled when the program is to end, with the reason. */
  readonly ended = new Promise<string>((resolve) => (this.#end = resolve));

  constructor(machine: FrontMachine) {
    this.machine = machine;
    machine.onRemoved = (id) =>
      this.event('DEVICE_DELETED', {
        ...(id.startsWith('#') ? {} : { device: id }),
        path: `/machine/peripheral${id.startsWith('#') ? '-anon/device' : '/'}${id.replace('#', '')}`,
      });
    machine.onReset = () => this.event('RESET', { guest: true, reason: 'guest-reset' });
  }

  event(name: string, data?: object): void {
    for (const session of this.#sessions) session.event(name, data);
  }

  quit(): void {
    // What was said is sent first.
    setImmediate(() => this.end('quit'));
  }

  /** The program is to end. */
  end(why: string): void {
    this.#end(why);
  }

  /** A monitor for programs, or one for people. @throws SocketError */
  open(place: SocketPlace, human = false): Promise<void> {
    return this.#connect(place, (client) => {
      if (human) {
        new HumanSession(client, this);
        return;
      }
      const session = new QmpSession(client, this);
      this.#sessions.add(session);
      client.on('close', () => this.#sessions.delete(session));
    });
  }

  async #connect(place: SocketPlace, connected: (socket: Socket) => void): Promise<void> {
    if (!place.server) {
      const socket = await connectTo(place.path);
      this.#closing.push(() => void socket.destroy());
      socket.on('error', () => socket.destroy());
      connected(socket);
      return;
    }
    const open = new Set<Socket>();
    const listener = await listenAt(place.path, (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      connected(socket);
    });
    this.#closing.push(async () => {
      for (const socket of open) socket.destroy();
      await listener.close();
    });
  }

  /** Hangs up on everybody. */
  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }
}
