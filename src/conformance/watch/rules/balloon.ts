import {
  BALLOON_PAGE_BYTES,
  balloonConfig,
  balloonFeature,
  balloonQueue,
  balloonStatistic,
  balloonStatisticEntry,
  COMMAND_ID_BYTES,
  PAGE_NUMBER_BYTES,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { BROKEN, cites, seen, type Violation, type WatchRule } from '../rule.ts';
import { balloonNotes, pageAt, pagesIn } from '../types/balloon.ts';
import { bytes, ofChain, requestRules, SHAPE, swap16 } from './requests.ts';

const TYPE = 'balloon';
const rule = requestRules(TYPE);
const is = ({ queue }: Moment, which: number) => queue!.index === which;
const isPages = (now: Moment) => is(now, balloonQueue.inflate) || is(now, balloonQueue.deflate);
const isStatistics = (now: Moment) =>
  is(now, balloonQueue.statistics) && now.fn.has(balloonFeature.statisticsQueue);
/** Queues behind the statistics have these numbers only where none is left out before them. */
const isHints = (now: Moment) =>
  is(now, balloonQueue.freePages) &&
  now.fn.has(balloonFeature.freePageHint) &&
  now.fn.has(balloonFeature.statisticsQueue);
const isReports = (now: Moment) =>
  is(now, balloonQueue.reporting) &&
  now.fn.has(balloonFeature.pageReporting) &&
  now.fn.has(balloonFeature.freePageHint);

/** The first page of a request for which something is wrong. */
function eachPage(now: Moment, wrong: (page: number) => boolean): Violation | null {
  if (balloonNotes(now.fn).lost) return null;
  for (let n = 0; n < pagesIn(now); n++) {
    const page = pageAt(now, n);
    if (wrong(page)) return ofChain(now, 'page number', page);
  }
  return null;
}

const entries = ({ chain }: Moment) => Math.floor(chain.readable / balloonStatisticEntry.bytes);
const tagAt = ({ chain }: Moment, n: number) =>
  chain.u16(balloonStatisticEntry.bytes * n + balloonStatisticEntry.tag);
const MOST_TAG = Math.max(...Object.values(balloonStatistic));

function tagsOf(now: Moment): string {
  let text = '';
  for (let n = 0; n < entries(now); n++) text += ` ${tagAt(now, n)}`;
  return text;
}

/** The balloon. */
export const balloonChapter: readonly WatchRule[] = [
  rule(
    'balloon-pages-writable',
    'CONF-01',
    'must',
    'writable bytes in a request of page numbers',
    (now) => (isPages(now) && now.chain.writable > 0 ? bytes(now, now.chain.writable) : null),
    SHAPE,
  ),
  rule(
    'balloon-inflate-length',
    'BAL-OP-01',
    'should',
    'an inflate request of no whole page numbers',
    (now) =>
      is(now, balloonQueue.inflate) &&
      (now.chain.readable === 0 || now.chain.readable % PAGE_NUMBER_BYTES !== 0)
        ? bytes(now, now.chain.readable)
        : null,
  ),
  rule('balloon-deflate-length', 'BAL-OP-05', 'must', 'a deflate request of no whole page numbers', (now) =>
    is(now, balloonQueue.deflate) &&
    (now.chain.readable === 0 || now.chain.readable % PAGE_NUMBER_BYTES !== 0)
      ? bytes(now, now.chain.readable)
      : null,
  ),
  rule(
    'balloon-inflated-again',
    'BAL-OP-05',
    'must',
    'a page was inflated that is in the balloon: it was taken out without being deflated',
    (now) =>
      is(now, balloonQueue.inflate) ? eachPage(now, (page) => balloonNotes(now.fn).pages.has(page)) : null,
  ),
  rule(
    'balloon-deflated-outside',
    'BAL-OP-09',
    'must',
    'a page was deflated that is not in the balloon',
    (now) =>
      is(now, balloonQueue.deflate) && now.fn.followed
        ? eachPage(now, (page) => !balloonNotes(now.fn).pages.has(page))
        : null,
  ),
  rule(
    'balloon-deflated-early',
    'BAL-OP-09',
    'must',
    'a page was deflated before its inflation was confirmed',
    (now) =>
      is(now, balloonQueue.deflate)
        ? eachPage(now, (page) => balloonNotes(now.fn).inflating.has(page))
        : null,
  ),
  rule(
    'balloon-page-in-use',
    'BAL-OP-08 BAL-OP-06',
    'must',
    'a buffer lies in a page that is in the balloon',
    (now) => {
      const { pages } = balloonNotes(now.fn);
      if (pages.size === 0 || is(now, balloonQueue.reporting) || is(now, balloonQueue.freePages)) return null;
      for (let i = 0; i < now.chain.count; i++) {
        const page = Math.floor(now.chain.addresses[i]! / BALLOON_PAGE_BYTES);
        if (pages.has(page)) return ofChain(now, 'page number', page);
      }
      return null;
    },
  ),
  rule(
    'balloon-statistics-outstanding',
    'BAL-STAT-01',
    'must',
    'more than one buffer of statistics at a time',
    (now) =>
      isStatistics(now) && now.queue!.ring !== null && now.queue!.ring.inFlight > 1
        ? ofChain(now, 'buffers', now.queue!.ring.inFlight)
        : null,
  ),
  rule(
    'balloon-statistics-writable',
    'CONF-01',
    'must',
    'writable bytes in a buffer of statistics',
    (now) => (isStatistics(now) && now.chain.writable > 0 ? bytes(now, now.chain.writable) : null),
    SHAPE,
  ),
  rule(
    'balloon-statistics-length',
    'BAL-STAT-05',
    'must',
    'a buffer of statistics of no whole entries',
    (now) =>
      isStatistics(now) && now.chain.readable % balloonStatisticEntry.bytes !== 0
        ? bytes(now, now.chain.readable)
        : null,
  ),
  rule('balloon-statistics-empty', 'BAL-STAT-04', 'must', 'a buffer of no statistics', (now) =>
    isStatistics(now) && now.chain.readable === 0 ? bytes(now, 0) : null,
  ),
  rule(
    'balloon-statistics-byte-order',
    'LEG-BAL-07 LEG-BAL-09',
    'must',
    "the tags of statistics are not in the guest's byte order",
    (now) => {
      const tag = isStatistics(now) && entries(now) > 0 ? tagAt(now, entries(now) - 1) : 0;
      return tag > 0xff && swap16(tag) <= MOST_TAG ? ofChain(now, 'tag', tag) : null;
    },
    { speaks: 'legacy' },
  ),
  rule(
    'balloon-statistics-subset',
    'BAL-STAT-07',
    'must',
    'another subset of statistics than before',
    (now) => {
      if (!isStatistics(now)) return null;
      const notes = balloonNotes(now.fn);
      const tags = tagsOf(now);
      const other = notes.tags !== null && notes.tags !== tags;
      notes.tags = tags;
      return other ? ofChain(now, 'statistics', entries(now)) : null;
    },
  ),
  rule(
    'balloon-command-length',
    'BAL-FPH-01',
    'must',
    'a command of free page hinting of other than 4 bytes',
    (now) =>
      isHints(now) && now.chain.readable > 0 && now.chain.readable !== COMMAND_ID_BYTES
        ? bytes(now, now.chain.readable)
        : null,
  ),
  rule('balloon-report-readable', 'BAL-FPH-09', 'must', 'readable bytes in a report of free pages', (now) =>
    isReports(now) && now.chain.readable > 0 ? bytes(now, now.chain.readable) : null,
  ),
  rule('balloon-report-pages', 'BAL-FPH-09', 'must', 'a report of free pages that are not whole', (now) =>
    isReports(now) && now.chain.writable % BALLOON_PAGE_BYTES !== 0 ? bytes(now, now.chain.writable) : null,
  ),
  {
    id: 'balloon-actual-not-written',
    clauses: cites('BAL-OP-10'),
    level: 'must',
    type: TYPE,
    says: 'the balloon changed, and actual was never written',
    on: ['end'],
    when: ({ fn }) =>
      fn.started &&
      fn.followed &&
      balloonNotes(fn).unsaid > 0 &&
      !fn.configWritten.has(balloonConfig.actual.offset)
        ? seen('operations', balloonNotes(fn).unsaid)
        : null,
  },
  {
    id: 'balloon-actual-byte-order',
    clauses: cites('LEG-BAL-03'),
    level: 'must',
    type: TYPE,
    speaks: 'legacy',
    says: 'actual is not little-endian, as it is for every driver',
    on: ['config-write'],
    when: ({ fn, offset, value, width }) => {
      const { pages, lost } = balloonNotes(fn);
      if (
        offset !== balloonConfig.actual.offset ||
        width !== 4 ||
        lost ||
        pages.size === 0 ||
        value === pages.size
      )
        return null;
      const swapped =
        ((value & 0xff) * 0x1000000 +
          ((value >>> 8) & 0xff) * 0x10000 +
          ((value >>> 16) & 0xff) * 0x100 +
          (value >>> 24)) >>>
        0;
      return swapped === pages.size ? seen('actual', value) : null;
    },
  },
  {
    id: 'balloon-no-statistics',
    clauses: cites('BAL-STAT-02'),
    level: 'must',
    type: TYPE,
    says: 'STATS_VQ was accepted, and no buffer ever queued',
    on: ['end'],
    when: ({ fn }) => {
      if (!fn.started || !fn.followed || !fn.has(balloonFeature.statisticsQueue)) return null;
      const queue = fn.queues.get(balloonQueue.statistics);
      if (queue !== undefined && queue.kicks > 0) return null;
      return [...fn.queues.values()].some(({ kicks }) => kicks > 0) ? BROKEN : null;
    },
  },
  {
    id: 'balloon-statistics-not-renewed',
    clauses: cites('BAL-STAT-03'),
    level: 'note',
    type: TYPE,
    says: 'a buffer of statistics was used, and no new one queued',
    on: ['end'],
    when: ({ fn }) =>
      fn.started &&
      balloonNotes(fn).statisticsUsed > 0 &&
      balloonNotes(fn).statistics <= balloonNotes(fn).statisticsUsed
        ? seen('buffers', balloonNotes(fn).statistics)
        : null,
  },
  {
    id: 'balloon-tell-refused',
    clauses: cites('BAL-FEAT-01'),
    level: 'note',
    type: TYPE,
    says: 'MUST_TELL_HOST was offered and not accepted',
    on: ['start'],
    when: ({ fn }) =>
      fn.offered.has(balloonFeature.mustTellHost) && fn.lacks(balloonFeature.mustTellHost)
        ? seen('feature bit', balloonFeature.mustTellHost)
        : null,
  },
];
