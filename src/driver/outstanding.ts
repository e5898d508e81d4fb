import { RingBrokenError } from './errors.ts';
import type { ChainBuffer, UsedChain } from './ring.ts';

/** A chain that the device has. */
export interface Exposed {
  readonly head: number;
  /** Descriptors of the ring that it occupies, in their order. */
  readonly descriptors: readonly number[];
  readonly writableBytes: number;
}

export function exposed(
  head: number,
  descriptors: readonly number[],
  buffers: readonly ChainBuffer[],
): Exposed {
  const writableBytes = buffers.reduce((sum, { writable, length }) => sum + (writable ? length : 0), 0);
  return { head, descriptors, writableBytes };
}

/**
 * The chains that a device has, oldest first. One used element of a device in order stands for all up to the one that it
 * names, and the device has read or written those before that one completely (SPL-INO-01, PKD-EVT-03).
 */
export class OutstandingChains {
  readonly #inOrder: boolean;
  readonly #chains = new Map<number, Exposed>();
  /** What the last used element told and {@link next} has not handed out yet. */
  #last: number | null = null;
  #lastLength = 0;

  constructor(inOrder: boolean) {
    this.#inOrder = inOrder;
  }

  get size(): number {
    return this.#chains.size;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#chains.clear();
    this.#last = null;
  }

  add(chain: Exposed): void {
    this.#chains.set(chain.head, chain);
  }

  /**
   * Takes note of a used element. @param most chains that it may stand for.
   * @returns what is wrong with it, and nothing is noted then; or null.
   */
  used(head: number, length: number, most: number): RingBrokenError | null {
    if (!this.#chains.has(head))
      return new RingBrokenError(`the device used chain ${head}, which it does not have`, head);
    if (this.#inOrder && this.#upTo(head) > most)
      return new RingBrokenError(
        `the device used chain ${head} in order, ${this.#upTo(head)} chains by ${most} used entries`,
        head,
      );
    this.#last = head;
    this.#lastLength = length;
    return null;
  }

  /** Chains from the oldest up to one. */
  #upTo(head: number): number {
    let count = 0;
    for (const each of this.#chains.keys()) {
      count++;
      if (each === head) break;
    }
    return count;
  }

  /** The next chain that came back with the last used element, or null. */
  next(): (Exposed & UsedChain) | null {
    if (this.#last === null) return null;
    const chain = this.#inOrder ? this.#chains.values().next().value! : this.#chains.get(this.#last)!;
    this.#chains.delete(chain.head);
    const last = chain.head === this.#last;
    if (last) this.#last = null;
    return { ...chain, length: last ? this.#lastLength : chain.writableBytes };
  }
}
