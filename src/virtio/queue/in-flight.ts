import { Chain, NOT_DONE } from './chain.ts';
import { Names } from './names.ts';
import type { SavedChain } from './state.ts';

/**
 * A queue's chains: those in flight, linked in the order of being taken, those that are gone while a back end goes on with
 * their requests, and those that are free to be taken anew. The one that was taken last is linked when somebody asks for
 * what is in flight: most are handed back before.
 */
export class InFlight {
  #oldest: Chain | null = null;
  #newest: Chain | null = null;
  #linked = 0;
  /** Taken, and not linked yet. */
  #latest: Chain | null = null;
  /** Requests that a back end goes on with although their chains are gone: killed, or handed back before. */
  lingering = 0;
  #names: Names;
  readonly #free: Chain[] = [];
  readonly #queue: { readonly index: number };

  /** `names` is how many names the queue's ring has. */
  constructor(queue: { readonly index: number }, names: number) {
    this.#queue = queue;
    this.#names = new Names(names);
  }

  /** Another ring, with names of its own; nothing is in flight. */
  rename(names: number): void {
    this.#names = new Names(names);
  }

  /** Room for the next chain. */
  fresh(): Chain {
    const chain = this.#free.pop();
    if (chain !== undefined) return chain;
    const made = new Chain();
    made.queue = this.#queue.index;
    made.owner = this.#queue;
    return made;
  }

  /** Nothing came into it, or nobody works on it any more. */
  free(chain: Chain): void {
    this.#free.push(chain);
  }

  /** The one that was taken first. */
  get oldest(): Chain | null {
    if (this.#latest !== null) this.#settle();
    return this.#oldest;
  }

  /** How many there are. */
  get count(): number {
    return this.#latest === null ? this.#linked : this.#linked + 1;
  }

  /** One of the same name is in flight. */
  has(chain: Chain): boolean {
    if (this.#latest !== null) this.#settle();
    return this.#linked !== 0 && this.#names.has(chain.head);
  }

  /** A chain is taken whose name nobody has. */
  take(chain: Chain): void {
    if (this.#latest !== null) this.#settle();
    this.#latest = chain;
  }

  #settle(): void {
    const chain = this.#latest!;
    this.#latest = null;
    this.link(chain);
  }

  /** A chain is taken, whatever its name. */
  link(chain: Chain): void {
    if (this.#latest !== null) this.#settle();
    this.#names.add(chain.head);
    chain.before = this.#newest;
    chain.after = null;
    if (this.#newest === null) this.#oldest = chain;
    else this.#newest.after = chain;
    this.#newest = chain;
    this.#linked++;
  }

  /** A chain goes from the ring: it is used again, unless somebody holds it. */
  leave(chain: Chain): void {
    if (this.#latest === chain) this.#latest = null;
    else this.#unlink(chain);
    if (chain.held === true) this.#linger(chain);
    else this.#free.push(chain);
  }

  #unlink(chain: Chain): void {
    this.#names.delete(chain.head);
    const { before, after } = chain;
    if (before === null) this.#oldest = after;
    else before.after = after;
    if (after === null) this.#newest = before;
    else after.before = before;
    this.#linked--;
  }

  #linger(chain: Chain): void {
    chain.lingers = true;
    this.lingering++;
  }

  /** Nobody holds a chain any more. @returns whether one fewer lingers. */
  letGo(chain: Chain): boolean {
    if (!chain.held) return false;
    chain.held = false;
    if (!chain.lingers) return false;
    chain.lingers = false;
    this.lingering--;
    this.#free.push(chain);
    return true;
  }

  /** All die. Their devices may know them still, so they are not used again but for those that are let go. */
  drop(): void {
    for (let chain = this.oldest; chain !== null; chain = chain.after) {
      chain.live = false;
      if (chain.held) this.#linger(chain);
    }
    if (this.#linked > 0) this.#names.clear();
    this.#oldest = this.#newest = null;
    this.#linked = 0;
  }

  /** Nothing is being done for any of them: each waits for an event, or in order for one that does. */
  get idle(): boolean {
    for (let chain = this.oldest; chain !== null; chain = chain.after)
      if (!chain.waiting && chain.written === NOT_DONE) return false;
    return true;
  }

  save(): SavedChain[] {
    const saved: SavedChain[] = [];
    for (let chain = this.oldest; chain !== null; chain = chain.after) saved.push(chain.save());
    return saved;
  }
}
