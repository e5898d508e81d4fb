import type { StorageOperation, Transfer } from '../storage.ts';
import { StorageFilter } from './storage-filter.ts';

/** A storage that counts the requests that reach it. */
export class CountedStorage extends StorageFilter {
  readonly requests: Record<StorageOperation, number> = {
    read: 0,
    write: 0,
    flush: 0,
    discard: 0,
    writeZeroes: 0,
    secureErase: 0,
  };

  protected pass(
    operation: StorageOperation,
    transfer: Transfer,
    carryOut: (transfer: Transfer) => void,
  ): void {
    this.requests[operation]++;
    carryOut(transfer);
  }
}
