import { closeSync } from 'node:fs';
import type { MessageSocket } from '../posix/socket.ts';
import { ProtocolError } from './errors.ts';
import { setFields, viewOf } from './fields.ts';
import { HEADER_BYTES, messageFlags, messageHeader, versionDefaults } from './layout.ts';

/** No message is longer: the most that is transferred at once, and the longest structure before it. */
export const MOST_MESSAGE_BYTES = versionDefaults.maxTransferBytes + 4096;
/** So much that a peer does not take is kept for it, before it counts as gone. */
const MOST_UNSENT_BYTES = 8 << 20;

/** A message as it came. Its bytes are there until the next one is taken. */
export interface Message {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly error: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the payload stands in `view`, and how long it is. */
  readonly at: number;
  readonly length: number;
  /** Taken, and closed by whoever takes the message. */
  fds: number[];
}

interface Partial {
  readonly bytes: Uint8Array;
  have: number;
  fds: number[];
}

/** Messages over a socket, in whatever pieces they come. Nothing here waits. */
export class Channel {
  readonly socket: MessageSocket;
  readonly #view: DataView;
  /** What of the bytes received last is no message's yet. */
  #at = 0;
  #end = 0;
  #partial: Partial | null = null;
  readonly #unsent: { readonly bytes: Uint8Array; readonly fds: readonly number[] }[] = [];
  #unsentBytes = 0;
  #ended = false;
  readonly #headerBytes = new Uint8Array(HEADER_BYTES);

  constructor(socket: MessageSocket) {
    this.socket = socket;
    this.#view = viewOf(socket.bytes);
  }

  /** The peer is gone: no more will come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Something waits to be sent. */
  get unsent(): boolean {
    return this.#unsent.length > 0;
  }

  /** The next message, or null where there is none yet, or no more. @throws ProtocolError */
  next(): Message | null {
    for (;;) {
      const message = this.#cut();
      if (message !== null) return message;
      if (this.#ended) return null;
      const count = this.socket.receive();
      if (count < 0) return null;
      if (count === 0) {
        this.#ended = true;
        return null;
      }
      this.#at = 0;
      this.#end = count;
    }
  }

  /** The next whole message of what was received; what is left of it is put aside. */
  #cut(): Message | null {
    if (this.#partial !== null) return this.#complete(this.#partial);
    const left = this.#end - this.#at;
    if (left === 0) return null;
    const size = left < HEADER_BYTES ? HEADER_BYTES : this.#sizeAt(this.#view, this.#at);
    if (left >= size && left >= HEADER_BYTES) {
      const start = this.#at;
      this.#at += size;
      return this.#message(this.socket.bytes, this.#view, start, size, this.#fdsHere());
    }
    this.#partial = { bytes: new Uint8Array(size), have: 0, fds: [] };
    return this.#complete(this.#partial);
  }

  /** Descriptors belong to the message that has the last byte of those that they came with. */
  #fdsHere(): number[] {
    return this.#at === this.#end ? this.socket.fds.splice(0) : [];
  }

  #complete(partial: Partial): Message | null {
    const count = Math.min(partial.bytes.length - partial.have, this.#end - this.#at);
    partial.bytes.set(this.socket.bytes.subarray(this.#at, this.#at + count), partial.have);
    partial.have += count;
    this.#at += count;
    partial.fds.push(...this.#fdsHere());
    if (partial.have < partial.bytes.length) return null;
    const size = this.#sizeAt(viewOf(partial.bytes), 0);
    this.#partial = null;
    if (size > partial.bytes.length) {
      // Only its header was there.
      const bytes = new Uint8Array(size);
      bytes.set(partial.bytes);
      this.#partial = { bytes, have: partial.have, fds: partial.fds };
      return this.#complete(this.#partial);
    }
    return this.#message(partial.bytes, viewOf(partial.bytes), 0, size, partial.fds);
  }

  #sizeAt(view: DataView, at: number): number {
    const size = view.getUint32(at + messageHeader.size.offset, true);
    if (size < HEADER_BYTES || size > MOST_MESSAGE_BYTES)
      throw new ProtocolError(`a message of ${size} bytes; wants ${HEADER_BYTES} to ${MOST_MESSAGE_BYTES}`);
    return size;
  }

  #message(bytes: Uint8Array, view: DataView, start: number, size: number, fds: number[]): Message {
    return {
      id: view.getUint16(start + messageHeader.id.offset, true),
      command: view.getUint16(start + messageHeader.command.offset, true),
      flags: view.getUint32(start + messageHeader.flags.offset, true),
      error: view.getUint32(start + messageHeader.error.offset, true),
      bytes,
      view,
      at: start + HEADER_BYTES,
      length: size - HEADER_BYTES,
      fds,
    };
  }

  /** Sends a command or an answer. @throws SystemCallError; ProtocolError where the peer takes nothing */
  send(
    id: number,
    command: number,
    flags: number,
    error: number,
    payload: Uint8Array | null,
    fds: readonly number[] = [],
  ): void {
    const size = HEADER_BYTES + (payload?.length ?? 0);
    const bytes = payload === null ? this.#headerBytes : new Uint8Array(size);
    setFields(messageHeader, viewOf(bytes), 0, { id, command, size, flags, error });
    if (payload !== null) bytes.set(payload, HEADER_BYTES);
    this.sendBytes(bytes, fds);
  }

  answer(message: Message, payload: Uint8Array | null, fds: readonly number[] = []): void {
    this.send(message.id, message.command, messageFlags.reply, 0, payload, fds);
  }

  answerError(message: Message, error: number): void {
    this.send(message.id, message.command, messageFlags.reply | messageFlags.error, error, null);
  }

  /** Sends bytes that are a whole message; they may be used for others afterwards. */
  sendBytes(bytes: Uint8Array, fds: readonly number[] = []): void {
    if (this.#unsent.length === 0) {
      const sent = Math.max(0, this.socket.send(bytes, fds));
      if (sent === bytes.length) return;
      this.#keep(bytes.slice(sent), sent === 0 ? fds : []);
    } else this.#keep(bytes.slice(), fds);
  }

  #keep(bytes: Uint8Array, fds: readonly number[]): void {
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes > MOST_UNSENT_BYTES)
      throw new ProtocolError(`${this.#unsentBytes} bytes of answers are not taken`);
    this.#unsent.push({ bytes, fds });
  }

  /** Sends what waits, as far as the peer takes it. @throws SystemCallError */
  flush(): void {
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      const sent = Math.max(0, this.socket.send(first.bytes, first.fds));
      this.#unsentBytes -= sent;
      if (sent === first.bytes.length) this.#unsent.shift();
      else {
        this.#unsent[0] = { bytes: first.bytes.subarray(sent), fds: sent === 0 ? first.fds : [] };
        return;
      }
    }
  }

  close(): void {
    for (const fd of this.#partial?.fds.splice(0) ?? []) closeSync(fd);
    this.socket.close();
  }
}
