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

const ONE = new BigUint64Array([1n]);

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits for any of several descriptors: on this thread while much goes on, on another while it is quiet. */
export class Reactor {
  readonly #library: Library;
  readonly #sources = new Set<Source>();
  /** Those of now in the order in which they are waited for; null where they have changed. */
  #listed: readonly Source[] | null = null;
  readonly #wake: number;
  /** It was woken, and has not seen that yet. */
  #woken = false;
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
    this.#listed = null;
    this.wake();
  }

  delete(source: Source): void {
    if (!this.#sources.delete(source)) return;
    this.#listed = null;
    this.wake();
  }

  /** Has it look at its sources again. */
  wake(): void {
    if (this.#closed || this.#woken) return;
    this.#woken = true;
    writeSync(this.#wake, ONE);
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
        // The event loop waits for itself meanwhile.
        const sources = this.#prepare(NOBODY);
        const ready = await this.#library.pollLater(this.#arena.address, sources.length + OWN, -1);
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
    const { poll, loop } = this.#library;
    const until = performance.now() + TURN_MILLISECONDS;
    let any = false;
    do {
      const sources = this.#prepare(loop ?? NOBODY);
      if (poll(this.#arena!.address, sources.length + OWN, NEAR_MILLISECONDS) <= 0) return any;
      any = true;
      if (this.#dispatch(sources)) return any;
    } while (performance.now() < until && !this.#closed);
    return any;
  }

  /** Says what is waited for: sources of now, and the event loop. */
  #prepare(loop: number): readonly Source[] {
    if (this.#listed === null) {
      this.#listed = [...this.#sources];
      this.#put(0, this.#wake);
      for (const [i, { fd }] of this.#listed.entries()) this.#put(i + OWN, fd);
    }
    this.#put(1, loop);
    const { view } = this.#arena!;
    let at = OWN * pollfd.bytes + pollfd.events;
    for (const { sending } of this.#listed) {
      view.setInt16(at, POLL.in | (sending ? POLL.out : 0), true);
      at += pollfd.bytes;
    }
    return this.#listed;
  }

  #put(index: number, fd: number): void {
    const { view } = this.#arena!;
    view.setInt32(index * pollfd.bytes + pollfd.fd, fd, true);
    view.setInt16(index * pollfd.bytes + pollfd.events, POLL.in, true);
  }

  /** @param sources that were waited for; some may go while others are served. @returns whether others of this thread have something to do. */
  #dispatch(sources: readonly Source[]): boolean {
    const { view } = this.#arena!;
    const found = (index: number) => view.getInt16(index * pollfd.bytes + pollfd.revents, true);
    if (found(0) !== 0) this.#drain();
    let others = found(1) !== 0;
    for (let i = 0; i < sources.length; i++) {
      const events = found(i + OWN);
      if (events === 0) continue;
      const source = sources[i]!;
      if ((events & POLL.out) !== 0 && this.#sources.has(source)) source.writable();
      if ((events & (POLL.in | POLL.bad)) !== 0 && this.#sources.has(source))
        others = source.readable() || others;
    }
    return others;
  }

  #drain(): void {
    this.#woken = false;
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
