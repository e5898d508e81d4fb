import { ALL_ONES, type HeldFunction, type Holder } from './held-function.ts';

/** Reads of status after a reset before the function is given up. */
export const MAX_RESET_READS = 10_000;

/**
 * Reads status until it is 0 (BF-RST-01). A function that never gets there is reported, and the guest not kept waiting;
 * one that has gone is given up at once.
 * @returns whether the function is there.
 */
export function awaitReset(held: HeldFunction, holder: Holder, status: () => number): boolean {
  let before = 0;
  for (let reads = 0; reads < MAX_RESET_READS; reads++) {
    const value = status();
    if (value === 0) return true;
    if (value === ALL_ONES && before !== ALL_ONES && held.lost('BF-RST-01')) return false;
    before = value;
    held.host.bus.pause();
  }
  holder.report('BF-RST-01', 'the function does not finish its reset', {
    what: 'reads of status',
    value: MAX_RESET_READS,
  });
  return true;
}
