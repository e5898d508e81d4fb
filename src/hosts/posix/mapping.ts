import { SystemCallError } from './errors.ts';
import type { Address, Library } from './library.ts';

const PROTECTION = { read: 1, write: 2 } as const;
const MAP = { shared: 1, private: 2, fixed: 0x10, anonymous: 0x20, noReserve: 0x4000 } as const;
/** What mmap returns for an error, as an address. */
const MAP_FAILED = 2n ** 64n - 1n;

/** A view of so many bytes at most: longer mappings have several. */
const VIEW_BYTES = 2 ** 31;

const failed = (address: Address | null) => address === null || address === MAP_FAILED;

/**
 * Bytes of memory that somebody else may map too. Views of it may be looked at for as long as anybody has them, even when it
 * was given up: what they show then is zeros.
 */
export class Mapping {
  readonly address: Address;
  readonly length: number;
  /** The bytes, 2 GiB to a view. */
  readonly views: readonly Uint8Array[];
  readonly #library: Library;
  #released = false;

  private constructor(library: Library, address: Address, length: number) {
    this.#library = library;
    this.address = address;
    this.length = length;
    const views: Uint8Array[] = [];
    const keeper = { library, address, length };
    const held: object[] = [];
    for (let at = 0; at < length; at += VIEW_BYTES) {
      const buffer = library.view(address + BigInt(at), Math.min(VIEW_BYTES, length - at));
      views.push(new Uint8Array(buffer));
      held.push(buffer);
    }
    this.views = views;
    // The address space is given back when nobody can look at any of it.
    let left = held.length;
    for (const buffer of held) unseen.register(buffer, () => --left === 0 && unmap(keeper));
  }

  /** The first `length` bytes of an open file, whose end they do not pass. @throws SystemCallError */
  static ofFile(library: Library, fd: number, length: number, write: boolean): Mapping {
    const protection = PROTECTION.read | (write ? PROTECTION.write : 0);
    const address = library.mmap(null, length, protection, MAP.shared, fd, 0);
    if (failed(address)) throw new SystemCallError('mmap', library.code());
    return new Mapping(library, address, length);
  }

  /** Fresh memory of our own, which takes none of the machine's until it is written. @throws SystemCallError */
  static anonymous(library: Library, length: number): Mapping {
    const flags = MAP.private | MAP.anonymous | MAP.noReserve;
    const address = library.mmap(null, length, PROTECTION.read | PROTECTION.write, flags, -1, 0);
    if (failed(address)) throw new SystemCallError('mmap', library.code());
    return new Mapping(library, address, length);
  }

  /** Whatever it showed can be reached no more by anybody who still has a view: zeros of nobody take its place. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    const flags = MAP.private | MAP.anonymous | MAP.fixed | MAP.noReserve;
    this.#library.mmap(this.address, this.length, PROTECTION.read | PROTECTION.write, flags, -1, 0);
  }
}

interface Kept {
  readonly library: Library;
  readonly address: Address;
  readonly length: number;
}

const unmap = ({ library, address, length }: Kept) => void library.munmap(address, length);
const unseen = new FinalizationRegistry<() => void>((gone) => gone());
