import { VirtiolabError } from '../../core/errors.ts';

/** A UNIX socket that cannot be listened on, or connected to. `code` is the system's, e.g. `EACCES`. */
export class SocketError extends VirtiolabError {
  readonly path: string;
  readonly code: string;

  constructor(path: string, what: string, code: string) {
    // Quoted as JSON, so that a name with line breaks or control characters stays on one line.
    super(`socket ${JSON.stringify(path)}: ${what}`);
    this.path = path;
    this.code = code;
  }
}

/** Bytes of a path that the system's socket addresses have room for, before the 0 at the end. */
export const SOCKET_PATH_BYTES = 107;

/** No path at all, one with a 0 in it, or one that is too long for a socket's address. */
export class SocketPathError extends SocketError {
  readonly lengthBytes: number;

  constructor(path: string, lengthBytes: number) {
    const found = lengthBytes > SOCKET_PATH_BYTES ? `the path takes ${lengthBytes} bytes` : 'is no path';
    super(path, `${found}; wants 1 to ${SOCKET_PATH_BYTES} bytes, none of them 0`, 'ENAMETOOLONG');
    this.lengthBytes = lengthBytes;
  }
}

/** Something else has that name. */
export class NotASocketError extends SocketError {
  readonly found: string;

  constructor(path: string, found: string) {
    super(path, `is a ${found}; wants a name that nothing has yet`, 'EEXIST');
    this.found = found;
  }
}

/** Another program listens there. */
export class SocketInUseError extends SocketError {
  constructor(path: string) {
    super(path, 'another program listens there; wants a path of its own for each', 'EADDRINUSE');
  }
}

/** Nobody listens there, or it is no socket. */
export class NobodyListensError extends SocketError {
  /** @param wanted such as `the socket of a vfio-user server` */
  constructor(path: string, code: string, wanted: string) {
    super(path, `nobody listens there (${code}); wants ${wanted}`, code);
  }
}
