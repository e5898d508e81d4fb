import { computed, signal } from '@preact/signals';
import type { ClauseView, Done, Move, Opened, Row, Setup, View } from '../protocol.ts';

/** Rows that the page keeps: the oldest go first. */
export const MOST_ROWS = 20_000;

/** All that the page shows. */
/** The world that is being opened: what a person chose shows at once. */
export const opening = signal<Setup | null>(null);
export const opened = signal<Opened | null>(null);
/** Whose machines the stream's columns are. */
export const titles = signal<Opened['titles']>({ left: 'Guest', right: 'Host' });
export const done = signal<Done | null>(null);
export const moves = signal<readonly Move[]>([]);
export const busy = signal(false);
export const notices = signal<readonly string[]>([]);
export const tab = signal<string | null>(null);

/** The stream, and how far it is shown. */
export const rows = signal<readonly Row[]>([]);
export const dropped = signal(0);
export const cursor = signal(0);
export const playing = signal(true);
/** Driver's accesses a second; 0 for all at once. */
export const speed = signal(0);
/** What stood at the cursor, where that is not the end. */
export const past = signal<View | null>(null);

export const clauses = signal<ReadonlyMap<string, ClauseView>>(new Map());
/** The clause whose text is open, and the row that something linked to. */
export const openClause = signal<string | null>(null);
export const marked = signal<number | null>(null);

/** What the driver did, with what each led to. */
export interface Group {
  readonly root: Row;
  readonly rest: readonly Row[];
  /** The highest number in it. */
  readonly last: number;
}

export const groups = computed<readonly Group[]>(() => {
  const found: { root: Row; rest: Row[]; last: number }[] = [];
  for (const row of rows.value) {
    const before = found.at(-1);
    if (before !== undefined && row.root === before.root.seq) {
      before.rest.push(row);
      before.last = row.seq;
    } else found.push({ root: row, rest: [], last: row.seq });
  }
  return found;
});

export const last = computed(() => rows.value.at(-1)?.seq ?? 0);
export const atEnd = computed(() => cursor.value >= last.value);
/** What the PC with Linux shows of its host while it runs; null where the stream is our driver's. */
export const pcView = signal<View | 'unseen' | null>(null);
/** What is shown of functions and queues. */
export const view = computed(() => {
  if (!atEnd.value) return past.value;
  if (pcView.value !== null) return pcView.value === 'unseen' ? null : pcView.value;
  return done.value?.view ?? null;
});

/** Says something that a person has to know. */
export function notice(text: string): void {
  if (!notices.value.includes(text)) notices.value = [...notices.value, text];
}
