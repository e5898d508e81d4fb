import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes of a program's output, from its end, that are looked at where only the last ones are wanted. */
const LAST_WORDS_BYTES = 4096;

/**
 * What another process writes: into a file, so that it never waits for us to read it, as it would with a pipe. The file is
 * read by its descriptor and may have no name any more.
 */
export class OutputFile {
  readonly fd: number;
  /** What it had when it was closed. */
  #final: Uint8Array | null = null;

  constructor(path: string) {
    this.fd = openSync(path, 'w+');
  }

  /** Its last bytes, as many as there are up to `most`. */
  #tail(most: number): Uint8Array {
    if (this.#final !== null) return this.#final.subarray(-most);
    const { size } = fstatSync(this.fd);
    const bytes = new Uint8Array(Math.min(size, most));
    return bytes.subarray(0, readSync(this.fd, bytes, 0, bytes.length, size - bytes.length));
  }

  lines(): string[] {
    const text = new TextDecoder().decode(this.#tail(Infinity)).replaceAll('\r', '').replace(/\n$/, '');
    return text === '' ? [] : text.split('\n');
  }

  /** What was written last, on one line; empty where that is nothing. */
  lastWords(): string {
    return new TextDecoder()
      .decode(this.#tail(LAST_WORDS_BYTES))
      .trim()
      .replaceAll(/\s*\n\s*/g, '; ');
  }

  /** What was written until now can be asked for afterwards, too. */
  close(): void {
    if (this.#final !== null) return;
    this.#final = this.#tail(Infinity);
    closeSync(this.fd);
  }
}
