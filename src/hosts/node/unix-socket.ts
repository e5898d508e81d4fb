import { lstatSync, rmSync, type Stats, statSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import {
  NotASocketError,
  SOCKET_PATH_BYTES,
  SocketError,
  SocketInUseError,
  SocketPathError,
} from './socket-errors.ts';

/** The system's own word for what went wrong. */
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? (error as Error).message;

/** Says what nobody could listen on or connect to, without asking the system. @throws SocketPathError */
export function checkSocketPath(path: string): void {
  const { length } = new TextEncoder().encode(path);
  if (length === 0 || length > SOCKET_PATH_BYTES || path.includes('\0'))
    throw new SocketPathError(path, length);
}

const kindOf = (found: Stats): string => {
  if (found.isDirectory()) return 'directory';
  if (found.isSymbolicLink()) return 'symbolic link';
  return found.isFile() ? 'regular file' : 'pipe or device';
};

/** Milliseconds between a name and its owner's being ready to take connections, on a busy machine. */
const MOMENT = 50;

/** Whether somebody takes connections at a socket now. @throws SocketError where that cannot be found out. */
function takes(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      // One whose queue is full, or that takes no streams, is somebody's too.
      if (code === 'EAGAIN' || code === 'EPROTOTYPE') resolve(true);
      else if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else reject(new SocketError(path, `cannot be connected to (${code})`, code));
    });
  });
}

/** Whether a socket is somebody's, if only in a moment. @throws SocketError */
async function isLive(path: string): Promise<boolean> {
  if (await takes(path)) return true;
  await new Promise((resolve) => setTimeout(resolve, MOMENT));
  return takes(path);
}

/**
 * Makes sure that somebody can listen at a path: nothing is there, or a socket that a program left behind, which is removed.
 * @throws SocketPathError, NotASocketError, SocketInUseError; SocketError with what the system says
 */
export async function freeSocketPath(path: string): Promise<void> {
  checkSocketPath(path);
  try {
    // Where there is no folder, the system is said to forbid listening.
    statSync(dirname(path));
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw new NotASocketError(path, kindOf(found));
    if (await isLive(path)) throw new SocketInUseError(path);
    rmSync(path, { force: true });
  } catch (error) {
    if (error instanceof SocketError) throw error;
    const code = codeOf(error);
    throw new SocketError(path, `cannot be there (${code})`, code);
  }
}

/** Names that disappear when the program ends. */
const removals = new Set<() => void>();
process.on('exit', () => {
  for (const remove of removals) remove();
});

/**
 * Has the name of a socket that is listened on disappear when the program ends, unless another socket has the name then.
 * @returns a function that removes it at once.
 */
export function removeAtExit(path: string): () => void {
  const own = lstatSync(path).ino;
  const remove = () => {
    removals.delete(remove);
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === own) rmSync(path, { force: true });
  };
  removals.add(remove);
  return remove;
}

/** Somebody who listens at a path. */
export interface Listener {
  readonly path: string;
  /** Listens no longer, and takes the name away at once. @returns when all connections have ended, too. */
  close(): Promise<void>;
}

/**
 * Listens at a path, after a socket that was left behind there has been removed. @param connected is called with each client,
 * who is heard once the socket is resumed. @throws what {@link freeSocketPath} throws
 */
export async function listenAt(path: string, connected: (socket: Socket) => void): Promise<Listener> {
  await freeSocketPath(path);
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => {
    // A client that goes away costs its own connection.
    socket.on('error', () => socket.destroy());
    connected(socket);
  });
  await new Promise<void>((resolve, reject) => {
    // Once it listens, an error is one client's that could not be taken, and he hears of it.
    server.on('error', (error) => {
      const code = codeOf(error);
      const taken = code === 'EADDRINUSE';
      reject(
        taken ? new SocketInUseError(path) : new SocketError(path, `cannot be listened on (${code})`, code),
      );
    });
    server.listen(path, resolve);
  });
  const remove = removeAtExit(path);
  return {
    path,
    close: () => {
      remove();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Connects to somebody who listens at a path. @throws SocketPathError; SocketError with what the system says */
export async function connectTo(path: string): Promise<Socket> {
  checkSocketPath(path);
  const socket = createConnection(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      const code = codeOf(error);
      reject(new SocketError(path, `cannot be connected to (${code})`, code));
    });
    socket.once('connect', resolve);
  });
  return socket;
}
