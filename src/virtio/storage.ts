import { ViewCache } from '../core/index.ts';

/** One request on its way through a storage back end. Offsets and lengths in bytes. */
export interface Transfer {
  readonly offset: number;
  readonly length: number;
  /** Copies bytes of the storage to the guest, at `at` of the transfer. @returns false when they cannot be written. */
  give(
    at: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views?: ViewCache | null,
  ): boolean;
  /** Copies bytes of the guest into `target`. @returns false when they cannot be read. */
  take(at: number, target: Uint8Array, targetOffset: number, length: number): boolean;
  /**
   * Runs `step` when guest memory may be touched: at once, or after the driver has let the function master the bus again.
   * A back end that goes on later than in `read` or `write` itself puts its `give` and `take` into one.
   */
  whenReady(step: () => void): void;
  /** Ends the transfer, once, at once or later. */
  done(ok: boolean): void;
}

/**
 * What stands behind a block device. Transfers lie within `length` and may end in any order; `flush` ends when every
 * write that ended before it is stable.
 */
export interface Storage {
  /** Bytes; a multiple of 512. */
  readonly length: number;
  readonly readOnly: boolean;
  read(transfer: Transfer): void;
  write(transfer: Transfer): void;
  flush(transfer: Transfer): void;
}

/** Storage in an array of bytes; ends every transfer at once. */
export class MemoryStorage implements Storage {
  readonly bytes: Uint8Array;
  readonly readOnly: boolean;
  readonly #views: ViewCache;

  constructor(bytes: Uint8Array, readOnly = false) {
    this.bytes = bytes;
    this.readOnly = readOnly;
    this.#views = new ViewCache(bytes);
  }

  get length(): number {
    return this.bytes.length;
  }

  read(transfer: Transfer): void {
    transfer.done(transfer.give(0, this.bytes, transfer.offset, transfer.length, this.#views));
  }

  write(transfer: Transfer): void {
    transfer.done(transfer.take(0, this.bytes, transfer.offset, transfer.length));
  }

  flush(transfer: Transfer): void {
    transfer.done(true);
  }
}
