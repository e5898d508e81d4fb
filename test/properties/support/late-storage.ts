import type { Scheduler } from '../../../src/core/index.ts';
import { SECTOR_BYTES, type Storage, type Transfer } from '../../../src/virtio/index.ts';

/** A disk that carries every sector of a transfer as a piece of work of its own, in whatever order they are released. */
export class LateStorage implements Storage {
  readonly readOnly = false;
  readonly bytes: Uint8Array;
  readonly scheduler: Scheduler;

  constructor(bytes: Uint8Array, scheduler: Scheduler) {
    this.bytes = bytes;
    this.scheduler = scheduler;
  }

  get length(): number {
    return this.bytes.length;
  }

  #pieces(transfer: Transfer, move: (at: number, place: number) => boolean): void {
    let left = transfer.length / SECTOR_BYTES;
    if (left === 0) transfer.done(true);
    const { offset, length } = transfer;
    let ok = true;
    for (let at = 0; at < length; at += SECTOR_BYTES)
      this.scheduler.submit({
        label: 'sector',
        run: () =>
          transfer.whenReady(() => {
            ok = move(at, offset + at) && ok;
            if (--left === 0) transfer.done(ok);
          }),
      });
  }

  read(transfer: Transfer): void {
    this.#pieces(transfer, (at, place) => transfer.give(at, this.bytes, place, SECTOR_BYTES));
  }

  write(transfer: Transfer): void {
    this.#pieces(transfer, (at, place) => transfer.take(at, this.bytes, place, SECTOR_BYTES));
  }

  discard(transfer: Transfer): void {
    this.#clear(transfer);
  }

  writeZeroes(transfer: Transfer): void {
    this.#clear(transfer);
  }

  /** Sector by sector, too; after a reset nothing changes any more. */
  #clear(transfer: Transfer): void {
    this.#pieces(transfer, (_at, place) => {
      if (transfer.live) this.bytes.fill(0, place, place + SECTOR_BYTES);
      return transfer.live;
    });
  }

  flush(transfer: Transfer): void {
    this.scheduler.submit({ label: 'flush', run: () => transfer.done(true) });
  }
}
