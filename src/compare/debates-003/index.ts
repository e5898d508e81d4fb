import type { DebateRow } from '../debate-row.ts';
import { sliceRows } from './slice-rows.ts';
import { slotRows } from './slot-rows.ts';
import { workRows } from './work-rows.ts';

/** What was proposed or claimed in debate 003, mediated devices and interrupt message storage, and what a run says of it. */
export const debates003: readonly DebateRow[] = [...sliceRows, ...slotRows, ...workRows];
