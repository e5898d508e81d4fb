import type { Chain } from './chain.ts';

/**
 * Chains that a device keeps until it has something to put into them, oldest first: receive buffers, event buffers. Those
 * that a reset has killed are passed over.
 */
export class WaitingChains {
  #chains: Chain[] = [];
  #first = 0;

  /** Chains that are alive; dead ones at the front are forgotten. */
  get length(): number {
    this.#skipDead();
    return this.#chains.length - this.#first;
  }

  /** Keeps a chain, after those that are here. */
  add(chain: Chain): void {
    // The consumed front is given back when it has grown to half of the list: no copy per chain, no list without end.
    if (this.#first > 32 && this.#first * 2 > this.#chains.length) {
      this.#chains.copyWithin(0, this.#first);
      this.#chains.length -= this.#first;
      this.#first = 0;
    }
    this.#chains.push(chain);
  }

  /** The oldest chain, or undefined; it stays. */
  get oldest(): Chain | undefined {
    this.#skipDead();
    return this.#chains[this.#first];
  }

  /** Takes the oldest chain, or undefined. */
  take(): Chain | undefined {
    const chain = this.oldest;
    if (chain !== undefined) this.#first++;
    return chain;
  }

  clear(): void {
    this.#chains.length = this.#first = 0;
  }

  #skipDead(): void {
    while (this.#first < this.#chains.length && !this.#chains[this.#first]!.live) this.#first++;
    if (this.#first === this.#chains.length) this.#chains.length = this.#first = 0;
  }
}
