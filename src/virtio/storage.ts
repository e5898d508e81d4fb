import { ViewCache } from '../core/index.ts';

/** One request on its way through a storage back end. Offsets and lengths in bytes. */
export interface Transfer {
  readonly offset: number;
  readonly length: number;
  /**
   * False once a reset has taken the request back: a back end that goes on later changes nothing any more. Guest memory
   * guards itself.
   */
  readonly live: boolean;
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
 * What stands behind a block device. Transfers lie within `length` when they begin and may end in any order; `flush` ends
 * when every write that ended before it is stable. A storage that becomes shorter ends as failed what then lies beyond.
 *
 * The last three are for storages that can: a device offers the feature where the method is there. They use no more of a
 * transfer than its range, `live` and `done`.
 */
export interface Storage {
  /** Bytes; a multiple of 512. */
  readonly length: number;
  readonly readOnly: boolean;
  /** A write of zeros may give memory or disk space back (BLK-OP-21). */
  readonly mayUnmap?: boolean;
  read(transfer: Transfer): void;
  write(transfer: Transfer): void;
  flush(transfer: Transfer): void;
  /** The range is not needed any more (BLK-OP-19). Every storage here reads as zeros there afterwards. */
  discard?(transfer: Transfer): void;
  /** The range reads as zeros afterwards (BLK-OP-20), `mayUnmap` or not. */
  writeZeroes?(transfer: Transfer, mayUnmap: boolean): void;
  /** Nothing of what the range held can be found anywhere any more. */
  secureErase?(transfer: Transfer): void;
}

export type StorageOperation = 'read' | 'write' | 'flush' | 'discard' | 'writeZeroes' | 'secureErase';

/** Storage in an array of bytes; ends every transfer at once. */
export class MemoryStorage implements Storage {
  readonly readOnly: boolean;
  #bytes: Uint8Array;
  #views: ViewCache;

  constructor(bytes: Uint8Array, readOnly = false) {
    this.#bytes = bytes;
    this.readOnly = readOnly;
    this.#views = new ViewCache(bytes);
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Goes on with an array of another length: what both have is kept, the rest is zero. The device is to be told. */
  resize(lengthBytes: number): void {
    const bytes = new Uint8Array(lengthBytes);
    bytes.set(this.#bytes.subarray(0, lengthBytes));
    this.#bytes = bytes;
    this.#views = new ViewCache(bytes);
  }

  read(transfer: Transfer): void {
    transfer.done(transfer.give(0, this.#bytes, transfer.offset, transfer.length, this.#views));
  }

  write(transfer: Transfer): void {
    transfer.done(transfer.take(0, this.#bytes, transfer.offset, transfer.length));
  }

  flush(transfer: Transfer): void {
    transfer.done(true);
  }

  discard(transfer: Transfer): void {
    this.#clear(transfer);
  }

  writeZeroes(transfer: Transfer): void {
    this.#clear(transfer);
  }

  /** The array is the only copy. */
  secureErase(transfer: Transfer): void {
    this.#clear(transfer);
  }

  #clear(transfer: Transfer): void {
    const { offset, length } = transfer;
    this.#bytes.fill(0, offset, offset + length);
    transfer.done(true);
  }
}
