import { closeSync, openSync, read, readSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { loadLibrary } from '../../../src/hosts/posix/library.ts';
import { openEvent } from '../../../src/hosts/posix/poll.ts';
import { Reactor } from '../../../src/hosts/posix/reactor.ts';

/** So long it waits for its sources here: a thread that does nothing else meanwhile is seen. */
const WAIT_MILLISECONDS = 2000;

// Node tells of its event loop on the main thread only.
it.runIf(isMainThread)('lets others of its thread go on while it waits', async () => {
  const library = await loadLibrary();
  let inVain = 0;
  const patient = {
    ...library,
    poll: (fds: bigint, count: number) => {
      const found = library.poll(fds, count, WAIT_MILLISECONDS);
      if (found <= 0) inVain++;
      return found;
    },
  };
  const reactor = new Reactor(patient);
  const event = openEvent(library);
  const file = openSync(fileURLToPath(import.meta.url), 'r');
  const bytes = await new Promise<number>((resolve) => {
    reactor.add({
      fd: event,
      sending: false,
      writable: () => {},
      readable: () => {
        readSync(event, new Uint8Array(8));
        // As a storage does: a step of a promise, then a file that is read on another thread.
        void Promise.resolve().then(() =>
          read(file, new Uint8Array(16), 0, 16, 0, (_error, count) => {
            reactor.wake();
            resolve(count);
          }),
        );
        return true;
      },
    });
    writeSync(event, new BigUint64Array([1n]));
    void reactor.run();
  });
  expect(bytes).toBe(16);
  await reactor.close();
  closeSync(event);
  closeSync(file);
  expect(inVain).toBe(0);
});
