import type { PackedView } from '../rings/packed.ts';
import type { SplitView } from '../rings/split.ts';

/** What is known of a queue, as its registers were last read or written. Null is not known. */
export class QueueModel {
  readonly index: number;
  /** What the device offered, and what the driver made of it. */
  offered: number | null = null;
  size: number | null = null;
  /** The size was written since the queue was last unset. */
  sized = false;
  /** The queue is in use: it has an address in the legacy header, or was enabled. */
  live: boolean | null;
  resetting = false;
  /** It was reset by itself, and not set up since. */
  afterReset = false;
  /** Page number of the legacy header. */
  page: number | null = null;
  /** Halves of the addresses of descriptor, driver and device area, low before high. */
  readonly addresses: (number | null)[] = [null, null, null, null, null, null];
  vector: number | null = null;
  /** The vector that was asked for last. */
  vectorAsked: number | null = null;
  /** A vector was written and not read back. */
  vectorUnread = false;
  notifyOffset: number | null = null;
  notifyName: number | null = null;
  kicks = 0;
  /** Its ring, once it was looked at; null where it cannot be. */
  ring: SplitView | PackedView | null = null;
  /** Why its ring is not looked at; empty where it is, or was not tried. */
  blind = '';

  /** @param fresh nothing was done to it since the device was reset. */
  constructor(index: number, fresh: boolean) {
    this.index = index;
    this.live = fresh ? false : null;
  }

  /** An area's address; null where a half of it is unknown. */
  area(which: 0 | 1 | 2): number | null {
    const [low, high] = [this.addresses[2 * which]!, this.addresses[2 * which + 1]!];
    return low === null || high === null ? null : high * 2 ** 32 + low;
  }

  /** As after the end of its own reset. */
  unset(): void {
    this.live = false;
    this.resetting = false;
    this.afterReset = true;
    this.sized = false;
    this.size = null;
    this.addresses.fill(null);
    this.vector = null;
    this.vectorAsked = null;
    this.vectorUnread = false;
    this.ring = null;
    this.blind = '';
    this.kicks = 0;
  }
}
