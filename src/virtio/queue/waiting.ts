import type { Chain } from './chain.ts';

/**
 * Chains that a device keeps until it has something to put into them, oldest first: receive buffers, event buffers. Those
 * that a reset has killed are passed over.
 */
export class WaitingChains {
  /** Those from `#first` to `#end` are kept; the array never gets shorter, so that in steady state nothing is allocated. */
  readonly #chains: Chain[] = [];
  #first = 0;
  #end = 0;

  /** Chains that are alive; dead ones at the front are forgotten. */
  get length(): number {
    this.#skipDead();
    return this.#end - this.#first;
  }

  /** Keeps a chain, after those that are here. */
  add(chain: Chain): void {
    // A queue may be set up and stopped again and again, and nobody ask for a chain in between.
    if (this.#first < this.#end && !this.#chains[this.#first]!.live) this.#skipDead();
    // The consumed front is given back when it has grown to half of the list: no copy per chain, no list without end.
    if (this.#first > 32 && this.#first * 2 > this.#end) {
      this.#chains.copyWithin(0, this.#first, this.#end);
      this.#end -= this.#first;
      this.#first = 0;
    }
    chain.waiting = true;
    if (this.#end < this.#chains.length) this.#chains[this.#end] = chain;
    else this.#chains.push(chain);
    this.#end++;
  }

  /** The oldest chain, or undefined; it stays. */
  get oldest(): Chain | undefined {
    this.#skipDead();
    return this.#first < this.#end ? this.#chains[this.#first] : undefined;
  }

  /** The chain after `index` others, or undefined; it stays. A queue's chains die together, so none in between is dead. */
  at(index: number): Chain | undefined {
    this.#skipDead();
    return this.#first + index < this.#end ? this.#chains[this.#first + index] : undefined;
  }

  /** Takes the oldest chain, or undefined. */
  take(): Chain | undefined {
    const chain = this.oldest;
    if (chain === undefined) return undefined;
    this.#first++;
    chain.waiting = false;
    return chain;
  }

  clear(): void {
    this.#first = this.#end = 0;
  }

  #skipDead(): void {
    while (this.#first < this.#end && !this.#chains[this.#first]!.live) this.#first++;
    if (this.#first === this.#end) this.#first = this.#end = 0;
  }
}
