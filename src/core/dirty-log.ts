import type { DmaDomain, WriteObserver } from './dma-domain.ts';

/** Pages that a function wrote to, for migration: one bit a page, over the RAM that the log was made for. */
export class DirtyLog {
  readonly #pages = new Set<number>();

  readonly domain: DmaDomain;
  readonly pageBytes: number;
  readonly #before: WriteObserver | null;
  readonly #own: WriteObserver;

  /** Starts logging. `pageBytes` is a power of two. An observer that was there before keeps being told. */
  constructor(domain: DmaDomain, pageBytes: number = 4096) {
    this.domain = domain;
    this.pageBytes = pageBytes;
    const before = domain.observer;
    this.#own = (address, length) => {
      const physical = domain.physical(address);
      const last = Math.floor((physical + length - 1) / pageBytes);
      for (let page = Math.floor(physical / pageBytes); page <= last; page++) this.#pages.add(page);
      before?.(address, length);
    };
    this.#before = before;
    domain.observer = this.#own;
  }

  /** Logs no more. Where somebody observes since, that goes on as it is. */
  stop(): void {
    if (this.domain.observer === this.#own) this.domain.observer = this.#before;
  }

  /** Guest-physical addresses of the pages written since the last call, ascending; the log starts anew. */
  take(): number[] {
    const pages = [...this.#pages].sort((a, b) => a - b).map((page) => page * this.pageBytes);
    this.#pages.clear();
    return pages;
  }
}
