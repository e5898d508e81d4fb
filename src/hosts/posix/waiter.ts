import { Arena } from './arena.ts';
import type { Library } from './library.ts';
import { POLL, pollfd } from './poll.ts';

const MOST_FDS = 4096;

/** Waits for descriptors, on this thread. */
export class Waiter {
  readonly #library: Library;
  readonly #arena: Arena;

  constructor(library: Library) {
    this.#library = library;
    this.#arena = new Arena(library, MOST_FDS * pollfd.bytes);
  }

  /**
   * Until any has something to read, or the first takes bytes, where there are any to be sent; for `milliseconds` at most.
   * @returns whether there is anything; {@link ready} tells where.
   */
  wait(fds: readonly number[], sending: boolean, milliseconds: number): boolean {
    const { view } = this.#arena;
    for (const [i, fd] of fds.entries()) {
      view.setInt32(i * pollfd.bytes + pollfd.fd, fd, true);
      view.setInt16(i * pollfd.bytes + pollfd.events, POLL.in | (sending && i === 0 ? POLL.out : 0), true);
      view.setInt16(i * pollfd.bytes + pollfd.revents, 0, true);
    }
    return this.#library.poll(this.#arena.address, fds.length, milliseconds) > 0;
  }

  /** Something was found at the descriptor of that index. */
  ready(index: number): boolean {
    return this.#arena.view.getInt16(index * pollfd.bytes + pollfd.revents, true) !== 0;
  }

  close(): void {
    this.#arena.release();
  }
}
