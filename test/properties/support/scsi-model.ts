import { Buffer } from 'node:buffer';

export const BLOCKS = 24;
export const BLOCK_BYTES = 512;

export const pattern = (seed: number, blocks: number) =>
  new Uint8Array(blocks * BLOCK_BYTES).map((_, i) => seed + i * 11 + (i >> 8));

/** A command under way, and the blocks that it reads or writes. */
export interface Flight {
  readonly disk: number;
  readonly from: number;
  readonly to: number;
  readonly writes: boolean;
  /** Somebody asked for it to be ended. */
  doomed: boolean;
}

/** One disk as it should be; blocks that an aborted write left open are not known. */
export class DiskModel {
  readonly bytes = new Uint8Array(BLOCKS * BLOCK_BYTES).map((_, i) => (i * 13 + (i >> 9)) & 0xff);
  readonly open = new Set<number>();

  put(lba: number, data: Uint8Array): void {
    this.bytes.set(data, lba * BLOCK_BYTES);
    for (let i = 0; i < data.length / BLOCK_BYTES; i++) this.open.delete(lba + i);
  }

  /** True when every known block is as it should be. */
  agrees(lba: number, data: Uint8Array): boolean {
    for (let i = 0; i < data.length / BLOCK_BYTES; i++) {
      const [at, from] = [i * BLOCK_BYTES, (lba + i) * BLOCK_BYTES];
      if (this.open.has(lba + i)) continue;
      if (
        Buffer.compare(data.subarray(at, at + BLOCK_BYTES), this.bytes.subarray(from, from + BLOCK_BYTES)) !==
        0
      )
        return false;
    }
    return true;
  }
}
