import {
  BALLOON_PAGE_BYTES,
  balloonCommand,
  balloonConfig,
  balloonFeature,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes, le, pattern } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import {
  newPage,
  pageBytes,
  type RunningBalloon,
  shownCommand,
  startBalloon,
  toldFirst,
} from '../types/balloon.ts';

const types = ['balloon'];
const legacy: readonly Setting[] = ['legacy'];
const { stop, done, firstRound } = balloonCommand;
const PAGE = BALLOON_PAGE_BYTES;
const NOTHING = new Uint8Array();

/** A driver with free page hinting, and the hands that ask for hints. */
function startHints(bench: Bench) {
  const hinting = bench.hand('hinting');
  bench.needs(balloonFeature.freePageHint, 'FREE_PAGE_HINT');
  const running = startBalloon(bench, [...toldFirst, balloonFeature.freePageHint]);
  return { running, hinting };
}

/** Sends something by the queue of free pages. */
function tell(
  bench: Bench,
  running: RunningBalloon,
  clause: string,
  command: number | null,
  page: number | null,
): Promise<unknown> {
  const { driver } = running;
  const queue = running.queues.get('freePages')!;
  if (page === null) return bench.ask(running, clause, { queue, out: le(4, command!), inBytes: 0 });
  driver.add(queue, [{ address: page, length: PAGE, writable: true }]);
  driver.kick(queue);
  return bench.taken(driver, queue, clause);
}

async function hintedPages(bench: Bench): Promise<readonly number[]> {
  await bench.lull();
  return await bench.hand('hintedPages')();
}

const numberOf = (address: number) => address / PAGE;

/** The balloon: free page hints, and reports of free pages. */
export const balloonHintChecks: readonly Check[] = [
  {
    id: 'balloon-hints-stop-and-done',
    clauses: ['BAL-FPH-02', 'BAL-FPH-06'],
    types,
    says: 'the command id shows STOP while hints are of no use, and DONE once they are not needed any more',
    async run(bench) {
      const { hinting } = startHints(bench);
      const shows = (clause: string, expected: string, right: (id: number) => boolean) =>
        bench.until(clause, `free_page_hint_cmd_id ${expected}`, () => right(shownCommand(bench)));
      await hinting('start');
      await shows('BAL-FPH-02', `of ${firstRound} or more`, (id) => id >= firstRound);
      await hinting('stop');
      await shows('BAL-FPH-02', 'STOP', (id) => id === stop);
      await hinting('start');
      await hinting('done');
      await shows('BAL-FPH-06', 'DONE', (id) => id === done);
    },
  },
  {
    id: 'balloon-hints-new-id',
    clauses: ['BAL-FPH-03'],
    types,
    says: 'a round that begins before the driver has said STOP has an id of its own',
    async run(bench) {
      const { running, hinting } = startHints(bench);
      await hinting('start');
      const first = shownCommand(bench);
      await tell(bench, running, 'BAL-FPH-03', first, null);
      await hinting('stop');
      await hinting('start');
      const second = shownCommand(bench);
      const expected = `another id than ${first}`;
      bench.check('BAL-FPH-03', second !== first, expected, 'the same');
    },
  },
  {
    id: 'balloon-hints-of-an-old-round',
    clauses: ['BAL-FPH-04'],
    types,
    says: 'a page that is hinted under an old id is ignored, one under the present id is not',
    async run(bench) {
      const { running, hinting } = startHints(bench);
      const clause = 'BAL-FPH-04';
      const [old, present] = [newPage(bench, NOTHING), newPage(bench, NOTHING)];
      await hinting('start');
      const first = shownCommand(bench);
      await hinting('stop');
      await hinting('start');
      await tell(bench, running, clause, first, null);
      await tell(bench, running, clause, null, old);
      const after = await hintedPages(bench);
      bench.check(clause, !after.includes(numberOf(old)), 'the page ignored', 'it counts');
      await tell(bench, running, clause, stop, null);
      await tell(bench, running, clause, shownCommand(bench), null);
      await tell(bench, running, clause, null, present);
      const later = await hintedPages(bench);
      bench.check(
        clause,
        later.includes(numberOf(present)),
        'a page of this round taken',
        'it does not count',
      );
    },
  },
  {
    id: 'balloon-hints-of-legacy-drivers',
    clauses: ['LEG-BAL-09'],
    types,
    settings: legacy,
    says: "a legacy driver's command id is read in the guest's order",
    async run(bench) {
      const { running, hinting } = startHints(bench);
      const page = newPage(bench, NOTHING);
      await hinting('start');
      await tell(bench, running, 'LEG-BAL-09', shownCommand(bench), null);
      await tell(bench, running, 'LEG-BAL-09', null, page);
      const hinted = await hintedPages(bench);
      bench.check('LEG-BAL-09', hinted.includes(numberOf(page)), 'the page taken', 'it does not count');
    },
  },
  {
    id: 'balloon-hinted-page-after-done',
    clauses: ['BAL-FPH-05'],
    types,
    says: 'once DONE is shown a page that was hinted stays as the driver writes it',
    async run(bench) {
      const { running, hinting } = startHints(bench);
      const clause = 'BAL-FPH-05';
      const page = newPage(bench, NOTHING);
      await hinting('start');
      await tell(bench, running, clause, shownCommand(bench), null);
      await tell(bench, running, clause, null, page);
      await hinting('done');
      await bench.until(clause, 'DONE', () => shownCommand(bench) === done);
      const content = pattern(PAGE, 5);
      bench.memory.ram.write(page, content);
      await tell(bench, running, clause, stop, null);
      await bench.lull();
      const kept = equalBytes(pageBytes(bench, page), content);
      bench.check(clause, kept, 'the page as the driver wrote it', 'other content');
    },
  },
  {
    id: 'balloon-reported-page-poisoned',
    clauses: ['BAL-FPH-10'],
    types,
    says: 'with PAGE_POISON a page that was reported reads as poison_val',
    async run(bench) {
      const { pagePoison, pageReporting } = balloonFeature;
      bench.needs(pagePoison, 'PAGE_POISON');
      bench.needs(pageReporting, 'PAGE_REPORTING');
      const POISON = 0xaaaaaaaa;
      const running = startBalloon(bench, [...toldFirst, pagePoison, pageReporting], () =>
        bench.registers.config.write(balloonConfig.poisonValue.offset, 4, POISON),
      );
      const { driver } = running;
      const queue = running.queues.get('reporting')!;
      const content = new Uint8Array(PAGE).fill(POISON & 0xff);
      const page = newPage(bench, content);
      driver.add(queue, [{ address: page, length: PAGE, writable: true }]);
      driver.kick(queue);
      await bench.taken(driver, queue, 'BAL-FPH-10');
      await bench.lull();
      const poisoned = equalBytes(pageBytes(bench, page), content);
      bench.check('BAL-FPH-10', poisoned, 'a page full of poison_val', 'other content');
    },
  },
];
