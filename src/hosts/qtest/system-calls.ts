import { closeSync, ftruncateSync, openSync } from 'node:fs';
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

let loading: Promise<SystemCalls> | null = null;

/** @throws QemuUnavailableError where there is no koffi, or no Linux. */
export function loadSystemCalls(): Promise<SystemCalls> {
  loading ??= load();
  return loading;
}

async function load(): Promise<SystemCalls> {
  if (process.platform !== 'linux')
    throw new QemuUnavailableError('QEMU through qtest', `is not for ${process.platform}`, 'Linux');
  const koffi = await import('koffi').then(
    (module) => module.default,
    (error: NodeJS.ErrnoException) => {
      // An optional peer dependency: whoever wants a QEMU installs it.
      const missing = error.code === 'ERR_MODULE_NOT_FOUND';
      const reason = missing ? 'is not installed' : `cannot be loaded (${error.message})`;
      throw new QemuUnavailableError('the package koffi', reason, 'npm install koffi@3');
    },
  );
  const library = koffi.load(null);
  const mmap = library.func(
    'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const munmap = library.func('int munmap(void *address, size_t length)');
  const poll = library.func('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)');
  const polled = new Uint8Array(POLLED_BYTES);
  const view = new DataView(polled.buffer);
  // Memory stays mapped for as long as anybody can look at it.
  const mapped = new FinalizationRegistry<{ address: bigint; length: number }>(
    ({ address, length }) => void munmap(address, length),
  );
  return {
    mapFile(path, length) {
      const fd = openSync(path, 'w+', 0o600);
      try {
        ftruncateSync(fd, length);
        const address: bigint = mmap(null, length, PROTECTION_READ_WRITE, MAP_SHARED, fd, 0);
        if (address === null || address === MAP_FAILED)
          throw new QemuUnavailableError(`${length} bytes of shared memory`, 'cannot be mapped', 'less RAM');
        const buffer = koffi.view(address, length);
        mapped.register(buffer, { address, length });
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
