import { flag, group, u32, type ValueOf } from '../../core/index.ts';
import type { VsockPacket } from './vsock-packet.ts';

export const vsockCreditState = group({
  received: u32,
  forwarded: u32,
  told: u32,
  sent: u32,
  peerAllocation: u32,
  peerForwarded: u32,
  updateDue: flag,
  asked: flag,
});

const HALF = 2 ** 31;

/**
 * Who has room for how much of a connection, in bytes. Counts run free, modulo 2^32: of bytes that came and that were read,
 * and of bytes that went and that the other side has read. Either side has one.
 */
export class VsockCredit {
  /** Room for what comes, whole. */
  readonly #allocation: number;
  #received = 0;
  #forwarded = 0;
  /** What the other side knows of {@link #forwarded}. */
  #told = 0;
  #sent = 0;
  #peerAllocation = 0;
  #peerForwarded = 0;
  /** The other side is to hear of room. */
  updateDue = false;
  /** The other side was asked for room, and has not said that there is any. */
  asked = false;

  constructor(allocation: number) {
    this.#allocation = allocation;
  }

  /** Bytes that may come. */
  get room(): number {
    return this.#allocation - ((this.#received - this.#forwarded) >>> 0);
  }

  /** Bytes that the other side has room for. */
  get credit(): number {
    return Math.max(0, this.#peerAllocation - ((this.#sent - this.#peerForwarded) >>> 0));
  }

  /** Takes what a packet says of the other side's room. @returns false where it counts more than was sent. */
  take({ bufferAllocation, forwardCount }: VsockPacket): boolean {
    if ((this.#sent - forwardCount) >>> 0 >= HALF) return false;
    // It may be older than what is known: packets overtake each other where they are sent.
    if ((forwardCount - this.#peerForwarded) >>> 0 < HALF) this.#peerForwarded = forwardCount;
    this.#peerAllocation = bufferAllocation;
    if (this.credit > 0) this.asked = false;
    return true;
  }

  /** Tells the other side, in a packet that goes to it. */
  tell(packet: VsockPacket): void {
    packet.bufferAllocation = this.#allocation;
    packet.forwardCount = this.#told = this.#forwarded;
    this.updateDue = false;
  }

  cameIn(length: number): void {
    this.#received = (this.#received + length) >>> 0;
  }

  /**
   * Room that came back is told where the other side knows of half at most: it may wait for a little more, as for the end of a
   * message of which the rest is here.
   */
  wasRead(length: number): void {
    this.#forwarded = (this.#forwarded + length) >>> 0;
    const known = this.#allocation - ((this.#received - this.#told) >>> 0);
    if (known <= this.#allocation / 2) this.updateDue = true;
  }

  wentOut(length: number): void {
    this.#sent = (this.#sent + length) >>> 0;
  }

  save(): ValueOf<typeof vsockCreditState> {
    return {
      received: this.#received,
      forwarded: this.#forwarded,
      told: this.#told,
      sent: this.#sent,
      peerAllocation: this.#peerAllocation,
      peerForwarded: this.#peerForwarded,
      updateDue: this.updateDue,
      asked: this.asked,
    };
  }

  load(saved: ValueOf<typeof vsockCreditState>): void {
    this.#received = saved.received;
    this.#forwarded = saved.forwarded;
    this.#told = saved.told;
    this.#sent = saved.sent;
    this.#peerAllocation = saved.peerAllocation;
    this.#peerForwarded = saved.peerForwarded;
    this.updateDue = saved.updateDue;
    this.asked = saved.asked;
  }
}
