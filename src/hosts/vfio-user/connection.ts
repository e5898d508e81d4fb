import { closeSync } from 'node:fs';
import { TargetGoneError, TargetTimeoutError } from '../../core/index.ts';
import { NobodyListensError } from '../node/socket-errors.ts';
import { checkSocketPath } from '../node/unix-socket.ts';
import { SystemCallError } from '../posix/errors.ts';
import type { Library } from '../posix/library.ts';
import { MessageSocket } from '../posix/socket.ts';
import { Waiter } from '../posix/waiter.ts';
import { Channel, type Message } from './channel.ts';
import { CommandError, ProtocolError } from './errors.ts';
import { isReply } from './far-client.ts';
import { getFields, structure } from './fields.ts';
import {
  DMA_ACCESS_BYTES,
  dmaAccessPayload,
  type ErrnoName,
  errno,
  messageFlags,
  type VfioCommandName,
  vfioCommand,
  vfioCommandName,
} from './layout.ts';
import { type Limits, proposal, readAgreed } from './negotiation.ts';

/** The client's own memory, for a server that asks for it. @returns null, or false, where there is none */
export interface AskedMemory {
  read(address: number, length: number): Uint8Array | null;
  write(address: number, bytes: Uint8Array): boolean;
}

/** @throws SocketPathError, NobodyListensError */
function connected(library: Library, path: string): MessageSocket {
  checkSocketPath(path);
  try {
    return MessageSocket.connect(library, path);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    throw new NobodyListensError(path, error.code, 'the socket of a vfio-user server');
  }
}

const errnoName = (number: number): ErrnoName =>
  (Object.keys(errno) as ErrnoName[]).find((name) => errno[name] === number) ?? 'EIO';

/** A client's side of a connection: each command waits for its answer, for a limited time. */
export class Connection {
  readonly name: string;
  readonly limits: Limits;
  readonly #channel: Channel;
  readonly #waiter: Waiter;
  readonly #milliseconds: number;
  readonly #memory: AskedMemory;
  /** Answers that nobody waits for any more. */
  readonly #late = new Set<number>();
  #id = 0;
  #gone: TargetGoneError | null = null;

  /** Connects, and agrees on a version. @throws SocketError, TargetGoneError, TargetTimeoutError */
  constructor(library: Library, path: string, memory: AskedMemory, milliseconds: number) {
    this.name = `vfio-user:${path}`;
    this.#memory = memory;
    this.#milliseconds = milliseconds;
    this.#channel = new Channel(connected(library, path));
    this.#waiter = new Waiter(library);
    try {
      const answer = this.command('version', proposal());
      this.limits = this.#orLost(() => readAgreed(answer));
    } catch (error) {
      this.close('the version could not be agreed on');
      throw error instanceof CommandError ? new TargetGoneError(this.name, error.message) : error;
    }
  }

  get fd(): number {
    return this.#channel.socket.fd;
  }

  /** Why nobody is at the other end any more, or null. */
  get gone(): TargetGoneError | null {
    return this.#gone;
  }

  /**
   * Gives a command, and waits for its answer, whose bytes are there until the next.
   * @throws CommandError for one that is an error; TargetGoneError, TargetTimeoutError
   */
  command(name: VfioCommandName, payload: Uint8Array | null, fds: readonly number[] = []): Message {
    const id = this.#send(name, payload, messageFlags.command, fds);
    const until = performance.now() + this.#milliseconds;
    for (;;) {
      const message = this.#next(until, id, name);
      if (message.id !== id) {
        if (!this.#late.delete(message.id))
          this.#lose(`it answered command ${message.id}, which was not given`);
        continue;
      }
      if (message.command !== vfioCommand[name])
        this.#lose(`it answered ${name} as command ${message.command}`);
      if ((message.flags & messageFlags.error) !== 0)
        throw new CommandError(errnoName(message.error), `${name} is refused`);
      return message;
    }
  }

  #send(
    name: VfioCommandName,
    payload: Uint8Array | null,
    flags: number,
    fds: readonly number[] = [],
  ): number {
    if (this.#gone !== null) throw this.#gone;
    const id = this.#id;
    this.#id = (id + 1) & 0xffff;
    this.#orLost(() => this.#channel.send(id, vfioCommand[name], flags, 0, payload, fds));
    return id;
  }

  /** The next answer. Commands of the server are carried out meanwhile. */
  #next(until: number, id: number, name: string): Message {
    for (;;) {
      const message = this.#orLost(() => this.#channel.next());
      if (message !== null && isReply(message)) return message;
      if (message !== null) this.#answer(message);
      else if (this.#channel.ended) this.#lose('it has closed the connection');
      else {
        const left = Math.ceil(until - performance.now());
        if (left <= 0) {
          this.#late.add(id);
          throw new TargetTimeoutError(this.name, name, this.#milliseconds);
        }
        this.#waiter.wait([this.fd], this.#channel.unsent, left);
        this.#orLost(() => this.#channel.flush());
      }
    }
  }

  /** Carries out what the server asks for, without waiting. @returns whether there was anything. @throws TargetGoneError */
  serve(): boolean {
    if (this.#gone !== null) throw this.#gone;
    let any = false;
    for (;;) {
      const message = this.#orLost(() => this.#channel.next());
      if (message === null) {
        if (this.#channel.ended) this.#lose('it has closed the connection');
        return any;
      }
      any = true;
      if (!isReply(message)) this.#answer(message);
      else if (!this.#late.delete(message.id))
        this.#lose(`it answered command ${message.id}, which was not given`);
    }
  }

  #answer(message: Message): void {
    for (const fd of message.fds.splice(0)) closeSync(fd);
    const answer = this.#dma(message);
    if ((message.flags & messageFlags.noReply) !== 0) return;
    this.#orLost(() => {
      if (answer === null) this.#channel.answerError(message, errno.EFAULT);
      else this.#channel.answer(message, answer);
    });
  }

  #dma(message: Message): Uint8Array | null {
    const name = vfioCommandName(message.command);
    if ((name !== 'dmaRead' && name !== 'dmaWrite') || message.length < DMA_ACCESS_BYTES) return null;
    const { address, count } = getFields(dmaAccessPayload, message.view, message.at);
    if (name === 'dmaRead') {
      const bytes = count > this.limits.transferBytes ? null : this.#memory.read(address, count);
      return bytes === null ? null : structure(dmaAccessPayload, { address, count }, bytes);
    }
    if (message.length < DMA_ACCESS_BYTES + count) return null;
    const from = message.at + DMA_ACCESS_BYTES;
    const done = this.#memory.write(address, message.bytes.subarray(from, from + count));
    return done ? structure(dmaAccessPayload, { address, count }) : null;
  }

  #orLost<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof ProtocolError || error instanceof SystemCallError) this.#lose(error.message);
      throw error;
    }
  }

  #lose(reason: string): never {
    this.close(reason);
    throw this.#gone!;
  }

  close(reason = 'it was closed'): void {
    if (this.#gone !== null) return;
    this.#gone = new TargetGoneError(this.name, reason);
    this.#channel.close();
    this.#waiter.close();
  }
}
