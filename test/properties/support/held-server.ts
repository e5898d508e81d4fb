import type { P9Connection, P9Receiver, P9Server } from '../../../src/virtio/index.ts';

/** Gives a message's reply. */
export type Answer = (message: Uint8Array) => Uint8Array;

/** A 9P server that answers when a test says so, in whatever order, and in pieces. */
export class HeldServer implements P9Server {
  readonly pending: Uint8Array[] = [];
  /** Connections so far. */
  connections = 0;
  readonly #answer: Answer;
  #receiver: P9Receiver | null = null;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  get connected(): boolean {
    return this.#receiver !== null;
  }

  connect(receiver: P9Receiver): P9Connection {
    this.connections++;
    this.#receiver = receiver;
    return {
      send: (message) => void this.pending.push(message.slice()),
      close: () => this.#forget(),
    };
  }

  #forget(): void {
    this.#receiver = null;
    this.pending.length = 0;
  }

  /** Answers a message that was received, cut after `cut` bytes. @returns the message, or null when there is none. */
  release(pick: number, cut: number): Uint8Array | null {
    if (this.pending.length === 0) return null;
    const [message] = this.pending.splice(pick % this.pending.length, 1);
    const reply = this.#answer(message!);
    this.say(reply.subarray(0, cut));
    this.say(reply.subarray(cut));
    return message!;
  }

  /** Sends any bytes. */
  say(bytes: Uint8Array): void {
    // A buffer that is used again, as a socket may have it.
    const copy = bytes.slice();
    this.#receiver?.data(copy);
    copy.fill(0xdd);
  }

  /** Ends the connection. */
  die(error: Error | null = null): void {
    const receiver = this.#receiver;
    this.#forget();
    receiver?.closed(error);
  }
}
