import { VirtiolabError } from '../../core/index.ts';

/** The pieces of a Linux guest cannot be had on this machine. Tests skip with this message as their reason. */
export class GuestPiecesUnavailableError extends VirtiolabError {
  readonly what: string;
  /** What would make them available. */
  readonly needs: string;

  constructor(what: string, needs: string, cause?: unknown) {
    super(`${what}; needs ${needs}`);
    this.cause = cause;
    this.what = what;
    this.needs = needs;
  }
}

/** The mirror of the guest's packages does not answer, or its name is not known: there is no network. */
export class NetworkUnavailableError extends GuestPiecesUnavailableError {
  constructor(detail: string, cause?: unknown) {
    super(
      `no network: the Debian mirror cannot be reached (${detail})`,
      'a way to the mirror, another one in $VIRTIOLAB_DEBIAN_MIRROR, or a cache that was filled before',
      cause,
    );
  }
}

/** A folder that cannot be written: permissions, or no room. `code` is the system's, e.g. `ENOSPC`. */
export class FolderNotWritableError extends VirtiolabError {
  readonly path: string;
  readonly code: string;

  constructor(path: string, code: string) {
    const wanted =
      code === 'ENOSPC' || code === 'EDQUOT' ? 'some 500 MB of room there' : 'a folder that you may write';
    super(`folder ${JSON.stringify(path)} cannot be written (${code}); wants ${wanted}, or another folder`);
    this.path = path;
    this.code = code;
  }
}

/** A program that fetches or unpacks packages failed. */
export class PackageToolError extends VirtiolabError {
  readonly tool: string;
  /** The last lines that the tool wrote to its standard error. */
  readonly detail: string;
  /** All of them. */
  readonly complaint: string;

  constructor(tool: string, detail: string, complaint: string = detail) {
    super(`${tool} failed: ${detail === '' ? 'it said nothing' : detail}`);
    this.tool = tool;
    this.detail = detail;
    this.complaint = complaint;
  }
}

/** A file that should be a kernel, firmware or program for a 32-bit x86 PC and is something else. */
export class GuestImageError extends VirtiolabError {
  readonly path: string;
  readonly found: string;
  readonly wanted: string;

  constructor(path: string, found: string, wanted: string) {
    super(`${path} is ${found}; wants ${wanted}`);
    this.path = path;
    this.found = found;
    this.wanted = wanted;
  }
}

/** A kernel module that is neither among the package's modules nor built into the kernel. */
export class ModuleMissingError extends VirtiolabError {
  readonly module: string;
  readonly neededBy: string;

  constructor(module: string, neededBy: string) {
    super(`kernel module ${module} (for ${neededBy}) is neither a file of the kernel package nor built in`);
    this.module = module;
    this.neededBy = neededBy;
  }
}

/** An archive member that the newc format cannot hold. */
export class ArchiveMemberError extends VirtiolabError {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`archive member ${JSON.stringify(path)}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

const lastOf = (lines: readonly string[]) =>
  lines.length === 0 ? 'the guest printed nothing' : `the guest printed last:\n${lines.join('\n')}`;

/** The guest did not do something in time. */
export class GuestTimeoutError extends VirtiolabError {
  readonly waitedFor: string;
  readonly timeoutMs: number;
  /** What the guest printed last, oldest line first. */
  readonly lastLines: readonly string[];

  constructor(waitedFor: string, timeoutMs: number, lastLines: readonly string[]) {
    super(`no ${waitedFor} within ${timeoutMs} ms; ${lastOf(lastLines)}`);
    this.waitedFor = waitedFor;
    this.timeoutMs = timeoutMs;
    this.lastLines = lastLines;
  }
}

/** The guest's kernel died. */
export class GuestPanicError extends VirtiolabError {
  readonly panic: string;
  readonly lastLines: readonly string[];

  constructor(panic: string, lastLines: readonly string[]) {
    super(`the guest's kernel died: ${panic}; ${lastOf(lastLines)}`);
    this.panic = panic;
    this.lastLines = lastLines;
  }
}

/** A command that had to succeed in the guest did not. */
export class GuestCommandError extends VirtiolabError {
  readonly command: string;
  readonly exitCode: number;
  readonly output: string;

  constructor(command: string, exitCode: number, output: string) {
    super(`\`${command}\` ended with ${exitCode} in the guest: ${output.trimEnd() || 'no output'}`);
    this.command = command;
    this.exitCode = exitCode;
    this.output = output;
  }
}
