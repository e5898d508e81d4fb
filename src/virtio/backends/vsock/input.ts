import type { ValueOf } from '../../../core/index.ts';
import type { VsockCredit } from '../../layout/index.ts';
import { MessageQueue, MOST_MESSAGES, type messageQueueState } from './message-queue.ts';
import type { VsockPayload } from './peer.ts';
import type { VsockMessage } from './socket-parts.ts';

const COPY_BYTES = 1 << 14;
const scratch = new Uint8Array(COPY_BYTES);

/** What came for a socket's user, until it is read. */
export class VsockInput {
  readonly #queue = new MessageQueue();
  readonly #credit: VsockCredit;

  constructor(credit: VsockCredit) {
    this.#credit = credit;
  }

  get length(): number {
    return this.#queue.length;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#queue.messages === 0;
  }

  /** More messages than are kept for a user that does not read. */
  get overflows(): boolean {
    return this.#queue.messages > MOST_MESSAGES;
  }

  /** Takes a payload for which there is room. @returns false where it is out of the device's reach. */
  push(content: VsockPayload, length: number): boolean {
    for (let at = 0; at < length; at += COPY_BYTES) {
      const piece = Math.min(COPY_BYTES, length - at);
      if (!content.copy(at, scratch, piece)) return false;
      this.#queue.push(scratch, 0, piece);
    }
    this.#credit.cameIn(length);
    return true;
  }

  /** The payload was the last of a message. */
  end(endsRecord: boolean): void {
    this.#queue.end(endsRecord);
  }

  /** Bytes of a stream, or null. */
  read(most: number): Uint8Array | null {
    return this.length === 0 ? null : this.#take(Math.min(most, this.length));
  }

  readMessage(): VsockMessage | null {
    const { first } = this.#queue;
    if (first === undefined) return null;
    const message = { bytes: this.#take(first.length), endsRecord: first.record };
    this.#queue.pass();
    return message;
  }

  #take(length: number): Uint8Array {
    const taken = new Uint8Array(length);
    this.#queue.take(length, (bytes, offset) => {
      taken.set(bytes.subarray(offset, offset + length));
      return true;
    });
    this.#credit.wasRead(length);
    return taken;
  }

  /** Nobody wants it. */
  drop(): void {
    this.#credit.wasRead(this.length);
    this.#queue.clear();
  }

  save(): ValueOf<typeof messageQueueState> {
    return this.#queue.save();
  }

  load(saved: ValueOf<typeof messageQueueState>): void {
    this.#queue.load(saved);
  }
}
