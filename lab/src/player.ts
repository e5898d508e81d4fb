import { effect } from '@preact/signals';
import { call } from './actions.ts';
import { atEnd, cursor, type Group, groups, last, past, playing, speed } from './state.ts';

/** The group at the cursor, or before it: -1 for none. */
function indexAt(list: readonly Group[], seq: number): number {
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

/** Stops, and shows one access more or less. */
export function step(by: 1 | -1): void {
  playing.value = false;
  goTo(position() + by);
}

/** Stops at an access that is linked to. */
export function showAccess(seq: number): void {
  const list = groups.value;
  const index = list.findIndex((group) => group.last >= seq);
  if (index < 0) return;
  playing.value = false;
  goTo(index + 1);
}

/** Begins to follow: time passes, and the page shows what stood at its place of the stream. */
export function startPlayer(): void {
  effect(() => {
    if (playing.value && speed.value === 0) cursor.value = last.value;
  });
  effect(() => {
    if (!playing.value || speed.value === 0) return;
    const timer = setInterval(() => {
      if (!atEnd.value) goTo(position() + 1);
    }, 1000 / speed.value);
    return () => clearInterval(timer);
  });
  effect(() => {
    if (atEnd.value) past.value = null;
    else void look(cursor.value);
  });
}

/** Only the answer to the last question counts. */
let asked = 0;

async function look(seq: number): Promise<void> {
  const mine = ++asked;
  const list = groups.peek();
  const root = list[indexAt(list, seq)]?.root.seq ?? 0;
  const found = await call('look', { seq: root });
  if (mine === asked && found !== null) past.value = found;
}
