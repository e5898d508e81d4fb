import type { ValueOf } from '../../../core/index.ts';
import { type VsockCredit, type VsockPacket, vsockBoundary, vsockOperation } from '../../layout/index.ts';
import { MessageQueue, MOST_MESSAGES, type messageQueueState } from './message-queue.ts';
import type { VsockRoom } from './peer.ts';

/** So much goes into one packet: what Linux puts into one. */
const MOST_PAYLOAD = 1 << 16;

/** What a socket has for the driver, until there is room for it there. */
export class VsockOutput {
  readonly #queue = new MessageQueue();
  readonly #credit: VsockCredit;
  readonly #most: number;

  /** @param most bytes that wait. */
  constructor(credit: VsockCredit, most: number) {
    this.#credit = credit;
    this.#most = most;
  }

  get length(): number {
    return this.#queue.length;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#queue.messages === 0;
  }

  /** Bytes of a stream, from `offset` on. @returns how many there was room for. */
  push(bytes: Uint8Array, offset: number): number {
    const length = Math.min(bytes.length - offset, this.#most - this.length);
    this.#queue.push(bytes, offset, length);
    return length;
  }

  /** A message. @returns false where there is no room for it. */
  pushMessage(bytes: Uint8Array, endsRecord: boolean): boolean {
    if (bytes.length > this.#most - this.length || this.#queue.messages >= MOST_MESSAGES) return false;
    this.#queue.push(bytes, 0, bytes.length);
    this.#queue.end(endsRecord);
    return true;
  }

  /** Some of it can go: bytes for which there is credit, or the end of a message. */
  get mayGo(): boolean {
    return this.#queue.first?.length === 0 || (this.length > 0 && this.#credit.credit > 0);
  }

  /** The driver can be asked for room. */
  get mayAsk(): boolean {
    return this.length > 0 && !this.#credit.asked;
  }

  /** Fills in a packet with what can go (VSOCK-BUF-03). */
  next(packet: VsockPacket, room: VsockRoom): void {
    packet.operation = vsockOperation.payload;
    const most = Math.min(room.length, this.#credit.credit, MOST_PAYLOAD);
    const taken = this.#queue.take(most, (bytes, offset, length) => room.put(bytes, offset, length));
    packet.length = Math.max(0, taken);
    this.#credit.wentOut(packet.length);
    const { first } = this.#queue;
    if (taken < 0 || first?.length !== 0) return;
    packet.flags = vsockBoundary.message | (first.record ? vsockBoundary.record : 0);
    this.#queue.pass();
  }

  clear(): void {
    this.#queue.clear();
  }

  save(): ValueOf<typeof messageQueueState> {
    return this.#queue.save();
  }

  load(saved: ValueOf<typeof messageQueueState>): void {
    this.#queue.load(saved);
  }
}
