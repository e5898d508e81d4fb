import type { ViewCache } from '../../core/index.ts';
import type { Transfer } from '../storage.ts';

/** A stretch of a transfer, to be carried out by itself. */
export class TransferPart implements Transfer {
  readonly offset: number;
  readonly length: number;
  /** Ends it; whoever made it knows what becomes of the whole. */
  readonly done: (ok: boolean) => void;
  readonly #whole: Transfer;
  readonly #at: number;

  /** @param at where it begins in the whole, in bytes. */
  constructor(whole: Transfer, at: number, length: number, done: (ok: boolean) => void) {
    this.#whole = whole;
    this.#at = at;
    this.offset = whole.offset + at;
    this.length = length;
    this.done = done;
  }

  get live(): boolean {
    return this.#whole.live;
  }

  give(
    at: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views?: ViewCache | null,
  ): boolean {
    return this.#whole.give(this.#at + at, source, sourceOffset, length, views);
  }

  take(at: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    return this.#whole.take(this.#at + at, target, targetOffset, length);
  }

  whenReady(step: () => void): void {
    this.#whole.whenReady(step);
  }
}
