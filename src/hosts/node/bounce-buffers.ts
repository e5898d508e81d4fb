import { ViewCache } from '../../core/index.ts';

interface Waiting {
  wanted(): boolean;
  lend(buffer: ViewCache | null): void;
}

/**
 * Buffers between a file and guest memory, bounded in size and number whatever a guest asks for. A transfer that finds
 * none free waits its turn; one that a reset took back meanwhile has none.
 */
export class BounceBuffers {
  readonly #bytes: number;
  #unmade: number;
  readonly #free: ViewCache[] = [];
  readonly #waiting: Waiting[] = [];

  /** At most `count` buffers of `bytes` bytes each; each is made when first needed. */
  constructor(count: number, bytes: number) {
    this.#unmade = count;
    this.#bytes = bytes;
  }

  /** Transfers that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lends a buffer. @param wanted says whether it still is. @returns null for one that was not any more. */
  take(wanted: () => boolean = () => true): Promise<ViewCache | null> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#unmade > 0) {
      this.#unmade--;
      return Promise.resolve(new ViewCache(new Uint8Array(this.#bytes)));
    }
    this.#forgetUnwanted();
    return new Promise((lend) => this.#waiting.push({ wanted, lend }));
  }

  /** Those that a reset took back; mostly they stand together. */
  #forgetUnwanted(): void {
    while (this.#waiting.length > 0 && !this.#waiting[0]!.wanted()) this.#waiting.shift()!.lend(null);
  }

  /** Takes a buffer back: it goes to whoever waits longest. */
  giveBack(buffer: ViewCache): void {
    this.#forgetUnwanted();
    const next = this.#waiting.shift();
    if (next !== undefined) next.lend(buffer);
    else this.#free.push(buffer);
  }
}
