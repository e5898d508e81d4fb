import { Room } from '../../../core/index.ts';
import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { PAGE_NUMBER_BYTES } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import type { BalloonMemory } from './memory.ts';
import { PageSet } from './pages.ts';

/** Bytes of page numbers that are looked at in one go. */
const PIECE_BYTES = 4096;

/** Pages of one request that have the same thing wrong with them: one finding for all. */
class Wrong {
  count = 0;
  first = 0;

  add(page: number): false {
    if (this.count++ === 0) this.first = page;
    return false;
  }

  report(device: DevicePort, clause: string, message: string, chain: Chain): void {
    if (this.count > 0)
      device.report(
        'driver',
        clause,
        `${message} (${this.count} pages)`,
        aboutChain(chain, 'page number', this.first),
      );
    this.count = 0;
  }
}

/** The pages in the balloon, and the requests that put pages in and take them out: arrays of page numbers. */
export class PageNumbers {
  readonly inflated = new PageSet();
  readonly #device: DevicePort;
  readonly #memory: BalloonMemory;
  readonly #discard: boolean;
  readonly #piece = new Room(PIECE_BYTES);
  readonly #outside = new Wrong();
  readonly #again = new Wrong();
  readonly #unknown = new Wrong();
  readonly #inflatePage = (page: number) => this.#inflate(page);
  readonly #deflatePage = (page: number) => this.#deflate(page);

  constructor(device: DevicePort, memory: BalloonMemory, discard: boolean) {
    this.#device = device;
    this.#memory = memory;
    this.#discard = discard;
  }

  /** @returns pages that came into the balloon. */
  inflate(chain: Chain): number {
    const pages = this.#each(chain, 'BAL-OP-01', this.#inflatePage);
    this.#outside.report(this.#device, reachClause(this.#device), 'inflated outside the memory', chain);
    this.#again.report(this.#device, 'BAL-OP-05', 'inflated again while in the balloon', chain);
    return pages;
  }

  /** @returns pages that left the balloon. */
  deflate(chain: Chain): number {
    const pages = this.#each(chain, 'BAL-OP-05', this.#deflatePage);
    this.#unknown.report(this.#device, 'BAL-OP-09', 'deflated while not in the balloon', chain);
    return pages;
  }

  #inflate(page: number): boolean {
    if (!this.#memory.holds(page)) return this.#outside.add(page);
    // BAL-OP-12: from here to the acknowledgement every page that is named may change.
    if (this.#discard) this.#memory.discard(page, 0);
    return this.inflated.add(page) || this.#again.add(page);
  }

  #deflate(page: number): boolean {
    return this.inflated.remove(page) || this.#unknown.add(page);
  }

  /** Hands every number to `use`; no more of them than there are pages. @returns how often it was true. */
  #each(chain: Chain, clause: string, use: (page: number) => boolean): number {
    const report = (message: string) =>
      this.#device.report('driver', clause, message, aboutChain(chain, 'length in bytes', bytes));
    const bytes = chain.readableBytes;
    if (chain.count > chain.readableCount)
      this.#device.report(
        'driver',
        shapeClause(this.#device),
        'writable bytes in a request of page numbers',
        aboutChain(chain, 'length in bytes', chain.writableBytes),
      );
    const most = this.#memory.pages * PAGE_NUMBER_BYTES;
    if (bytes === 0 || bytes % PAGE_NUMBER_BYTES !== 0) report(`${bytes} bytes of page numbers`);
    else if (bytes > most) report(`${bytes} bytes of page numbers, for ${most} that name all memory`);
    const end = Math.min(bytes - (bytes % PAGE_NUMBER_BYTES), most);
    const little = this.#device.littleEndian;
    let changed = 0;
    for (let at = 0; at < end; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, end - at);
      if (!chain.read(at, this.#piece.bytes, 0, length)) {
        this.#device.report(
          'driver',
          reachClause(this.#device),
          'page numbers out of reach',
          aboutChain(chain),
        );
        break;
      }
      for (let i = 0; i < length; i += PAGE_NUMBER_BYTES)
        if (use(this.#piece.view.getUint32(i, little))) changed++;
    }
    return changed;
  }
}
