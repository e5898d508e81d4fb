import { fstatSync } from 'node:fs';
import { FileChangedError } from './errors.ts';

/**
 * Notices that somebody else writes to an image, or changes its length, while nothing of ours is on its way to it. What a
 * guest has in its caches is wrong then, and nothing here can mend that: it can only be told.
 */
export class ImageGuard {
  readonly #path: string;
  readonly #fd: number;
  readonly #length: number;
  readonly #tell: (error: FileChangedError) => void;
  #size: number;
  #modified: number;

  constructor(path: string, fd: number, length: number, tell: (error: FileChangedError) => void) {
    this.#path = path;
    this.#fd = fd;
    this.#length = length;
    this.#tell = tell;
    const { size, mtimeMs } = fstatSync(fd);
    this.#size = size;
    this.#modified = mtimeMs;
  }

  /** Before the first transfer after a time in which there was none. */
  look(): void {
    const { size, mtimeMs } = fstatSync(this.#fd);
    const changed = size !== this.#size || mtimeMs !== this.#modified;
    this.#size = size;
    this.#modified = mtimeMs;
    if (changed) this.#tell(new FileChangedError(this.#path, this.#length, size));
  }

  /** Whether the file still has the bytes before `end`. A write beyond would make it longer again, with nothing in between. */
  has(end: number): boolean {
    return end <= this.#size;
  }

  /** What changed since {@link look} was our own writing. */
  accept(): void {
    const { size, mtimeMs } = fstatSync(this.#fd);
    this.#size = size;
    this.#modified = mtimeMs;
  }
}
