import { newNetworkHeader } from '../layout/network-header.ts';
import type { Offload } from './network-link.ts';

/** Longest queue: what comes on top is dropped, as a real switch drops it. */
const MAX_WAITING = 256;
const USUAL_BYTES = 2048;

/** A frame that waits, in memory of its own. Pooled. */
class WaitingFrame<S> {
  source!: S;
  bytes = new Uint8Array(USUAL_BYTES);
  length = 0;
  offload: Offload | null = null;
  readonly #offload = newNetworkHeader();

  keep(source: S, bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    if (this.bytes.length < length) this.bytes = new Uint8Array(length);
    this.bytes.set(bytes.subarray(offset, offset + length));
    this.source = source;
    this.length = length;
    this.offload = offload === null ? null : Object.assign(this.#offload, offload);
  }
}

export type Deliver<S> = (
  source: S,
  bytes: Uint8Array,
  offset: number,
  length: number,
  offload: Offload | null,
) => void;

/**
 * Delivers frames one after the other. Whoever gets a frame may send the next before it returns: that one is copied and
 * waits, so that nobody's bytes change while they are read, and everybody sees the same order.
 */
export class FrameQueue<S> {
  /** Frames for which there was no room. */
  dropped = 0;
  readonly #deliver: Deliver<S>;
  readonly #waiting: WaitingFrame<S>[] = [];
  readonly #free: WaitingFrame<S>[] = [];
  #delivering = false;

  constructor(deliver: Deliver<S>) {
    this.#deliver = deliver;
  }

  send(source: S, bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    if (this.#delivering) {
      this.#keep(source, bytes, offset, length, offload);
      return;
    }
    this.#delivering = true;
    try {
      this.#deliver(source, bytes, offset, length, offload);
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        this.#deliver(next.source, next.bytes, 0, next.length, next.offload);
        this.#free.push(next);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #keep(source: S, bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    if (this.#waiting.length === MAX_WAITING) {
      this.dropped++;
      return;
    }
    const frame = this.#free.pop() ?? new WaitingFrame<S>();
    frame.keep(source, bytes, offset, length, offload);
    this.#waiting.push(frame);
  }
}
