import { Arena } from './arena.ts';
import type { Library } from './library.ts';

const POLL = { in: 1, out: 4 } as const;
const POLLFD_BYTES = 8;

/** Waits for one descriptor, on this thread. */
export class Waiter {
  readonly #library: Library;
  readonly #arena: Arena;

  constructor(library: Library) {
    this.#library = library;
    this.#arena = new Arena(library, 4096);
    this.#arena.take(POLLFD_BYTES);
  }

  /** @param sending bytes are to be sent, too. @returns false when `milliseconds` are over */
  wait(fd: number, sending: boolean, milliseconds: number): boolean {
    this.#arena.view.setInt32(0, fd, true);
    this.#arena.view.setInt32(4, POLL.in | (sending ? POLL.out : 0), true);
    return this.#library.poll(this.#arena.address, 1, milliseconds) > 0;
  }

  close(): void {
    this.#arena.release();
  }
}
