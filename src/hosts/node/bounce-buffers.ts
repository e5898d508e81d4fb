import { ViewCache } from '../../core/index.ts';

/**
 * Buffers between a file and guest memory, bounded in size and number whatever a guest asks for. A transfer that finds
 * none free waits its turn.
 */
export class BounceBuffers {
  readonly #bytes: number;
  #unmade: number;
  readonly #free: ViewCache[] = [];
  readonly #waiting: ((buffer: ViewCache) => void)[] = [];

  /** At most `count` buffers of `bytes` bytes each; each is made when first needed. */
  constructor(count: number, bytes: number) {
    this.#unmade = count;
    this.#bytes = bytes;
  }

  /** Lends a buffer. */
  take(): Promise<ViewCache> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#unmade > 0) {
      this.#unmade--;
      return Promise.resolve(new ViewCache(new Uint8Array(this.#bytes)));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Takes a buffer back: it goes to whoever waits longest. */
  giveBack(buffer: ViewCache): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next(buffer);
    else this.#free.push(buffer);
  }
}
