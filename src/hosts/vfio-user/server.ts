import { rmSync } from 'node:fs';
import { type Library, loadLibrary } from '../posix/library.ts';
import { Reactor, type Source } from '../posix/reactor.ts';
import { ListeningSocket } from '../posix/socket.ts';
import { eventSystem } from './client-events.ts';
import type { Served } from './commands.ts';
import { ServedDevice } from './device.ts';
import { Features } from './features.ts';
import { Migration } from './migration.ts';
import { Session } from './session.ts';

/** What happens at a socket, for whoever wants to tell of it. */
export type ServerEvent =
  | { readonly kind: 'attached'; readonly socket: string }
  /** `reason` is `it left` where nothing was wrong; `fault` is what a device or its back end threw. */
  | { readonly kind: 'detached'; readonly socket: string; readonly reason: string; readonly fault?: unknown };

export interface ServeOptions {
  /** Where clients connect. Nobody else has it, or whoever had it is gone. */
  readonly socket: string;
  /** Puts a function into the board, once, at {@link SERVED_ADDRESS}. */
  plug(device: ServedDevice): void;
  readonly onEvent?: (event: ServerEvent) => void;
}

/** A device at a socket. Clients come one after another: those that come meanwhile wait. */
export class Service implements Source {
  readonly socket: string;
  readonly device: ServedDevice;
  readonly #library: Library;
  readonly #reactor: Reactor;
  readonly #listening: ListeningSocket;
  readonly #served: Served;
  readonly #onEvent: (event: ServerEvent) => void;
  #session: Session | null = null;
  #closed = false;

  constructor(library: Library, reactor: Reactor, options: ServeOptions) {
    this.#library = library;
    this.#reactor = reactor;
    this.socket = options.socket;
    this.#onEvent = options.onEvent ?? (() => {});
    this.device = new ServedDevice(library, eventSystem(library, reactor));
    options.plug(this.device);
    const migration = new Migration(this.device);
    this.#served = { device: this.device, migration, features: new Features(this.device, migration) };
    this.#listening = new ListeningSocket(library, options.socket);
    reactor.add(this);
  }

  get fd(): number {
    return this.#listening.fd;
  }

  get sending(): boolean {
    return false;
  }

  /** Somebody is attached. */
  get attached(): boolean {
    return this.#session !== null;
  }

  /** Asks whoever is attached to let the device go, as for taking it out. @returns whether anybody listens */
  requestRelease(): boolean {
    return this.device.irqs.requestRelease();
  }

  writable(): void {}

  readable(): boolean {
    if (this.#session !== null) return false;
    const socket = this.#listening.accept();
    if (socket === null) return false;
    this.#session = new Session(this.#library, socket, this.#served, (reason, fault) =>
      this.#left(reason, fault),
    );
    // Others wait in line, and are not to wake anybody.
    this.#reactor.delete(this);
    this.#reactor.add(this.#session);
    this.#onEvent({ kind: 'attached', socket: this.socket });
    return false;
  }

  #left(reason: string, fault: unknown): void {
    this.#reactor.delete(this.#session!);
    this.#session = null;
    if (!this.#closed) this.#reactor.add(this);
    const why = fault === undefined ? { reason } : { reason, fault };
    this.#onEvent({ kind: 'detached', socket: this.socket, ...why });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#session?.end('the server ends');
    this.#reactor.delete(this);
    this.#listening.close();
    rmSync(this.socket, { force: true });
  }
}

/** Devices of one process at sockets of their own, served by one loop. */
export class VfioUserServer {
  readonly #library: Library;
  readonly #reactor: Reactor;
  readonly #services = new Set<Service>();

  private constructor(library: Library) {
    this.#library = library;
    this.#reactor = new Reactor(library);
    void this.#reactor.run();
  }

  /** @throws NativeCallsError where there is no koffi, or no Linux */
  static async start(): Promise<VfioUserServer> {
    return new VfioUserServer(await loadLibrary());
  }

  /** @throws SystemCallError where the socket cannot be had; whatever `plug` throws */
  serve(options: ServeOptions): Service {
    const service = new Service(this.#library, this.#reactor, options);
    this.#services.add(service);
    return service;
  }

  /** Takes one device away. */
  stop(service: Service): void {
    this.#services.delete(service);
    service.close();
  }

  async close(): Promise<void> {
    for (const service of this.#services) service.close();
    await this.#reactor.close();
  }
}
