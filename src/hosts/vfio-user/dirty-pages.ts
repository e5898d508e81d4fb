import { CommandError } from './errors.ts';

/** Least that is told apart. */
export const LOG_PAGE_BYTES = 4096;
/** Bits of one report at most. */
const MOST_REPORTED = 1 << 23;

/** A stretch of a client's addresses. */
export interface DmaRange {
  readonly address: number;
  readonly length: number;
}

const isPage = (bytes: number) => Number.isInteger(Math.log2(bytes)) && bytes >= LOG_PAGE_BYTES;

/** Pages of a client's memory that a device wrote to since it was last asked. */
export class DirtyPages {
  readonly #pages = new Set<number>();
  readonly #ranges: readonly DmaRange[];

  /** @param ranges what is of interest; nothing for all */
  constructor(ranges: readonly DmaRange[]) {
    this.#ranges = ranges;
  }

  wrote(address: number, length: number): void {
    const last = Math.floor((address + length - 1) / LOG_PAGE_BYTES);
    for (let page = Math.floor(address / LOG_PAGE_BYTES); page <= last; page++)
      if (this.#isWanted(page * LOG_PAGE_BYTES)) this.#pages.add(page);
  }

  #isWanted(at: number): boolean {
    if (this.#ranges.length === 0) return true;
    return this.#ranges.some(({ address, length }) => at < address + length && at + LOG_PAGE_BYTES > address);
  }

  /**
   * A bit for each `pageBytes` of a range, in words of 64 bits; they are forgotten.
   * @throws CommandError for pages of impossible size, and ranges that are none
   */
  take({ address, length }: DmaRange, pageBytes: number): Uint8Array {
    if (!isPage(pageBytes))
      throw new CommandError(
        'EINVAL',
        `pages of ${pageBytes} bytes; wants a power of two from ${LOG_PAGE_BYTES}`,
      );
    const count = Math.ceil(length / pageBytes);
    if (length === 0 || !Number.isSafeInteger(address + length) || count > MOST_REPORTED)
      throw new CommandError('EINVAL', `${length} bytes at ${address}`);
    const bitmap = new Uint8Array(8 * Math.ceil(count / 64));
    const mark = (page: number) => {
      const bit = Math.floor((page * LOG_PAGE_BYTES - address) / pageBytes);
      bitmap[bit >>> 3]! |= 1 << (bit & 7);
      this.#pages.delete(page);
    };
    const inside = (page: number) =>
      page * LOG_PAGE_BYTES >= address && page * LOG_PAGE_BYTES < address + length;
    for (const page of this.#pages) if (inside(page)) mark(page);
    return bitmap;
  }
}
