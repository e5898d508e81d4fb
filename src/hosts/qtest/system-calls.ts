import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { NativeCallsError } from '../posix/errors.ts';
import { loadLibrary } from '../posix/library.ts';
import { QemuUnavailableError } from '../qemu/errors.ts';

const PROTECTION_READ_WRITE = 3;
const MAP_SHARED = 1;
/** What mmap returns for an error, as an address. */
const MAP_FAILED = 2n ** 64n - 1n;

const POLL_IN = 1;
const POLLED_BYTES = 8;
/** Where a descriptor's wanted and found events stand. */
const WANTED = 4;

/** System calls that Node does not offer. */
export interface SystemCalls {
  /** Makes a file of `length` bytes, and maps it: whoever else maps it sees the same bytes. @throws QemuUnavailableError */
  mapFile(path: string, length: number): Uint8Array;
  /** Waits until a descriptor has something to read, its end included. @returns false when `milliseconds` are over. */
  readable(fd: number, milliseconds: number): boolean;
}

/** Memory stays mapped for as long as anybody can look at it. */
const unseen = new FinalizationRegistry<() => void>((unmap) => unmap());

/** @throws QemuUnavailableError where there is no koffi, or no Linux. */
export async function loadSystemCalls(): Promise<SystemCalls> {
  const library = await loadLibrary().catch((error: unknown) => {
    if (!(error instanceof NativeCallsError)) throw error;
    throw new QemuUnavailableError(error.missing, error.reason, error.wanted);
  });
  const { mmap, munmap, poll } = library;
  const polled = new Uint8Array(POLLED_BYTES);
  const view = new DataView(polled.buffer);
  return {
    mapFile(path, length) {
      const fd = openSync(path, 'w+', 0o600);
      try {
        ftruncateSync(fd, length);
        const address = mmap(null, length, PROTECTION_READ_WRITE, MAP_SHARED, fd, 0);
        if (address === null || address === MAP_FAILED)
          throw new QemuUnavailableError(`${length} bytes of shared memory`, 'cannot be mapped', 'less RAM');
        const buffer = library.view(address, length);
        unseen.register(buffer, () => munmap(address, length));
        return new Uint8Array(buffer);
      } finally {
        closeSync(fd);
      }
    },
    readable(fd, milliseconds) {
      view.setInt32(0, fd, true);
      view.setUint32(WANTED, POLL_IN, true);
      return poll(polled, 1, milliseconds) > 0;
    },
  };
}
