import { closeSync, readSync, writeSync } from 'node:fs';
import { Arena } from './arena.ts';
import type { Library } from './library.ts';
import { openEvent, POLL, pollfd } from './poll.ts';

/** After something has happened, so long is waited on this thread: much is likely to follow, and an answer takes no detour. */
const NEAR_MILLISECONDS = 1;
const NEAR_WAITS = 20;
/** The longest that others of this thread wait for their turn. */
const TURN_MILLISECONDS = 4;
const MOST_SOURCES = 4096;
/** Descriptors that are waited for beside those of sources: one that wakes it, and that of the thread's event loop. */
const OWN = 2;
/** Is passed over where descriptors are waited for. */
const NOBODY = -1;

/** A descriptor, and what is done when something can be read from it. */
export interface Source {
  readonly fd: number;
  /** There is something to be sent, and `writable` is to be called when that is possible. */
  readonly sending: boolean;
  /** @returns whether others of this thread have to go on with what was begun. */
  readable(): boolean;
  writable(): void;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits for any of several descriptors: on this thread while much goes on, on another while it is quiet. */
export class Reactor {
  readonly #library: Library;
  readonly #sources = new Set<Source>();
  readonly #wake: number;
  #arena: Arena | null = null;
  #closed = false;
  #running: Promise<void> | null = null;

  constructor(library: Library) {
    this.#library = library;
    this.#wake = openEvent(library);
  }

  add(source: Source): void {
    if (this.#sources.size >= MOST_SOURCES) throw new RangeError(`${MOST_SOURCES} descriptors are watched`);
    this.#sources.add(source);
    this.wake();
  }

  delete(source: Source): void {
    if (this.#sources.delete(source)) this.wake();
  }

  /** Has it look at its sources again. */
  wake(): void {
    if (!this.#closed) writeSync(this.#wake, new BigUint64Array([1n]));
  }

  /** Serves its sources until it is closed. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    this.#arena = new Arena(this.#library, (MOST_SOURCES + OWN) * pollfd.bytes);
    let quiet = 0;
    while (!this.#closed) {
      if (quiet < NEAR_WAITS) quiet = this.#serveATurn() ? 0 : quiet + 1;
      else {
        const [sources, count] = this.#prepare();
        const ready = await this.#library.pollLater(this.#arena.address, count, -1);
        if (this.#closed) break;
        if (ready > 0) this.#dispatch(sources);
        quiet = 0;
      }
      await turn();
    }
    this.#arena.release();
    closeSync(this.#wake);
  }

  /** Serves what comes, until nothing does for a moment, or others want their turn. @returns whether anything came. */
  #serveATurn(): boolean {
    const until = performance.now() + TURN_MILLISECONDS;
    let any = false;
    do {
      const [sources, count] = this.#prepare();
      if (this.#library.poll(this.#arena!.address, count, NEAR_MILLISECONDS) <= 0) return any;
      any = true;
      if (this.#dispatch(sources)) return any;
    } while (performance.now() < until && !this.#closed);
    return any;
  }

  #prepare(): [readonly Source[], number] {
    const { view } = this.#arena!;
    const sources = [...this.#sources];
    let at = 0;
    const put = (fd: number, events: number) => {
      view.setInt32(at + pollfd.fd, fd, true);
      view.setInt16(at + pollfd.events, events, true);
      view.setInt16(at + pollfd.revents, 0, true);
      at += pollfd.bytes;
    };
    put(this.#wake, POLL.in);
    put(this.#library.loop ?? NOBODY, POLL.in);
    for (const { fd, sending } of sources) put(fd, POLL.in | (sending ? POLL.out : 0));
    return [sources, sources.length + OWN];
  }

  /** @returns whether others of this thread have something to do. */
  #dispatch(sources: readonly Source[]): boolean {
    const { view } = this.#arena!;
    const found = (index: number) => view.getInt16(index * pollfd.bytes + pollfd.revents, true);
    // Read first: what a source does may come here again.
    const events = sources.map((_, i) => found(i + OWN));
    if (found(0) !== 0) this.#drain();
    let others = found(1) !== 0;
    for (const [i, source] of sources.entries()) {
      if ((events[i]! & POLL.out) !== 0 && this.#sources.has(source)) source.writable();
      if ((events[i]! & (POLL.in | POLL.bad)) !== 0 && this.#sources.has(source))
        others = source.readable() || others;
    }
    return others;
  }

  #drain(): void {
    try {
      readSync(this.#wake, new Uint8Array(8));
    } catch {
      // Somebody has read it already.
    }
  }

  /** Ends {@link run}; sources are their owners' to close. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.wake();
    this.#closed = true;
    if (this.#running === null) closeSync(this.#wake);
    else await this.#running;
  }
}
