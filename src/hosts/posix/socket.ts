import { closeSync } from 'node:fs';
import { Arena } from './arena.ts';
import { SystemCallError } from './errors.ts';
import { type Address, done, type Library } from './library.ts';

const AF_UNIX = 1;
const SOCK = { stream: 1, nonblock: 0o4000, cloexec: 0o2000000 } as const;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG = { nosignal: 0x4000, dontwait: 0x40, cmsgCloexec: 0x40000000, ctrunc: 8 } as const;

/** `struct msghdr`, `struct iovec` and `struct cmsghdr` of 64-bit Linux. */
const msghdr = { iov: 16, iovCount: 24, control: 32, controlLength: 40, flags: 48, bytes: 56 } as const;
const iovec = { base: 0, length: 8, bytes: 16 } as const;
const cmsghdr = { length: 0, level: 8, type: 12, bytes: 16 } as const;

/** A message takes so many descriptors along at most, whoever sends it (SCM_MAX_FD). */
const MOST_FDS = 253;
const CONTROL_BYTES = cmsghdr.bytes + 4 * MOST_FDS;
const RECEIVE_BYTES = 1 << 17;

/** Longest path of a socket, in bytes: `sun_path` holds a zero byte more. */
export const SOCKET_PATH_BYTES = 107;

/** `struct sockaddr_un` of a path. @throws SystemCallError where it is too long */
function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length > SOCKET_PATH_BYTES) throw new SystemCallError('bind', 'ENAMETOOLONG', path);
  const bytes = new Uint8Array(2 + SOCKET_PATH_BYTES + 1);
  bytes[0] = AF_UNIX;
  bytes.set(name, 2);
  return bytes;
}

const openSocket = (library: Library) =>
  done(library, 'socket', library.socket(AF_UNIX, SOCK.stream | SOCK.nonblock | SOCK.cloexec, 0));

/** A socket that others connect to. */
export class ListeningSocket {
  readonly fd: number;
  readonly #library: Library;

  /** The path is nobody's. @throws SystemCallError */
  constructor(library: Library, path: string, backlog = 8) {
    const address = unixAddress(path);
    this.#library = library;
    this.fd = openSocket(library);
    try {
      done(library, 'bind', library.bind(this.fd, address, address.length), path);
      done(library, 'listen', library.listen(this.fd, backlog), path);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  /** Null where nobody waits. */
  accept(): MessageSocket | null {
    const fd = this.#library.accept4(this.fd, null, null, SOCK.nonblock | SOCK.cloexec);
    return fd < 0 ? null : new MessageSocket(this.#library, fd);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A connected stream socket that carries descriptors beside bytes. It never waits. */
export class MessageSocket {
  readonly fd: number;
  /** What was received last. */
  readonly bytes: Uint8Array;
  /** Descriptors that came with it: whoever takes them closes them. */
  fds: number[] = [];
  readonly #library: Library;
  readonly #arena: Arena;
  readonly #header: number;
  readonly #iovec: number;
  readonly #control: number;
  readonly #messageAddress: Address;
  #closed = false;

  constructor(library: Library, fd: number) {
    this.fd = fd;
    this.#library = library;
    this.#arena = new Arena(library, RECEIVE_BYTES + 4096);
    this.#header = this.#arena.take(msghdr.bytes);
    this.#iovec = this.#arena.take(iovec.bytes);
    this.#control = this.#arena.take(CONTROL_BYTES);
    const at = this.#arena.take(RECEIVE_BYTES);
    this.bytes = this.#arena.bytes.subarray(at, at + RECEIVE_BYTES);
    this.#arena.setAddress(this.#header + msghdr.iov, this.#arena.at(this.#iovec));
    this.#arena.setSize(this.#header + msghdr.iovCount, 1);
    this.#arena.setAddress(this.#iovec + iovec.base, this.#arena.at(at));
    this.#arena.setSize(this.#iovec + iovec.length, RECEIVE_BYTES);
    this.#messageAddress = this.#arena.at(this.#header);
  }

  /** @throws SystemCallError: nobody listens there, or it is no socket. */
  static connect(library: Library, path: string): MessageSocket {
    const address = unixAddress(path);
    const fd = openSocket(library);
    try {
      done(library, 'connect', library.connect(fd, address, address.length), path);
      return new MessageSocket(library, fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /**
   * Receives into `bytes`, and `fds`, which belong to the message whose bytes are the last of these.
   * @returns how many bytes; 0 at the end, or where the connection broke; -1 where there is nothing yet.
   */
  receive(): number {
    const { view } = this.#arena;
    this.#arena.setAddress(this.#header + msghdr.control, this.#arena.at(this.#control));
    this.#arena.setSize(this.#header + msghdr.controlLength, CONTROL_BYTES);
    const count = this.#library.recvmsg(this.fd, this.#messageAddress, MSG.dontwait | MSG.cmsgCloexec);
    if (count < 0) return this.#library.code() === 'EAGAIN' ? -1 : 0;
    const length = view.getUint32(this.#header + msghdr.controlLength, true);
    if (length >= cmsghdr.bytes) this.#takeFds(length);
    return count;
  }

  #takeFds(length: number): void {
    const { view } = this.#arena;
    for (let at = 0; at + cmsghdr.bytes <= length; ) {
      const base = this.#control + at;
      const size = view.getUint32(base + cmsghdr.length, true);
      const rights =
        view.getInt32(base + cmsghdr.level, true) === SOL_SOCKET &&
        view.getInt32(base + cmsghdr.type, true) === SCM_RIGHTS;
      for (let fd = cmsghdr.bytes; rights && fd + 4 <= size; fd += 4)
        this.fds.push(view.getInt32(base + fd, true));
      if (size < cmsghdr.bytes) return;
      at += (size + 7) & ~7;
    }
  }

  /** @returns bytes that went out, -1 for none yet. @throws SystemCallError where the connection broke */
  send(bytes: Uint8Array, fds: readonly number[] = []): number {
    const library = this.#library;
    const flags = MSG.nosignal | MSG.dontwait;
    const count =
      fds.length === 0
        ? library.send(this.fd, bytes, bytes.length, flags)
        : this.#sendWith(bytes, fds, flags);
    if (count >= 0) return count;
    if (library.code() === 'EAGAIN') return -1;
    throw new SystemCallError('send', library.code());
  }

  #sendWith(bytes: Uint8Array, fds: readonly number[], flags: number): number {
    const arena = new Arena(this.#library, bytes.length + 4096);
    const [header, vector, control] = [
      arena.take(msghdr.bytes),
      arena.take(iovec.bytes),
      arena.take(cmsghdr.bytes + 4 * fds.length),
    ];
    const at = arena.take(bytes.length);
    arena.bytes.set(bytes, at);
    arena.setAddress(header + msghdr.iov, arena.at(vector));
    arena.setSize(header + msghdr.iovCount, 1);
    arena.setAddress(header + msghdr.control, arena.at(control));
    arena.setSize(header + msghdr.controlLength, cmsghdr.bytes + 4 * fds.length);
    arena.setAddress(vector + iovec.base, arena.at(at));
    arena.setSize(vector + iovec.length, bytes.length);
    arena.setSize(control + cmsghdr.length, cmsghdr.bytes + 4 * fds.length);
    arena.view.setInt32(control + cmsghdr.level, SOL_SOCKET, true);
    arena.view.setInt32(control + cmsghdr.type, SCM_RIGHTS, true);
    for (const [i, fd] of fds.entries()) arena.view.setInt32(control + cmsghdr.bytes + 4 * i, fd, true);
    const count = this.#library.sendmsg(this.fd, arena.at(header), flags);
    arena.release();
    return count;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fd of this.fds.splice(0)) closeSync(fd);
    closeSync(this.fd);
    this.#arena.release();
  }
}
