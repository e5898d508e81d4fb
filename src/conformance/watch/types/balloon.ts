import { balloonFeature, balloonQueue, PAGE_NUMBER_BYTES } from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import type { TypeFollower } from './follower.ts';

/** More pages are not followed one by one. */
const MOST_PAGES = 1 << 20;

/** Which pages a driver gave away, and what else its device was told. */
export interface BalloonNotes {
  /** Pages in the balloon, and those whose way there the device has not confirmed. */
  readonly pages: Set<number>;
  readonly inflating: Set<number>;
  /** Page numbers of inflate requests in flight, by head. */
  readonly requests: Map<number, readonly number[]>;
  /** Too many pages came to be followed. */
  lost: boolean;
  /** Operations that were confirmed since `actual` was written last. */
  unsaid: number;
  inflates: number;
  statistics: number;
  statisticsUsed: number;
  /** Tags of the first buffer of statistics, as text. */
  tags: string | null;
}

export const balloonNotes = (fn: FunctionModel): BalloonNotes => {
  fn.notes ??= {
    pages: new Set(),
    inflating: new Set(),
    requests: new Map(),
    lost: false,
    unsaid: 0,
    inflates: 0,
    statistics: 0,
    statisticsUsed: 0,
    tags: null,
  };
  return fn.notes as BalloonNotes;
};

/** The nth page number of a request. */
export const pageAt = ({ chain }: Moment, n: number) => chain.u32(PAGE_NUMBER_BYTES * n);
export const pagesIn = ({ chain }: Moment) => Math.floor(chain.readable / PAGE_NUMBER_BYTES);

export const balloonFollower: TypeFollower = {
  chain(now, { index }) {
    const notes = balloonNotes(now.fn);
    if (index === balloonQueue.statistics && now.fn.has(balloonFeature.statisticsQueue)) notes.statistics++;
    if (index !== balloonQueue.inflate && index !== balloonQueue.deflate) return;
    if (notes.pages.size + pagesIn(now) > MOST_PAGES) notes.lost = true;
    const numbers: number[] = [];
    for (let n = 0; n < pagesIn(now) && !notes.lost; n++) {
      const page = pageAt(now, n);
      numbers.push(page);
      if (index === balloonQueue.inflate) {
        notes.pages.add(page);
        notes.inflating.add(page);
      } else notes.pages.delete(page);
    }
    if (index === balloonQueue.inflate) {
      notes.inflates++;
      notes.requests.set(now.chain.head, numbers);
    }
  },
  used({ fn }, { index }, head) {
    const notes = balloonNotes(fn);
    if (index === balloonQueue.statistics) notes.statisticsUsed++;
    if (index !== balloonQueue.inflate && index !== balloonQueue.deflate) return;
    notes.unsaid++;
    if (index === balloonQueue.deflate) return;
    for (const page of notes.requests.get(head) ?? []) notes.inflating.delete(page);
    notes.requests.delete(head);
  },
};
