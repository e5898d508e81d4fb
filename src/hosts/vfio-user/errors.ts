import { VirtiolabError } from '../../core/index.ts';
import { type ErrnoName, errno } from './layout.ts';

/** What a peer sent is no message, or comes where none may come: nothing it sends can be trusted any more. */
export class ProtocolError extends VirtiolabError {}

/** A command that is answered by an error; the session goes on. */
export class CommandError extends VirtiolabError {
  readonly errno: ErrnoName;

  constructor(name: ErrnoName, reason: string) {
    super(`${name}: ${reason}`);
    this.errno = name;
  }

  get number(): number {
    return errno[this.errno];
  }
}

/** A device, window or option that a server cannot be made with. */
export class ServerOptionError extends VirtiolabError {}
