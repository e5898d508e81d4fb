import type { Storage, Transfer } from '../virtio/index.ts';

/** A storage that counts the requests that reach it. */
export class CountedStorage implements Storage {
  readonly requests = { read: 0, write: 0, flush: 0 };
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
    this.requests.read++;
    this.#inner.read(transfer);
  }

  write(transfer: Transfer): void {
    this.requests.write++;
    this.#inner.write(transfer);
  }

  flush(transfer: Transfer): void {
    this.requests.flush++;
    this.#inner.flush(transfer);
  }
}
