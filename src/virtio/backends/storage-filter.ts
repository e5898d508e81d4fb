import type { Storage, StorageOperation, Transfer } from '../storage.ts';

/** A storage in front of another, which sees each request first. It can what the other can. */
export abstract class StorageFilter implements Storage {
  readonly inner: Storage;
  discard?: (transfer: Transfer) => void;
  writeZeroes?: (transfer: Transfer, mayUnmap: boolean) => void;
  secureErase?: (transfer: Transfer) => void;

  constructor(inner: Storage) {
    this.inner = inner;
    if (inner.discard !== undefined)
      this.discard = (transfer) => this.pass('discard', transfer, (range) => inner.discard!(range));
    if (inner.writeZeroes !== undefined)
      this.writeZeroes = (transfer, mayUnmap) =>
        this.pass('writeZeroes', transfer, (range) => inner.writeZeroes!(range, mayUnmap));
    if (inner.secureErase !== undefined)
      this.secureErase = (transfer) =>
        this.pass('secureErase', transfer, (range) => inner.secureErase!(range));
  }

  get length(): number {
    return this.inner.length;
  }

  get readOnly(): boolean {
    return this.inner.readOnly;
  }

  get mayUnmap(): boolean {
    return this.inner.mayUnmap ?? false;
  }

  read(transfer: Transfer): void {
    this.pass('read', transfer, (range) => this.inner.read(range));
  }

  write(transfer: Transfer): void {
    this.pass('write', transfer, (range) => this.inner.write(range));
  }

  flush(transfer: Transfer): void {
    this.pass('flush', transfer, (range) => this.inner.flush(range));
  }

  /** A request came; `carryOut` has the storage behind do it, or a part of it. */
  protected abstract pass(
    operation: StorageOperation,
    transfer: Transfer,
    carryOut: (transfer: Transfer) => void,
  ): void;
}
