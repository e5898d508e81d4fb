import { cursor, type Group, groups } from './state.ts';

/** The group at the cursor, or before it: -1 for none. */
export function indexAt(list: readonly Group[], seq: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.last <= seq) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export const position = () => indexAt(groups.value, cursor.value) + 1;

/** The group that is shown last. */
export const groupAtCursor = (): Group | undefined => groups.value[indexAt(groups.value, cursor.value)];

/** Shows so many of the driver's accesses. */
export function goTo(count: number): void {
  const list = groups.value;
  const index = Math.max(0, Math.min(count, list.length)) - 1;
  cursor.value = index < 0 ? 0 : list[index]!.last;
}
