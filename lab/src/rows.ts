import type { RowsNews } from '../protocol.ts';
import * as state from './state.ts';

/** Takes rows of the stream, and lets the oldest go. */
export function onRows({ rows, fresh }: RowsNews): void {
  const all = fresh ? rows : [...state.rows.value, ...rows];
  const over = Math.max(0, all.length - state.MOST_ROWS);
  state.dropped.value = (fresh ? 0 : state.dropped.value) + over;
  state.rows.value = over > 0 ? all.slice(over) : all;
  if (fresh) state.cursor.value = 0;
}

/** What came later is forgotten, and the last that is left is shown. */
export function forgetRows(last: number): void {
  state.rows.value = state.rows.value.filter(({ seq }) => seq <= last);
  state.cursor.value = last;
}
