import { closeSync, openSync, writeSync } from 'node:fs';
import type { ConsoleBackend, ConsolePort } from '../../../virtio/index.ts';
import { SocketConsole } from '../../node/index.ts';
import { QemuOptionError } from './errors.ts';
import type { Properties } from './properties.ts';

/** Where a socket is that a character device listens at, or connects to. */
export interface SocketPlace {
  readonly path: string;
  readonly server: boolean;
}

/** A character device, which one console port or one monitor may have. */
export interface Chardev {
  readonly socket: SocketPlace | null;
  /** For a console port. @throws SocketError */
  console(): Promise<ConsoleBackend>;
  close(): Promise<void>;
}

/** Output is taken and forgotten, and nothing comes in. */
export const nobody = (open: boolean): ConsoleBackend => ({
  attach: (port: ConsolePort) => port.setOpen(open),
  transmit: (_bytes, _offset, length) => length,
  inputWanted: () => {},
  driverOpened: () => {},
  detach: () => {},
});

/** Output goes into a file, and is there when the driver has its buffer back. @throws QemuOptionError */
function fileConsole(option: string, path: string): ConsoleBackend {
  let fd: number;
  try {
    fd = openSync(path, 'w');
  } catch (error) {
    throw new QemuOptionError(
      option,
      `path=${path} cannot be opened (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  return {
    ...nobody(true),
    transmit: (bytes, offset, length) => {
      try {
        writeSync(fd, bytes, offset, length);
      } catch {
        // A file that takes no more is a port that nobody listens to.
      }
      return length;
    },
    detach: () => closeSync(fd),
  };
}

export function socketPlace(properties: Properties): SocketPlace {
  const place = { path: properties.text('path'), server: properties.flag('server', false) };
  properties.ignore('wait', 'reconnect');
  return place;
}

export function makeChardev(properties: Properties): Chardev {
  const backend = properties.text('backend');
  properties.maybe('id');
  if (backend === 'null') {
    properties.finish();
    return { socket: null, console: async () => nobody(true), close: async () => {} };
  }
  if (backend === 'file') {
    const path = properties.text('path');
    const { owner } = properties;
    properties.finish();
    return { socket: null, console: async () => fileConsole(owner, path), close: async () => {} };
  }
  if (backend !== 'socket') properties.wrong('backend', 'null, file or socket');
  const socket = socketPlace(properties);
  properties.finish();
  let made: SocketConsole | null = null;
  return {
    socket,
    console: async () => {
      made = await (socket.server ? SocketConsole.listen(socket.path) : SocketConsole.connect(socket.path));
      return made;
    },
    close: async () => made?.close(),
  };
}
