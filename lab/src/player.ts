import { effect } from '@preact/signals';
import { call } from './actions.ts';
import { goTo, indexAt, position } from './place.ts';
import { atEnd, cursor, groups, last, past, pcView, playing, speed } from './state.ts';

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
    // Of a PC nothing is kept but its stream.
    if (atEnd.value || pcView.value !== null) past.value = null;
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
