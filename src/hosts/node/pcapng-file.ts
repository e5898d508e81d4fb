import { closeSync, openSync, writeSync } from 'node:fs';
import { VirtiolabError } from '../../core/index.ts';
import { type ByteSink, type MicrosecondClock, PcapngWriter } from '../../virtio/index.ts';

/** A recording that cannot be written. `code` is the system's, e.g. `EACCES`. */
export class PcapngFileError extends VirtiolabError {
  readonly path: string;
  readonly code: string;

  constructor(path: string, code: string) {
    super(`recording ${JSON.stringify(path)}: cannot be written (${code}); wants a file that you may write`);
    this.path = path;
    this.code = code;
  }
}

/** The time as this machine has it, for recordings that are not to be repeated. */
export const systemClock: MicrosecondClock = () =>
  Math.round((performance.timeOrigin + performance.now()) * 1000);

const BUFFER_BYTES = 1 << 16;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'unknown error';

/** A sink of bytes in a file, which is written in large pieces: what is recorded is whole only after {@link close}. */
export class PcapngFile implements ByteSink {
  readonly path: string;
  /** Records into the file; give it to `recordingLink`. */
  readonly writer: PcapngWriter;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #filled = 0;
  #fd: number | null;

  /** Creates the file, or empties it. @throws PcapngFileError */
  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw new PcapngFileError(path, codeOf(error));
    }
    this.writer = new PcapngWriter(this);
  }

  /** @throws PcapngFileError when the disk is full, or the file was closed. */
  write(bytes: Uint8Array): void {
    if (this.#fd === null) throw new PcapngFileError(this.path, 'it was closed');
    for (let at = 0; at < bytes.length; ) {
      if (this.#filled === BUFFER_BYTES) this.#flush(this.#fd);
      const length = Math.min(BUFFER_BYTES - this.#filled, bytes.length - at);
      this.#buffer.set(bytes.subarray(at, at + length), this.#filled);
      this.#filled += length;
      at += length;
    }
  }

  #flush(fd: number): void {
    try {
      for (let at = 0; at < this.#filled; ) at += writeSync(fd, this.#buffer, at, this.#filled - at);
    } catch (error) {
      throw new PcapngFileError(this.path, codeOf(error));
    }
    this.#filled = 0;
  }

  /** Writes what is left. Further calls do nothing. @throws PcapngFileError */
  close(): void {
    const fd = this.#fd;
    if (fd === null) return;
    this.#fd = null;
    try {
      this.#flush(fd);
    } finally {
      closeSync(fd);
    }
  }
}
