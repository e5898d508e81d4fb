import { closeSync, fstatSync } from 'node:fs';
import { SystemCallError } from '../posix/errors.ts';
import type { Library } from '../posix/library.ts';
import { Mapping } from '../posix/mapping.ts';
import { CommandError } from './errors.ts';

const F_GET_SEALS = 1034;
const F_SEAL_SHRINK = 2;
/** More than any machine has: a file of such a length is nobody's memory. */
const MOST_BYTES = 2 ** 42;

interface File {
  readonly mapping: Mapping;
  readonly writable: boolean;
  /** Null for one that cannot become shorter. */
  readonly fd: number | null;
}

/** What a client mapped with a descriptor. */
export interface FilePiece {
  readonly bytes: Uint8Array;
  /** From the piece's first byte in the request. */
  readonly at: number;
}

/** The files behind a client's memory: each is mapped once, however many parts of it are used, and however often. */
export class MappedFiles {
  readonly #library: Library;
  readonly #files = new Map<string, File>();

  constructor(library: Library) {
    this.#library = library;
  }

  /**
   * Bytes [offset, offset + size) of a file, in as many pieces as views have them. The descriptor is kept, or closed.
   * @throws CommandError where it is none of a file with so many bytes, or may not be read, or not be written
   */
  take(fd: number, offset: number, size: number, write: boolean): FilePiece[] {
    let kept = false;
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new CommandError('EINVAL', 'the descriptor is no file of memory');
      if (offset + size > stat.size || stat.size > MOST_BYTES)
        throw new CommandError('EINVAL', `bytes ${offset} + ${size} of a file of ${stat.size}`);
      const key = `${stat.dev}:${stat.ino}:${write}`;
      const known = this.#files.get(key);
      if (known !== undefined && offset + size <= known.mapping.length)
        return pieces(known.mapping, offset, size);
      const seals = this.#library.fcntl(fd, F_GET_SEALS, 0);
      const fixed = seals >= 0 && (seals & F_SEAL_SHRINK) !== 0;
      const mapping = this.#map(fd, stat.size, write);
      // One that has grown is mapped anew, under a name of its own: parts of the shorter one are in use.
      const name = known === undefined ? key : `${key}:${stat.size}`;
      this.#files.set(name, { mapping, writable: write, fd: fixed ? null : fd });
      kept = !fixed;
      return pieces(mapping, offset, size);
    } finally {
      if (!kept) closeSync(fd);
    }
  }

  #map(fd: number, length: number, write: boolean): Mapping {
    try {
      return Mapping.ofFile(this.#library, fd, length, write);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      throw new CommandError(error.code === 'EACCES' ? 'EACCES' : 'EINVAL', error.message);
    }
  }

  /** No file has become shorter than what is mapped of it: a look at what is gone would end the process. */
  get whole(): boolean {
    for (const { fd, mapping } of this.#files.values())
      if (fd !== null && fstatSync(fd).size < mapping.length) return false;
    return true;
  }

  /** Nothing of the files can be reached any more. */
  release(): void {
    for (const { mapping, fd } of this.#files.values()) {
      mapping.release();
      if (fd !== null) closeSync(fd);
    }
    this.#files.clear();
  }
}

function pieces({ views }: Mapping, offset: number, size: number): FilePiece[] {
  const found: FilePiece[] = [];
  let base = 0;
  for (const view of views) {
    const from = Math.max(offset, base);
    const to = Math.min(offset + size, base + view.length);
    if (from < to) found.push({ bytes: view.subarray(from - base, to - base), at: from - offset });
    base += view.length;
  }
  return found;
}
