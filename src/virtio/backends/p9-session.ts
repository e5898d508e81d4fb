import type { State } from '../../core/index.ts';
import { p9Header } from '../layout/index.ts';
import { type P9Connection, type P9Server, P9ServerError } from './p9-link.ts';

export interface P9SessionOwner {
  /** One whole message of the server's, valid until this returns. */
  message(bytes: Uint8Array, session: P9Session): void;
  /** The session is over, and not because its owner closed it. */
  lost(error: P9ServerError): void;
}

/** One connection to a server, and the messages in what it sends. */
export class P9Session {
  readonly #owner: P9SessionOwner;
  readonly #maxBytes: number;
  readonly #connection: P9Connection | null;
  /** A message that has not come whole: its first bytes. */
  #part = new Uint8Array(p9Header.bytes);
  #have = 0;
  #over = false;
  /** Who waits for the connection's end. */
  #onEnded: () => void = () => {};

  /** @param saved where a connection is taken up again: what it had saved, or null. */
  constructor(server: P9Server, maxBytes: number, owner: P9SessionOwner, saved?: State) {
    this.#owner = owner;
    this.#maxBytes = maxBytes;
    const receiver = {
      data: (bytes: Uint8Array) => this.#receive(bytes),
      closed: (error: Error | null) =>
        this.fail(
          error === null
            ? new P9ServerError('closed', 'it closed the connection')
            : new P9ServerError('connection', error.message, error),
        ),
      ended: () => {
        const onEnded = this.#onEnded;
        this.#onEnded = () => {};
        onEnded();
      },
    };
    this.#connection =
      saved === undefined ? server.connect(receiver) : (server.resume?.(receiver, saved) ?? null);
    // It may have failed within the call.
    if (this.#over) this.#connection?.close();
    if (this.#connection === null) this.#over = true;
  }

  get open(): boolean {
    return !this.#over;
  }

  send(message: Uint8Array): void {
    if (!this.#over) this.#connection!.send(message);
  }

  /** What the connection saves of itself; null where it does not. */
  save(): State {
    return this.#over ? null : (this.#connection!.save?.() ?? null);
  }

  /** The reply to the request of that tag, under way in a saved state, may come. */
  awaited(tag: number): void {
    if (!this.#over) this.#connection!.awaited?.(tag);
  }

  /** Ends the session from this side. @param ended is called when nothing is left of its connection, perhaps at once. */
  close(ended: () => void = () => {}): void {
    if (this.#over) {
      ended();
      return;
    }
    this.#over = true;
    // Not there yet where it fails within `connect`.
    const connection = this.#connection;
    if (connection?.lingers === true) this.#onEnded = ended;
    connection?.close();
    if (connection?.lingers !== true) ended();
  }

  /** Ends the session because of its server. */
  fail(error: P9ServerError): void {
    if (this.#over) return;
    this.close();
    this.#owner.lost(error);
  }

  #receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#over; ) {
      if (this.#have === 0 && bytes.length - at >= p9Header.bytes) {
        const size = this.#sizeAt(bytes, at);
        if (size < 0) return;
        if (bytes.length - at >= size) {
          this.#owner.message(bytes.subarray(at, at + size), this);
          at += size;
          continue;
        }
      }
      at += this.#collect(bytes, at);
    }
  }

  /** Takes bytes of a message in pieces. @returns how many. */
  #collect(bytes: Uint8Array, at: number): number {
    const headed = this.#have >= p9Header.bytes;
    const wanted = headed ? this.#sizeAt(this.#part, 0) : p9Header.bytes;
    const length = Math.min(wanted - this.#have, bytes.length - at);
    this.#part.set(bytes.subarray(at, at + length), this.#have);
    this.#have += length;
    if (this.#have < wanted) return length;
    if (!headed) this.#makeRoom();
    if (!this.#over && this.#have === this.#sizeAt(this.#part, 0)) {
      this.#have = 0;
      // A copy of its own: its owner may be called back and see the next message begin.
      this.#owner.message(this.#part.slice(0, wanted), this);
    }
    return length;
  }

  #makeRoom(): void {
    const size = this.#sizeAt(this.#part, 0);
    if (size <= this.#part.length) return;
    const larger = new Uint8Array(size);
    larger.set(this.#part.subarray(0, this.#have));
    this.#part = larger;
  }

  /** Bytes of the message that starts there; -1, with the session over, for what none has. */
  #sizeAt(bytes: Uint8Array, at: number): number {
    let size = 0;
    for (let i = 3; i >= 0; i--) size = size * 256 + bytes[at + p9Header.size + i]!;
    if (size >= p9Header.bytes && size <= this.#maxBytes) return size;
    this.fail(new P9ServerError('protocol', `a message of ${size} bytes`));
    return -1;
  }
}
