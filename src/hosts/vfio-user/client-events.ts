import { closeSync, readlinkSync } from 'node:fs';
import { Arena } from '../posix/arena.ts';
import type { Library } from '../posix/library.ts';
import type { Reactor, Source } from '../posix/reactor.ts';
import { CommandError } from './errors.ts';
import type { EventSystem } from './irqs.ts';

const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const RWF_NOWAIT = 8;
const COUNT_BYTES = 8;
/** `struct iovec`: address, and length behind it. */
const IOVEC_BYTES = 16;
/** An event has no places. */
const NO_PLACE = -1;

/** An event of a client's that is heard. The client may read it too, and have it wait for a count: nobody here does. */
class HeardEvent implements Source {
  readonly fd: number;
  readonly sending = false;
  readonly #library: Library;
  readonly #reactor: Reactor;
  readonly #arena: Arena;
  readonly #heard: () => void;
  #closed = false;

  constructor(library: Library, reactor: Reactor, fd: number, heard: () => void) {
    this.fd = fd;
    this.#library = library;
    this.#reactor = reactor;
    this.#heard = heard;
    this.#arena = new Arena(library, 2 * IOVEC_BYTES);
    this.#arena.take(IOVEC_BYTES);
    this.#arena.setAddress(0, this.#arena.at(this.#arena.take(COUNT_BYTES)));
    this.#arena.setSize(COUNT_BYTES, COUNT_BYTES);
    reactor.add(this);
  }

  readable(): boolean {
    if (this.#library.preadv2(this.fd, this.#arena.address, 1, NO_PLACE, RWF_NOWAIT) === COUNT_BYTES)
      this.#heard();
    else if (this.#library.code() !== 'EAGAIN') this.close();
    return false;
  }

  writable(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.delete(this);
    this.#arena.release();
    closeSync(this.fd);
  }
}

/** What a client does with its events reaches nobody but its own session. */
export const eventSystem = (library: Library, reactor: Reactor): EventSystem => ({
  free: (fd) => void library.fcntl(fd, F_SETFL, O_NONBLOCK),
  listen(fd, heard) {
    // Others can be read at any time, and would be heard for ever.
    if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventfd]') {
      closeSync(fd);
      throw new CommandError('EINVAL', 'the descriptor is none of an event');
    }
    const event = new HeardEvent(library, reactor, fd, heard);
    return () => event.close();
  },
});
