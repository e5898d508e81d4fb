import type { Storage, StorageOperation, Transfer } from '../../../src/virtio/index.ts';

/** A transfer to and from an array of its own, as a device would make it. */
export class TestTransfer implements Transfer {
  readonly offset: number;
  readonly data: Uint8Array;
  live = true;
  /** How it ended, each time. */
  readonly ends: boolean[] = [];

  constructor(offset: number, data: Uint8Array | number) {
    this.offset = offset;
    this.data = typeof data === 'number' ? new Uint8Array(data).fill(0xee) : data;
  }

  get length(): number {
    return this.data.length;
  }

  give(at: number, source: Uint8Array, from: number, length: number): boolean {
    if (!this.live || at + length > this.length) return false;
    this.data.set(source.subarray(from, from + length), at);
    return true;
  }

  take(at: number, target: Uint8Array, to: number, length: number): boolean {
    if (!this.live || at + length > this.length) return false;
    target.set(this.data.subarray(at, at + length), to);
    return true;
  }

  whenReady(step: () => void): void {
    step();
  }

  done(ok: boolean): void {
    this.ends.push(ok);
  }
}

/** Carries one operation out. @returns the transfer, ended or not. */
export function carryOut(
  storage: Storage,
  operation: StorageOperation,
  offset: number,
  data: Uint8Array | number,
  mayUnmap = false,
): TestTransfer {
  const transfer = new TestTransfer(offset, data);
  if (operation === 'writeZeroes') storage.writeZeroes!(transfer, mayUnmap);
  else storage[operation]!(transfer);
  return transfer;
}
