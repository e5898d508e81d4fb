import { isMainThread } from 'node:worker_threads';
import { NativeCallsError, SystemCallError } from './errors.ts';
import { loadKoffi } from './koffi.ts';

/** Addresses of our own process, as the system's calls take them. */
export type Address = bigint;

/** The C library's functions that Node does not offer. Those that fail answer -1; {@link Library.code} says why. */
export interface Library {
  mmap(
    at: Address | null,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): Address;
  munmap(at: Address, length: number): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  recvmsg(fd: number, message: Address, flags: number): number;
  sendmsg(fd: number, message: Address, flags: number): number;
  send(fd: number, bytes: Address | Uint8Array, length: number, flags: number): number;
  poll(fds: Address | Uint8Array, count: number, milliseconds: number): number;
  /** The same on another thread. */
  pollLater(fds: Address, count: number, milliseconds: number): Promise<number>;
  eventfd(initial: number, flags: number): number;
  memfd(name: string, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  preadv2(fd: number, vectors: Address, count: number, offset: number, flags: number): number;
  /** Bytes of our own process, as they are: whoever looks at them after they are unmapped ends the process. */
  view(at: Address, length: number): ArrayBuffer;
  /** Of the call that failed last, e.g. `EAGAIN`. */
  code(): string;
  /** Readable while the event loop of this thread has something to do: an answer of the system's, say. Null where nobody tells. */
  readonly loop: number | null;
}

type Callback = (error: Error | null, result: number) => void;

let loading: Promise<Library> | null = null;

/** @throws NativeCallsError where there is no koffi, or no Linux. */
export function loadLibrary(): Promise<Library> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Library> {
  if (process.platform !== 'linux')
    throw new NativeCallsError('sharing memory and descriptors', `is not for ${process.platform}`, 'Linux');
  const koffi = await loadKoffi((...why) => new NativeCallsError(...why));
  const library = koffi.load(null);
  const poll = library.func('int poll(void *fds, unsigned long count, int timeout)');
  // Of two names for a number the first of the alphabet is the usual one: EAGAIN, not EWOULDBLOCK.
  const codes = new Map(
    Object.entries(koffi.os.errno)
      .sort(([a], [b]) => (a < b ? 1 : -1))
      .map(([name, number]) => [number, name]),
  );
  return {
    mmap: library.func(
      'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
    ),
    munmap: library.func('int munmap(void *address, size_t length)'),
    socket: library.func('int socket(int domain, int type, int protocol)'),
    bind: library.func('int bind(int fd, void *address, uint32_t length)'),
    connect: library.func('int connect(int fd, void *address, uint32_t length)'),
    listen: library.func('int listen(int fd, int backlog)'),
    accept4: library.func('int accept4(int fd, void *address, void *length, int flags)'),
    recvmsg: library.func('int64_t recvmsg(int fd, void *message, int flags)'),
    sendmsg: library.func('int64_t sendmsg(int fd, void *message, int flags)'),
    send: library.func('int64_t send(int fd, void *bytes, size_t length, int flags)'),
    poll,
    pollLater: (fds, count, milliseconds) =>
      new Promise((resolve, reject) => {
        const done: Callback = (error, result) => (error === null ? resolve(result) : reject(error));
        poll.async(fds, count, milliseconds, done);
      }),
    eventfd: library.func('int eventfd(unsigned int initial, int flags)'),
    memfd: library.func('int memfd_create(const char *name, unsigned int flags)'),
    fcntl: library.func('int fcntl(int fd, int command, int argument)'),
    preadv2: library.func('int64_t preadv2(int fd, void *vectors, int count, int64_t offset, int flags)'),
    view: (at, length) => koffi.view(at, length),
    code: () => codes.get(koffi.errno()) ?? `${koffi.errno()}`,
    loop: loopOf((prototype) => library.func(prototype)),
  };
}

/** Of libuv, which is a part of Node; the default loop is the main thread's. */
function loopOf(find: (prototype: string) => (...args: Address[]) => unknown): number | null {
  if (!isMainThread) return null;
  try {
    const loop = find('void *uv_default_loop()')() as Address;
    return find('int uv_backend_fd(void *loop)')(loop) as number;
  } catch {
    // A JavaScript engine with another loop.
    return null;
  }
}

/** A call's result. @throws SystemCallError for -1 */
export function done(library: Library, call: string, result: number, about?: string): number {
  if (result < 0) throw new SystemCallError(call, library.code(), about);
  return result;
}
