import type { Socket } from 'node:net';
import { VirtiolabError } from '../../../core/index.ts';
import { JsonStream, JsonStreamError } from './json-stream.ts';
import { execute, QmpError, type QmpTarget, version } from './qmp-commands.ts';

/** No clock goes here: QMP's way of saying that the time of an event is not known. */
const timestamp = { seconds: -1, microseconds: -1 } as const;

const NEGOTIATE = 'qmp_capabilities';

interface Request {
  readonly execute?: unknown;
  readonly arguments?: unknown;
  readonly id?: unknown;
}

/** A client of the monitor, by QEMU's machine protocol: a greeting, an agreement, then a command after the other. */
export class QmpSession {
  readonly #socket: Socket;
  readonly #target: QmpTarget;
  readonly #stream = new JsonStream();
  #agreed = false;
  #busy = false;
  #full = false;

  constructor(socket: Socket, target: QmpTarget) {
    this.#socket = socket;
    this.#target = target;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#stream.add(text);
      void this.#work();
    });
    socket.on('drain', () => {
      this.#full = false;
      void this.#work();
    });
    this.#say({ QMP: { version, capabilities: [] } });
    socket.resume();
  }

  /** Tells of something that happened, once the client has agreed. */
  event(name: string, data?: object): void {
    if (this.#agreed) this.#say({ timestamp, event: name, ...(data === undefined ? {} : { data }) });
  }

  #say(value: object): void {
    if (this.#socket.destroyed) return;
    if (!this.#socket.write(`${JSON.stringify(value)}\r\n`)) this.#full = true;
  }

  /** Carries commands out in order, while the client takes answers. */
  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (!this.#full && (await this.#one()));
    this.#busy = false;
    if (this.#stream.tooLong) this.#socket.destroy();
    else if (this.#full) this.#socket.pause();
    else this.#socket.resume();
  }

  /** @returns false when there is nothing left to do. */
  async #one(): Promise<boolean> {
    let request: Request | undefined;
    try {
      request = this.#stream.next() as Request | undefined;
      if (request === undefined) return false;
      this.#say({ return: await this.#answer(request), ...idOf(request) });
    } catch (error) {
      if (error instanceof JsonStreamError)
        this.#say({ error: { class: 'GenericError', desc: error.message } });
      else if (error instanceof VirtiolabError) {
        const kind = error instanceof QmpError ? error.kind : 'GenericError';
        this.#say({ error: { class: kind, desc: error.message }, ...idOf(request) });
      } else throw error;
    }
    return true;
  }

  async #answer({ execute: name, arguments: args = {} }: Request): Promise<unknown> {
    if (typeof name !== 'string') throw new QmpError('GenericError', "QMP input lacks member 'execute'");
    if (typeof args !== 'object' || args === null || Array.isArray(args))
      throw new QmpError('GenericError', "QMP input member 'arguments' must be an object");
    if (this.#agreed) return execute(this.#target, name, args as Record<string, unknown>);
    if (name !== NEGOTIATE)
      throw new QmpError(
        'CommandNotFound',
        `Expecting capabilities negotiation with '${NEGOTIATE}' before command '${name}'`,
      );
    this.#agreed = true;
    return {};
  }
}

const idOf = (request: Request | undefined) => (request?.id === undefined ? {} : { id: request.id });
