import type { Chain } from './chain.ts';

/**
 * Chains used in order that one used element can stand for: all but the last were read or written completely, as the driver
 * takes those that are skipped to be (SPL-INO-01, PKD-EVT-03).
 */
export class UsedRun {
  head = 0;
  length = 0;
  chains = 0;
  span = 0;
  touched = false;
  /** The last chain may be skipped: another may follow. */
  open = true;

  add(chain: Chain): void {
    this.head = chain.head;
    this.length = chain.written;
    this.chains++;
    this.span += chain.span;
    this.touched = chain.touched;
    this.open = chain.written === chain.writableBytes;
  }

  clear(): void {
    this.chains = this.span = 0;
    this.open = true;
  }
}
