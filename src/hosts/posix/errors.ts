import { VirtiolabError } from '../../core/index.ts';

/** What is wanted of the operating system beyond what Node offers is not there; the message says how to have it. */
export class NativeCallsError extends VirtiolabError {
  readonly missing: string;
  readonly reason: string;
  readonly wanted: string;

  constructor(missing: string, reason: string, wanted: string) {
    super(`${missing} ${reason}; wants ${wanted}`);
    this.missing = missing;
    this.reason = reason;
    this.wanted = wanted;
  }
}

/** A system call that failed. `code` is the system's, e.g. `EADDRINUSE`. */
export class SystemCallError extends VirtiolabError {
  readonly call: string;
  readonly code: string;

  constructor(call: string, code: string, about = '') {
    super(`${call}${about === '' ? '' : ` ${about}`}: ${code}`);
    this.call = call;
    this.code = code;
  }
}
