import { closeSync, ftruncateSync } from 'node:fs';
import { done, type Library } from './library.ts';
import { Mapping } from './mapping.ts';

const MFD = { cloexec: 1, allowSealing: 2 } as const;
const F_ADD_SEALS = 1033;
const SEAL = { shrink: 2, grow: 4 } as const;

/** Memory without a file's name, which others map by its descriptor. Its length stays what it is. */
export class SharedMemory {
  readonly fd: number;
  readonly mapping: Mapping;

  /** @throws SystemCallError */
  constructor(library: Library, length: number) {
    this.fd = done(library, 'memfd_create', library.memfd('virtiolab', MFD.cloexec | MFD.allowSealing));
    try {
      ftruncateSync(this.fd, length);
      done(library, 'fcntl', library.fcntl(this.fd, F_ADD_SEALS, SEAL.shrink | SEAL.grow));
      this.mapping = Mapping.ofFile(library, this.fd, length, true);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  close(): void {
    this.mapping.release();
    closeSync(this.fd);
  }
}
