import { DeviceFailedError } from '../../../driver/index.ts';
import {
  balloonConfig,
  balloonFeature,
  balloonQueue,
  balloonStatistic,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes, join, le, pattern } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { movePage, newPage, pageBytes, startBalloon, toldFirst } from '../types/balloon.ts';

const types = ['balloon'];
const legacy: readonly Setting[] = ['legacy'];
const modern: readonly Setting[] = ['modern', 'packed'];
const PAGE = 4096;
/** Pages that any host counts in: 1 MiB. */
const COUNT = 0x100;

/** A page goes into the balloon and out again of a driver that did not accept MUST_TELL_HOST. */
async function servedUntold(bench: Bench, clause: string): Promise<void> {
  bench.needs(balloonFeature.mustTellHost, 'MUST_TELL_HOST');
  const running = startBalloon(bench, []);
  const page = newPage(bench, pattern(PAGE, 1));
  await movePage(bench, running, 'inflate', page, clause);
  await movePage(bench, running, 'deflate', page, clause);
}

/** What a driver writes into a page once it may use it stays. */
async function keepsWhatIsWritten(bench: Bench, clause: string, features: readonly number[]): Promise<void> {
  const running = startBalloon(bench, features);
  const [page, other] = [newPage(bench, pattern(PAGE, 1)), newPage(bench, pattern(PAGE, 2))];
  const content = pattern(PAGE, 3);
  await movePage(bench, running, 'inflate', page, clause);
  const told = features.includes(balloonFeature.mustTellHost);
  if (told) await movePage(bench, running, 'deflate', page, clause);
  bench.memory.ram.write(page, content);
  if (!told) await movePage(bench, running, 'deflate', page, clause);
  await bench.lull();
  const kept = equalBytes(pageBytes(bench, page), content);
  bench.check(clause, kept, 'a page as the driver wrote it when it might use it', 'other content');
  const alone = equalBytes(pageBytes(bench, other), pattern(PAGE, 2));
  bench.check(clause, alone, 'pages outside the balloon left alone', 'one was changed');
}

const entry = (tag: number, value: number) => join(le(2, tag), le(8, value));
const { freeMemory, totalMemory } = balloonStatistic;
/** A tag that means nothing, as yet. */
const UNKNOWN_TAG = 0x1234;

/**
 * Hands a first buffer over, and when it comes back a second one.
 * @returns what the device made of each.
 */
async function saySomething(bench: Bench, clause: string, first: Uint8Array, second: Uint8Array) {
  const [ask, statistics] = [bench.hand('askStatistics'), bench.hand('statistics')];
  bench.needs(balloonFeature.statisticsQueue, 'STATS_VQ');
  const { driver } = startBalloon(bench, [...toldFirst, balloonFeature.statisticsQueue]);
  const queue = balloonQueue.statistics;
  bench.post(driver, queue, first, 0);
  await bench.lull();
  const afterFirst = new Map(await statistics());
  await ask();
  await bench.taken(driver, queue, clause);
  bench.post(driver, queue, second, 0);
  await bench.lull();
  return { afterFirst, afterSecond: await statistics() };
}

function heard(
  bench: Bench,
  clause: string,
  said: ReadonlyMap<number, number>,
  expected: Readonly<Record<number, number>>,
) {
  for (const [tag, value] of Object.entries(expected))
    bench.equal(clause, `statistic ${tag} as the device has it`, said.get(Number(tag)) ?? -1, value);
}

/** The balloon: pages, the count of them, statistics. */
export const balloonChecks: readonly Check[] = [
  {
    id: 'balloon-serves-or-refuses-untold',
    clauses: ['BAL-FEAT-04'],
    types,
    settings: modern,
    says: 'a driver without MUST_TELL_HOST is refused at FEATURES_OK, or served',
    async run(bench) {
      try {
        await servedUntold(bench, 'BAL-FEAT-04');
      } catch (error) {
        if (!(error instanceof DeviceFailedError)) throw error;
      }
    },
  },
  {
    id: 'balloon-serves-legacy-untold',
    clauses: ['LEG-BAL-01'],
    types,
    settings: legacy,
    says: 'a legacy driver without MUST_TELL_HOST is served',
    run: (bench) => servedUntold(bench, 'LEG-BAL-01'),
  },
  {
    id: 'balloon-page-in-use-before-deflation',
    clauses: ['LEG-BAL-02'],
    types,
    settings: legacy,
    says: 'a legacy driver without MUST_TELL_HOST uses pages of the balloon before it says so, and they stay as it writes them',
    run: (bench) => keepsWhatIsWritten(bench, 'LEG-BAL-02', []),
  },
  {
    id: 'balloon-page-in-use',
    clauses: ['BAL-OP-12'],
    types,
    says: 'with MUST_TELL_HOST a page that was deflated, and at any time one outside the balloon, stays as the driver writes it',
    run(bench) {
      bench.needs(balloonFeature.mustTellHost, 'MUST_TELL_HOST');
      return keepsWhatIsWritten(bench, 'BAL-OP-12', toldFirst);
    },
  },
  {
    id: 'balloon-config-little-endian',
    clauses: ['LEG-BAL-03'],
    types,
    settings: legacy,
    says: 'num_pages and actual are little-endian for legacy drivers',
    async run(bench) {
      const [setTarget, actual] = [bench.hand('setTarget'), bench.hand('actualPages')];
      startBalloon(bench, toldFirst);
      await setTarget(3 * COUNT);
      const shown = () => bench.config(balloonConfig.numPages.offset, 4);
      await bench.until('LEG-BAL-03', `num_pages = ${3 * COUNT}`, () => shown() === 3 * COUNT);
      bench.registers.config.write(balloonConfig.actual.offset, 4, 2 * COUNT);
      await bench.lull();
      bench.equal('LEG-BAL-03', 'actual, as the device has it', await actual(), 2 * COUNT);
    },
  },
  {
    id: 'balloon-actual-by-bytes',
    clauses: ['LEG-BAL-06'],
    types,
    settings: legacy,
    says: 'of a count that a legacy driver writes byte by byte nothing holds before the last byte',
    async run(bench) {
      const actual = bench.hand('actualPages');
      startBalloon(bench, toldFirst);
      const { config } = bench.registers;
      const { offset } = balloonConfig.actual;
      config.write(offset, 4, 0);
      for (const [i, byte] of [0, 2, 0].entries()) config.write(offset + i, 1, byte);
      await bench.lull();
      bench.equal('LEG-BAL-06', 'actual before its last byte', await actual(), 0);
      config.write(offset + 3, 1, 0);
      await bench.lull();
      bench.equal('LEG-BAL-06', 'actual after its last byte', await actual(), 2 * COUNT);
    },
  },
  {
    id: 'balloon-statistics-unknown-tag',
    clauses: ['BAL-STAT-08'],
    types,
    says: 'a statistic of an unknown tag is passed over, and those around it count',
    async run(bench) {
      const second = join(entry(freeMemory, 5000), entry(UNKNOWN_TAG, 7), entry(totalMemory, 9000));
      const { afterSecond } = await saySomething(bench, 'BAL-STAT-08', entry(freeMemory, 1), second);
      heard(bench, 'BAL-STAT-08', afterSecond, { [freeMemory]: 5000, [totalMemory]: 9000 });
    },
  },
  {
    id: 'balloon-statistics-any-order',
    clauses: ['BAL-STAT-09'],
    types,
    says: 'statistics count in whatever order they come',
    async run(bench) {
      const second = join(entry(totalMemory, 9000), entry(freeMemory, 5000));
      const { afterSecond } = await saySomething(bench, 'BAL-STAT-09', entry(freeMemory, 1), second);
      heard(bench, 'BAL-STAT-09', afterSecond, { [freeMemory]: 5000, [totalMemory]: 9000 });
    },
  },
  {
    id: 'balloon-statistics-of-legacy-drivers',
    clauses: ['LEG-BAL-07', 'LEG-BAL-08'],
    types,
    settings: legacy,
    says: "a legacy driver's first statistics are ignored, and later ones read in the guest's order",
    async run(bench) {
      const { afterFirst, afterSecond } = await saySomething(
        bench,
        'LEG-BAL-07',
        entry(freeMemory, 0xbad),
        entry(freeMemory, 5000),
      );
      const ignored = afterFirst.get(freeMemory) !== 0xbad;
      bench.check('LEG-BAL-08', ignored, 'the first buffer ignored', 'its values taken');
      heard(bench, 'LEG-BAL-07', afterSecond, { [freeMemory]: 5000 });
    },
  },
];
