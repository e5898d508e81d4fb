import { DmaDomain, type DmaWindow, FOUR_GIB } from '../../core/index.ts';
import { GUEST_PAGE_BYTES, GUEST_PAGE_ENTRY_BYTES, guestPage, MOST_GUEST_PAGES } from '../layout/index.ts';
import { composeWindows } from './compose-windows.ts';

/** So many pages are remembered; the one that was used the longest ago is forgotten for another. */
const MOST_REMEMBERED = 64;
/** Of a page that is not there. */
const NOTHING: readonly DmaWindow[] = [];
/** Bits of an entry's upper word that are part of an address. */
const HIGH_ADDRESS = 0xfffff;

/**
 * A translation that a guest owns, before the one by which its host confines it: the guest's page table stands in its own
 * memory, and it changes it as it likes. Pages are looked up when they are first used and remembered until the guest has
 * them forgotten. Whatever the table says, nothing is reached beyond what the host's translation reaches.
 */
export class GuestTranslation {
  /** Memory as seen through both, as far as pages were looked up. */
  readonly domain: DmaDomain;
  readonly #host: DmaDomain;
  readonly table: number;
  readonly pages: number;
  /** By page, in the order of being looked up. */
  readonly #remembered = new Map<number, readonly DmaWindow[]>();
  readonly #entry = new Uint8Array(GUEST_PAGE_ENTRY_BYTES);
  readonly #view = new DataView(this.#entry.buffer);

  /** @param table guest-physical address of the entry of page 0. @param pages entries that it has. */
  constructor(host: DmaDomain, table: number, pages: number) {
    this.#host = host;
    this.table = table;
    this.pages = pages;
    this.domain = new DmaDomain(host.memory, []);
  }

  /** Why no table can be so, or null. */
  static objection(host: DmaDomain, table: number, pages: number): string | null {
    if (pages < 1 || pages > MOST_GUEST_PAGES) return `${pages} pages; wants 1..${MOST_GUEST_PAGES}`;
    if (table % GUEST_PAGE_ENTRY_BYTES !== 0) return 'a table that is not aligned';
    return host.reaches(table, pages * GUEST_PAGE_ENTRY_BYTES, false) ? null : 'a table out of reach';
  }

  /** The first page of a stretch that the guest's table does not have, or not for writing; -1 where all are there. */
  missing(address: number, length: number, write: boolean): number {
    const last = Math.floor((address + Math.max(length, 1) - 1) / GUEST_PAGE_BYTES);
    let missing = -1;
    let changed = false;
    for (let page = Math.floor(address / GUEST_PAGE_BYTES); page <= last && missing < 0; page++) {
      let windows = this.#remembered.get(page);
      if (windows === undefined) {
        windows = this.#lookUp(page);
        changed ||= windows !== NOTHING;
      } else this.#remembered.delete(page);
      // The latest are kept: all pages of one piece of work are.
      if (windows !== NOTHING) this.#remembered.set(page, windows);
      const from = Math.max(page * GUEST_PAGE_BYTES, address);
      const end = Math.min((page + 1) * GUEST_PAGE_BYTES, address + length);
      if (!covers(windows, from, end, write)) missing = page;
    }
    if (changed) this.#apply();
    return missing;
  }

  /** What the guest's table says of a page, behind what the host says of that. */
  #lookUp(page: number): readonly DmaWindow[] {
    const at = this.table + page * GUEST_PAGE_ENTRY_BYTES;
    if (page >= this.pages || !this.#host.read(at, this.#entry, 0, GUEST_PAGE_ENTRY_BYTES)) return NOTHING;
    const low = this.#view.getUint32(0, true);
    if ((low & guestPage.present) === 0) return NOTHING;
    const high = this.#view.getUint32(4, true) & HIGH_ADDRESS;
    const window = {
      start: page * GUEST_PAGE_BYTES,
      length: GUEST_PAGE_BYTES,
      write: (low & guestPage.write) !== 0,
      target: high * FOUR_GIB + (low - (low % GUEST_PAGE_BYTES)),
    };
    return composeWindows([window], this.#host.windows);
  }

  #apply(): void {
    const oldest = this.#remembered.keys();
    while (this.#remembered.size > MOST_REMEMBERED) this.#remembered.delete(oldest.next().value!);
    this.domain.setWindows([...this.#remembered.values()].flat());
  }

  /** The guest changed its table: what was remembered of a page, or of all, is looked up anew. */
  invalidate(page?: number): void {
    if (page === undefined) this.#remembered.clear();
    else this.#remembered.delete(page);
    this.#apply();
  }

  /** Nothing is reached any more. */
  end(): void {
    this.invalidate();
    this.domain.release();
  }
}

/** Every byte of [from, end) is in some of the windows, which are in the order of their addresses. */
function covers(windows: readonly DmaWindow[], from: number, end: number, write: boolean): boolean {
  let at = from;
  for (const window of windows)
    if (window.start <= at && (window.write || !write)) at = Math.max(at, window.start + window.length);
  return at >= end;
}
