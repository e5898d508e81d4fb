import { type DmaDomain, Room } from '../../../core/index.ts';
import { reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { BALLOON_PAGE_BYTES } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';

/** The guest's memory in pages of the balloon. */
export class BalloonMemory {
  readonly #device: DevicePort;
  readonly #fill = new Room(BALLOON_PAGE_BYTES);
  #value = 0;

  constructor(device: DevicePort) {
    this.#device = device;
  }

  #dma(): DmaDomain | null {
    return this.#device.dma;
  }

  /** Pages of all memory: no honest request names more of them. */
  get pages(): number {
    let bytes = 0;
    for (const { start, end } of this.#dma()?.memory.ranges ?? []) bytes += end - start;
    return Math.ceil(bytes / BALLOON_PAGE_BYTES);
  }

  /** The first page beyond all memory, at whatever addresses the device has it. */
  get endPage(): number {
    const { memory, windows } = this.#dma() ?? { memory: { ranges: [] }, windows: [] };
    const top = memory.ranges.at(-1)?.end ?? 0;
    const ends = windows.map(({ start, length }) => start + Math.min(length, top));
    return Math.ceil(Math.max(top, ...ends) / BALLOON_PAGE_BYTES);
  }

  /** True when all of the page is memory that the device reaches. */
  holds(page: number): boolean {
    return this.#dma()?.reaches(page * BALLOON_PAGE_BYTES, BALLOON_PAGE_BYTES, false) === true;
  }

  /**
   * Takes a page's content away: 32-bit words of `value` stand there afterwards, little-endian.
   * @returns false when the page cannot be written.
   */
  discard(page: number, value: number): boolean {
    if (value !== this.#value) {
      const view = this.#fill.view;
      for (let at = 0; at < BALLOON_PAGE_BYTES; at += 4) view.setUint32(at, value, true);
      this.#value = value;
    }
    return this.#dma()?.write(page * BALLOON_PAGE_BYTES, this.#fill.bytes, 0, BALLOON_PAGE_BYTES) === true;
  }

  #report(clause: string, message: string, chain: Chain, page: number): void {
    this.#device.report('driver', clause, message, aboutChain(chain, 'page number', page));
  }

  /**
   * Every page that a chain's writable buffers name by being it; no more of them than there are.
   * @param use takes a page, and says whether it was written to.
   * @param clause what a driver breaks that names anything else.
   * @returns bytes that were written in a row from the first on (SPL-USED-02).
   */
  eachPage(chain: Chain, clause: string, use: (page: number) => boolean): number {
    let left = this.pages;
    let written = 0;
    let inARow = true;
    for (let i = chain.readableCount; i < chain.count; i++) {
      const { address, length } = chain.segment(i);
      if (address % BALLOON_PAGE_BYTES !== 0 || length % BALLOON_PAGE_BYTES !== 0) {
        this.#device.report(
          'driver',
          clause,
          `${length} bytes that are not whole pages`,
          aboutChain(chain, 'address', address),
        );
        inARow = false;
        continue;
      }
      const first = address / BALLOON_PAGE_BYTES;
      for (let page = first; page < first + length / BALLOON_PAGE_BYTES; page++) {
        if (left-- === 0 || !this.holds(page)) {
          if (left < 0) this.#report(clause, 'more free pages than there are', chain, page);
          else this.#report(reachClause(this.#device), 'a free page outside the memory', chain, page);
          return written;
        }
        if (!use(page)) inARow = false;
        else {
          chain.touched = true;
          if (inARow) written += BALLOON_PAGE_BYTES;
        }
      }
    }
    return written;
  }
}
