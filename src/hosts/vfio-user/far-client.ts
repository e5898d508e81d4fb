import type { Library } from '../posix/library.ts';
import { Waiter } from '../posix/waiter.ts';
import type { Channel, Message } from './channel.ts';
import { ProtocolError } from './errors.ts';
import type { FarAccess } from './far-memory.ts';
import { getField, structure } from './fields.ts';
import { DMA_ACCESS_BYTES, dmaAccessPayload, messageFlags, vfioCommand } from './layout.ts';

/** So long an answer is waited for: as long as QEMU waits for one. */
const ANSWER_MILLISECONDS = 5000;
/** So often, a millisecond each, a client that exchanges its maps is waited for. */
const MAP_WAITS = 20;

/**
 * Asks a client for its memory. What it asks for itself meanwhile goes to `nested`, which may give the turn up: then there
 * are no bytes for the rest of it, and whoever wanted them goes on without.
 */
export class FarClient implements FarAccess {
  readonly #channel: Channel;
  readonly #waiter: Waiter;
  readonly #nested: (message: Message) => void;
  readonly #remapping: () => boolean;
  readonly #abandoned = new Set<number>();
  #next = 1;
  #givenUp = false;
  /** Why the session cannot go on; null while it can. */
  failure: Error | null = null;
  /** False while a command is not answered: its client may be the one that is to be asked. */
  allowed = true;
  /** Most bytes at once. */
  limit = 4096;

  /** @param remapping the client has taken maps back, and may give others for them. */
  constructor(
    library: Library,
    channel: Channel,
    nested: (message: Message) => void,
    remapping: () => boolean,
  ) {
    this.#remapping = remapping;
    this.#channel = channel;
    this.#waiter = new Waiter(library);
    this.#nested = nested;
  }

  giveUp(): void {
    this.#givenUp = true;
  }

  /** Another turn: bytes can be had again. */
  begin(): void {
    this.#givenUp = this.failure !== null;
  }

  read(address: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += this.limit) {
      const count = Math.min(this.limit, length - at);
      const request = structure(dmaAccessPayload, { address: address + at, count });
      const answer = this.#ask(vfioCommand.dmaRead, request);
      if (answer === null || answer.length < DMA_ACCESS_BYTES + count) return null;
      const from = answer.at + DMA_ACCESS_BYTES;
      if (getField(answer.view, answer.at, dmaAccessPayload.count) !== count) return null;
      bytes.set(answer.bytes.subarray(from, from + count), at);
    }
    return bytes;
  }

  write(address: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.limit) {
      const piece = bytes.subarray(at, at + this.limit);
      const fields = { address: address + at, count: piece.length };
      if (this.#ask(vfioCommand.dmaWrite, structure(dmaAccessPayload, fields, piece)) === null) return;
    }
  }

  awaitMaps(): void {
    if (!this.allowed) return;
    try {
      for (let waits = 0; this.#remapping() && waits < MAP_WAITS && !this.#givenUp; ) {
        const message = this.#channel.next();
        if (message !== null) this.#give(message);
        else if (this.#channel.ended)
          throw new ProtocolError('the client left while it exchanged its memory');
        else if (!this.#waiter.wait([this.#channel.socket.fd], false, 1)) waits++;
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #give(message: Message): void {
    if (isReply(message)) this.late(message);
    else this.#nested(message);
  }

  /** @returns the answer, or null for an error, or where there is none */
  #ask(command: number, payload: Uint8Array): Message | null {
    if (this.#givenUp || !this.allowed) return null;
    const id = this.#next;
    this.#next = (id % 0xffff) + 1;
    try {
      this.#channel.send(id, command, messageFlags.command, 0, payload);
      return this.#answerTo(id);
    } catch (error) {
      // The device that asks is none to tell: its session ends when its turn is over.
      this.#fail(error as Error);
      return null;
    }
  }

  #answerTo(id: number): Message | null {
    const channel = this.#channel;
    const until = performance.now() + ANSWER_MILLISECONDS;
    while (!this.#givenUp) {
      const message = channel.next();
      if (message === null) {
        const left = Math.ceil(until - performance.now());
        if (channel.ended) throw new ProtocolError('the client left while its memory was asked for');
        if (left <= 0) throw new ProtocolError(`its memory was asked for, ${ANSWER_MILLISECONDS} ms ago`);
        this.#waiter.wait([channel.socket.fd], channel.unsent, left);
        channel.flush();
      } else if (isReply(message) && message.id === id)
        return (message.flags & messageFlags.error) !== 0 || message.command < vfioCommand.dmaRead
          ? null
          : message;
      else this.#give(message);
    }
    this.#abandoned.add(id);
    return null;
  }

  /** An answer that nobody waits for. @throws ProtocolError where nobody ever has */
  late(message: Message): void {
    if (!this.#abandoned.delete(message.id))
      throw new ProtocolError(`an answer to command ${message.id}, which was not given`);
  }

  #fail(error: Error): void {
    this.failure ??= error;
    this.#givenUp = true;
  }

  close(): void {
    this.#fail(new ProtocolError('the session is over'));
    this.#waiter.close();
  }
}

export const isReply = ({ flags }: Message): boolean =>
  (flags & messageFlags.typeMask) === messageFlags.reply;
