import { done, type Library } from './library.ts';

/** What is waited for at a descriptor, and what is found there unasked. */
export const POLL = { in: 1, out: 4, bad: 8 | 0x10 | 0x20 } as const;

/** `struct pollfd`. */
export const pollfd = { fd: 0, events: 4, revents: 6, bytes: 8 } as const;

const EFD = { nonblock: 0o4000, cloexec: 0o2000000 } as const;

/** A descriptor that one side signals and another waits for. @throws SystemCallError */
export const openEvent = (library: Library): number =>
  done(library, 'eventfd', library.eventfd(0, EFD.nonblock | EFD.cloexec));
