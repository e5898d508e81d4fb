import type { DmaWindow } from '../../core/index.ts';

/**
 * What is reached through two translations one behind the other: the first leads to addresses that the second translates. A
 * byte is reached where both reach it, and written where both let it be.
 */
export function composeWindows(first: readonly DmaWindow[], second: readonly DmaWindow[]): DmaWindow[] {
  const composed: DmaWindow[] = [];
  for (const { start, length, write, target = start } of first)
    for (const { start: from, length: reach, write: writes, target: to = from } of second) {
      const low = Math.max(target, from);
      const high = Math.min(target + length, from + reach);
      if (low < high)
        composed.push({
          start: start + (low - target),
          length: high - low,
          write: write && writes,
          target: to + (low - from),
        });
    }
  return composed;
}
