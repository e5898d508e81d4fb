import { GuestMemory, HeldScheduler } from '../../core/index.ts';
import { runFirmware } from '../../driver/index.ts';
import {
  BlockParent,
  DrainError,
  GuestPageTable,
  type Removal,
  submitResult,
  WorkQueueCommandError,
  WorkQueueDriver,
  workQueueSlices,
  workStatus,
} from '../../mmr/index.ts';
import { Machine } from '../../pci/index.ts';
import type { DebateFacts, DebateRow } from '../debate-row.ts';

const command = 'npx vitest run test/mmr/mediated/work-queues.test.ts';
const [TABLE, RECORDS, TARGET] = [0x4000, 0x6000, 0x20000];
const PASID = 7;
const FILL = { operation: 'fill', length: 16, pattern: 0x5a } as const;

/** A guest with a work queue, whose work is done when the scene lets it, or at once. */
function workQueue(held = false) {
  const lab = new BlockParent({ queues: 8, types: [workQueueSlices] });
  const work = new HeldScheduler();
  const guest = new Machine({
    ram: GuestMemory.allocate({ start: 0, length: 1 << 18 }),
    ...(held ? { scheduler: work } : {}),
  });
  const { uuid } = lab.parent.create(workQueueSlices.name, BlockParent.uuid(1));
  lab.parent.attach(uuid, guest, BlockParent.SLICE);
  runFirmware(guest);
  let accesses = 0;
  guest.events = (event) => {
    if (event.kind === 'access') accesses++;
  };
  const driver = new WorkQueueDriver(guest, BlockParent.SLICE);
  const table = new GuestPageTable(guest.ram, TABLE, 16);
  /** Accesses of the guest that something takes. */
  const counted = (run: () => void) => {
    const before = accesses;
    run();
    return accesses - before;
  };
  return { lab, uuid, guest, driver, table, work, counted };
}

/** The guest's own page table: bound, used, changed, asked about, unbound. */
function guestsTranslation(): DebateFacts {
  const { driver, table, guest, counted } = workQueue();
  table.map(0, RECORDS);
  const bind = counted(() => driver.bind(PASID, table));
  driver.enable('dedicated', { pasid: PASID });
  driver.submit({ ...FILL, destination: 0x1000, completion: 16 });
  const { id } = driver.pageRequest()!;
  table.map(1, TARGET);
  const answer = counted(() => driver.respond(id, true));
  const invalidate = counted(() => driver.invalidate(PASID, 1));
  const unbind = counted(() => driver.unbind(PASID));
  const done =
    driver.record(RECORDS + 16).status === workStatus.good && guest.ram.read(TARGET, 1)[0] === FILL.pattern;
  return {
    cost: `accesses of the guest: ${bind} to bind, ${invalidate} to invalidate, ${answer} to answer a page request, ${unbind} to unbind`,
    breaks: done ? 'nothing' : 'work that waited for a page was not done',
    verdict: done ? 'works' : 'breaks',
  };
}

/** The settings of a queue that a guest's driver may choose. */
function rawControl(): DebateFacts {
  let taken = 0;
  let refused = 0;
  for (const mode of ['dedicated', 'shared'] as const)
    for (const pasid of [0, PASID, PASID + 1])
      for (const threshold of [1, 16]) {
        const { driver, table } = workQueue();
        driver.bind(PASID, table);
        try {
          driver.enable(mode, { pasid, threshold });
          taken++;
        } catch (error) {
          if (!(error instanceof WorkQueueCommandError)) throw error;
          refused++;
        }
      }
  return {
    cost: `${taken + refused} settings of mode, PASID and threshold: ${taken} taken, ${refused} with a PASID of nobody's refused`,
    breaks: 'nothing',
    verdict: 'works',
  };
}

/** One queue for many, whose submissions say at once what came of them. */
function sharedQueue(): DebateFacts {
  const { driver, table, work } = workQueue(true);
  table.map(1, TARGET);
  const pasids = [1, 2, 3];
  for (const pasid of pasids) driver.bind(pasid, table);
  driver.enable('shared', { threshold: 2 });
  const submit = (pasid: number) => driver.submit({ ...FILL, destination: 0x1000 }, pasid);
  const first = pasids.map(submit);
  work.releaseAll();
  const retries = first.filter((result) => result === submitResult.retry).length;
  const later = submit(3) === submitResult.accepted ? 1 : 0;
  const foreign = submit(9) === submitResult.refused ? 1 : 0;
  return {
    cost: `3 submitters, threshold 2: ${retries} has to try again, and is taken later (${later}); 1 with a PASID of nobody's is refused (${foreign})`,
    breaks: 'nothing',
    verdict: 'works',
  };
}

function killed(removal: Removal): DebateFacts {
  const { driver, lab, uuid, work, guest } = workQueue(true);
  driver.enable('dedicated');
  for (const i of [0, 1, 2]) driver.submit({ ...FILL, destination: TARGET, completion: RECORDS + 16 * i });
  const { drained, aborted } = lab.parent.remove(uuid, removal);
  const before = guest.ram.read(TARGET, 16).join();
  work.releaseAll();
  const late = guest.ram.read(TARGET, 16).join() === before ? 0 : 1;
  return {
    cost: `3 pieces of work under way: ${drained} are done, ${aborted} never; ${late} writes afterwards`,
    breaks:
      removal === 'drain'
        ? `${stuck()} of 1 slice that waits for a page nobody brings does not come to an end, and stays`
        : `${aborted} pieces of work that were taken are lost`,
    verdict: 'works with limits',
  };
}

/** Slices that stay where they are drained while their guests leave a page request unanswered. */
function stuck(): number {
  const { driver, lab, uuid, table } = workQueue();
  driver.bind(PASID, table);
  driver.enable('dedicated', { pasid: PASID });
  driver.submit({ ...FILL, destination: 0x1000 });
  try {
    lab.parent.remove(uuid, 'drain');
  } catch (error) {
    if (!(error instanceof DrainError)) throw error;
  }
  return lab.parent.count;
}

/** What was said about queues, PASIDs, and what a guest may have of both. */
export const workRows: readonly DebateRow[] = [
  {
    id: 'guest-owned-translation',
    seed: '003',
    proposal: 'a guest binds page tables of its own to PASIDs, invalidates, and answers page requests',
    proposedBy: 'Kevin Tian (vSVA)',
    usableBy: 'guests whose device asks for pages',
    run: guestsTranslation,
    command,
  },
  {
    id: 'raw-control-of-a-queue',
    seed: '003',
    proposal: "a guest's driver has the settings of its queue: mode, PASID, threshold",
    proposedBy: 'Kevin Tian',
    usableBy: 'drivers in guests; an application needs none of it',
    run: rawControl,
    command,
  },
  {
    id: 'shared-queue',
    seed: '003',
    proposal: 'one queue is open to many, told apart by PASID',
    proposedBy: 'Jason Gunthorpe (what idxd has for processes)',
    usableBy: 'submitters that can try again',
    run: sharedQueue,
    command,
  },
  {
    id: 'drain-what-is-under-way',
    seed: '003',
    proposal: 'of a queue that is taken away the work under way is what matters, and it is drained',
    proposedBy: 'Kevin Tian (containers)',
    usableBy: 'those who can wait',
    run: () => killed('drain'),
    command,
  },
  {
    id: 'abort-what-is-under-way',
    seed: '003',
    proposal: 'a slice is killed while it is busy',
    proposedBy: 'the life of a mediated device (remove)',
    usableBy: 'those who cannot',
    run: () => killed('abort'),
    command,
  },
];
