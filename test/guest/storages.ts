import type { Storage, Transfer } from '../../src/virtio/index.ts';

/** Counts what reaches a storage. */
export class CountingStorage implements Storage {
  reads = 0;
  writes = 0;
  flushes = 0;
  readonly #inner: Storage;

  constructor(inner: Storage) {
    this.#inner = inner;
  }

  get length(): number {
    return this.#inner.length;
  }

  get readOnly(): boolean {
    return this.#inner.readOnly;
  }

  read(transfer: Transfer): void {
    this.reads++;
    this.#inner.read(transfer);
  }

  write(transfer: Transfer): void {
    this.writes++;
    this.#inner.write(transfer);
  }

  flush(transfer: Transfer): void {
    this.flushes++;
    this.#inner.flush(transfer);
  }
}
