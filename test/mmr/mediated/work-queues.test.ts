import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DmaDomain,
  type DmaWindow,
  GuestMemory,
  HeldScheduler,
  type State,
  StateMismatchError,
  stateFromText,
  stateToText,
} from '../../../src/core/index.ts';
import { runFirmware } from '../../../src/driver/index.ts';
import {
  composeWindows,
  GuestPageTable,
  submitResult,
  type WorkQueueCommandError,
  WorkQueueDriver,
  WorkQueueSlice,
  workStatus,
} from '../../../src/mmr/index.ts';
import { guestMachine, ParentLab, SLICE, uuidOf } from './support.ts';

const TYPE = 'work-queue';
const [TABLE, RECORDS] = [0x4000, 0x6000];
/** Physical pages that a table leads to. */
const [FIRST, SECOND] = [0x20000, 0x21000];

/** A guest with a work queue of a parent's; nothing is done but what is let go. */
function queueLab(options: { capacity?: number; pasids?: number; held?: boolean; limit?: DmaWindow[] } = {}) {
  const { capacity = 4, pasids = 8, held = false, limit } = options;
  const make = () => new WorkQueueSlice({ capacity });
  const types = [{ name: TYPE, title: 'work', description: 'work', queues: 2, make }];
  const host = new ParentLab({ queues: 8, pasids, types });
  const work = new HeldScheduler();
  const guest = guestMachine(held ? { scheduler: work } : {});
  host.parent.create(TYPE, uuidOf(1));
  const domain = new DmaDomain(guest.ram, limit);
  host.parent.attach(uuidOf(1), guest, SLICE, { domain });
  runFirmware(guest);
  const driver = new WorkQueueDriver(guest, SLICE);
  const slice = host.parent.slice(uuidOf(1)).fn as WorkQueueSlice;
  return { host, guest, driver, work, slice, table: new GuestPageTable(guest.ram, TABLE, 16) };
}

const refusal = (run: () => void) => {
  try {
    run();
    return 0;
  } catch (error) {
    return (error as WorkQueueCommandError).result;
  }
};
const FILL = { operation: 'fill', length: 16, pattern: 0x5a } as const;

describe('a work queue', () => {
  it('moves and fills memory of its guest, and says so in records', () => {
    const { driver, guest } = queueLab();
    driver.enable('dedicated');
    expect(driver.submit({ ...FILL, destination: FIRST, completion: RECORDS })).toBe(submitResult.accepted);
    const move = { operation: 'move', source: FIRST, destination: SECOND, length: 16 } as const;
    driver.submit({ ...move, completion: RECORDS + 16 });
    expect(guest.ram.read(SECOND, 17)).toEqual(new Uint8Array(17).fill(0x5a, 0, 16));
    expect(driver.record(RECORDS + 16)).toEqual({ status: workStatus.good, done: 16, faultPage: 0 });
  });

  it.each([
    ['too much', { ...FILL, destination: 0, length: 1 << 21 }, workStatus.badDescriptor],
    ['memory out of reach', { ...FILL, destination: 2 ** 40 }, workStatus.pageFault],
    ['memory beyond 2^53', { ...FILL, destination: 2 ** 60 }, workStatus.pageFault],
  ])('refuses %s', (_what, item, status) => {
    const { driver } = queueLab();
    driver.enable('dedicated');
    driver.submit({ ...item, completion: RECORDS });
    expect(driver.record(RECORDS).status).toBe(status);
  });

  it('that is shared has its submitters try again beyond its threshold, and takes them later', () => {
    const { driver, table, work } = queueLab({ held: true });
    table.map(1, FIRST);
    driver.bind(7, table);
    driver.enable('shared', { threshold: 2 });
    const submit = () => driver.submit({ ...FILL, destination: 0x1000 }, 7);
    expect([submit(), submit(), submit()]).toEqual([
      submitResult.accepted,
      submitResult.accepted,
      submitResult.retry,
    ]);
    work.release();
    expect(submit()).toBe(submitResult.accepted);
  });

  it('that is dedicated takes no more than it has room for, and none by the shared portal', () => {
    const { driver } = queueLab({ held: true, capacity: 2 });
    driver.enable('dedicated');
    const results = [1, 2, 3].map(() => driver.submit({ ...FILL, destination: FIRST }));
    expect(results).toEqual([submitResult.accepted, submitResult.accepted, submitResult.refused]);
    expect(driver.submit({ ...FILL, destination: FIRST }, 7)).toBe(submitResult.refused);
  });

  it("takes no work with a PASID that is nobody's, or out of range", () => {
    const { driver, table } = queueLab();
    driver.bind(7, table);
    for (const pasid of [0, 2 ** 20, 0xffffffff])
      expect(refusal(() => driver.bind(pasid, table))).not.toBe(0);
    expect(refusal(() => driver.bind(7, table))).not.toBe(0);
    expect(refusal(() => driver.unbind(8))).not.toBe(0);
    expect(refusal(() => driver.enable('dedicated', { pasid: 9 }))).not.toBe(0);
    driver.enable('shared');
    for (const pasid of [0, 8, 2 ** 20 - 1]) expect(driver.submit(FILL, pasid)).toBe(submitResult.refused);
    expect(driver.submit(FILL, 2 ** 20 + 7)).toBe(submitResult.accepted);
  });

  it('has tables refused that it cannot read, and as many PASIDs as are left', () => {
    const { driver, table } = queueLab({ pasids: 3 });
    for (const bad of [{ address: 2 ** 40 }, { pages: 0 }, { pages: 1 << 15 }, { address: TABLE + 1 }])
      expect(refusal(() => driver.bind(1, { address: TABLE, pages: 16, ...bad }))).toBe(3);
    driver.bind(1, table);
    driver.bind(2, table);
    expect(refusal(() => driver.bind(3, table))).toBe(4);
    driver.unbind(1);
    driver.bind(3, table);
  });
});

describe('work with a PASID', () => {
  it("reaches what the guest's table says, as it said when it was first looked up", () => {
    const { driver, guest, table } = queueLab();
    table.map(0, RECORDS);
    table.map(1, FIRST);
    driver.bind(7, table);
    driver.enable('dedicated', { pasid: 7 });
    const fill = (pattern: number) => driver.submit({ ...FILL, pattern, destination: 0x1000 });
    fill(1);
    table.map(1, SECOND);
    fill(2);
    expect([guest.ram.read(FIRST, 1)[0], guest.ram.read(SECOND, 1)[0]]).toEqual([2, 0]);
    driver.invalidate(7, 1);
    fill(3);
    expect([guest.ram.read(FIRST, 1)[0], guest.ram.read(SECOND, 1)[0]]).toEqual([2, 3]);
  });

  it('asks for pages that are not there, waits for the answer, and lets other work pass', () => {
    const { driver, guest, table } = queueLab();
    table.map(0, RECORDS);
    table.map(2, SECOND);
    driver.bind(7, table);
    driver.enable('dedicated', { pasid: 7 });
    driver.submit({ ...FILL, destination: 0x1000, completion: 16 });
    const asked = driver.pageRequest()!;
    expect(asked).toMatchObject({ pasid: 7, page: 1 });
    driver.submit({ ...FILL, destination: 0x2000 });
    expect(guest.ram.read(SECOND, 1)[0]).toBe(0x5a);
    table.map(1, FIRST);
    driver.respond(asked.id + 1, true);
    expect(driver.record(RECORDS + 16).status).toBe(0);
    driver.respond(asked.id, true);
    expect(driver.record(RECORDS + 16)).toMatchObject({ status: workStatus.good, done: 16 });
    // The answer may also be no, or no answer to what was asked.
    for (const isThere of [false, true]) {
      driver.submit({ ...FILL, destination: 0x3000, completion: 32 });
      driver.respond(driver.pageRequest()!.id, isThere);
      if (isThere) driver.respond(driver.pageRequest()!.id, false);
      expect(driver.record(RECORDS + 32)).toEqual({ status: workStatus.pageFault, done: 0, faultPage: 3 });
    }
    table.map(4, FIRST, false);
    driver.submit({ ...FILL, destination: 0x4000 });
    expect(driver.pageRequest()!.page).toBe(4);
  });

  it('goes through as many pages as there may be in a piece of it, wherever they lead to, again and again', () => {
    const { driver, guest } = queueLab();
    const pages = 96;
    const table = new GuestPageTable(guest.ram, TABLE, pages);
    // Back to front, from the middle of RAM on.
    const physical = (page: number) => 0x80000 + 4096 * (pages - 1 - page);
    for (let page = 0; page < pages; page++) {
      table.map(page, physical(page));
      guest.ram.fill(physical(page), 4096, page);
    }
    driver.bind(7, table);
    driver.enable('dedicated', { pasid: 7 });
    const length = 1 << 16;
    /** The bytes from an address on that is in the middle of a page. */
    const stretch = (address: number) => {
      const first = address >> 12;
      const all = Array.from({ length: 17 }, (_, i) => guest.ram.read(physical(first + i), 4096));
      return Buffer.concat(all).subarray(address & 0xfff, (address & 0xfff) + length);
    };
    for (const [source, destination] of [
      [0x800, 0x30800],
      [0x10800, 0x48800],
      [0x30800, 0x20800],
    ] as const) {
      const before = stretch(source);
      driver.submit({ operation: 'move', source, destination, length });
      expect(Buffer.compare(stretch(destination), before)).toBe(0);
    }
  });

  it('asks for eight pages at a time, and fails where it would need a ninth; what is there is reached', () => {
    const { driver, table } = queueLab({ capacity: 16 });
    table.map(0, RECORDS);
    table.map(1, FIRST);
    driver.bind(7, table);
    driver.enable('dedicated', { pasid: 7 });
    for (let page = 3; page < 11; page++) driver.submit({ ...FILL, destination: 4096 * page });
    driver.submit({ ...FILL, destination: 0x2000 - 8, completion: 16 });
    expect(driver.record(RECORDS + 16).status).toBe(workStatus.pageFault);
    driver.submit({ ...FILL, destination: 0x1000, completion: 32 });
    expect(driver.record(RECORDS + 32).status).toBe(workStatus.good);
  });

  it("is confined by its host, whatever the guest's table says", () => {
    const { driver, guest, table } = queueLab({ limit: [{ start: 0, length: 0x20800, write: true }] });
    for (const page of [0, 1, 2]) table.map(page, [RECORDS, FIRST, SECOND][page]!);
    driver.bind(7, table);
    driver.enable('dedicated', { pasid: 7 });
    driver.submit({ ...FILL, length: 0x800, destination: 0x1000, completion: 16 });
    expect(driver.record(RECORDS + 16).status).toBe(workStatus.good);
    for (const destination of [0x1001, 0x2000]) driver.submit({ ...FILL, length: 0x800, destination });
    expect(guest.ram.read(0x20800, 1)[0]).toBe(0);
    expect(guest.ram.read(SECOND, 1)[0]).toBe(0);
  });

  it('ends as aborted when its PASID is unbound, and reaches nothing from then on', () => {
    const { driver, guest, table, work, slice, host } = queueLab({ held: true });
    table.map(0, RECORDS);
    table.map(1, FIRST);
    driver.bind(7, table);
    driver.enable('shared');
    driver.submit({ ...FILL, destination: 0x1000, completion: 16 }, 7);
    driver.unbind(7);
    expect(driver.record(RECORDS + 16).status).toBe(workStatus.aborted);
    expect(driver.submit({ ...FILL, destination: 0x1000 }, 7)).toBe(submitResult.refused);
    work.releaseAll();
    expect(guest.ram.read(FIRST, 1)[0]).toBe(0);
    expect([slice.busy, host.device.pasids.free]).toEqual([0, 7]);
  });
});

describe('a slice that is at work', () => {
  const busyLab = () => {
    const lab = queueLab({ held: true });
    lab.driver.enable('dedicated');
    for (const i of [0, 1, 2])
      lab.driver.submit({ ...FILL, destination: FIRST + 16 * i, completion: RECORDS + 16 * i });
    return lab;
  };
  const done = ({ driver }: ReturnType<typeof queueLab>) =>
    [0, 1, 2].map((i) => driver.record(RECORDS + 16 * i).status);

  it('is drained before it is taken away, or aborted', () => {
    const drained = busyLab();
    expect(drained.host.parent.remove(uuidOf(1), 'drain')).toEqual({ drained: 3, aborted: 0 });
    expect(done(drained)).toEqual([workStatus.good, workStatus.good, workStatus.good]);
    const aborted = busyLab();
    expect(aborted.host.parent.remove(uuidOf(1), 'abort')).toEqual({ drained: 0, aborted: 3 });
    aborted.work.releaseAll();
    expect(done(aborted)).toEqual([0, 0, 0]);
    expect(aborted.guest.ram.read(FIRST, 1)[0]).toBe(0);
  });

  it('drains and aborts by command, too', () => {
    const drains = busyLab();
    drains.driver.command('drain');
    expect(drains.driver.read('status')).toBe(3);
    expect(drains.driver.submit({ ...FILL, destination: FIRST })).toBe(submitResult.refused);
    drains.work.releaseAll();
    expect([drains.driver.read('status'), done(drains)]).toEqual([0, [1, 1, 1]]);
    const aborts = busyLab();
    aborts.driver.command('abort');
    expect([aborts.driver.read('status'), done(aborts)]).toEqual([0, [4, 4, 4]]);
  });

  it('that waits for a page nobody brings stays where it is drained, and goes where it is aborted', () => {
    const { driver, host, table } = queueLab();
    driver.bind(7, table);
    driver.enable('dedicated', { pasid: 7 });
    driver.submit({ ...FILL, destination: 0x1000 });
    expect(() => host.parent.remove(uuidOf(1), 'drain')).toThrow('abort it');
    expect(host.parent.count).toBe(1);
    expect(host.parent.remove(uuidOf(1), 'abort')).toEqual({ drained: 0, aborted: 1 });
    expect(host.device.pasids.free).toBe(8);
  });
});

describe('a guest that is saved and loaded', () => {
  it('has its queue, its tables and its work, that which waits for a page too', () => {
    const [one, other] = [queueLab({ held: true }), queueLab({ held: true })];
    const { driver, table, guest, work } = one;
    table.map(0, RECORDS);
    driver.bind(7, table);
    driver.enable('shared', { threshold: 3 });
    driver.submit({ ...FILL, destination: 0x1000, completion: 16 }, 7);
    work.releaseAll();
    driver.submit({ ...FILL, operation: 'nothing', completion: 32 }, 7);
    const state = stateFromText(stateToText(one.slice.pci.save())) as State;
    other.guest.ram.write(TABLE, guest.ram.read(TABLE, 128));
    other.slice.pci.load(state);
    other.slice.pci.resume();
    expect(other.slice.save()).toEqual(one.slice.save());
    other.work.releaseAll();
    expect(other.driver.record(RECORDS + 32).status).toBe(workStatus.good);
    other.table.map(0, RECORDS);
    other.table.map(1, FIRST);
    other.driver.respond(other.driver.pageRequest()!.id, true);
    other.work.releaseAll();
    expect(other.driver.record(RECORDS + 16).status).toBe(workStatus.good);
    expect(other.guest.ram.read(FIRST, 1)[0]).toBe(0x5a);
  });

  it.each([
    [
      'another capacity',
      (saved: ReturnType<WorkQueueSlice['save']>) => ({ ...saved, shape: { capacity: 5 } }),
    ],
    [
      'work that waits for nothing that was asked',
      (saved: ReturnType<WorkQueueSlice['save']>) => ({
        ...saved,
        engine: { ...saved.engine, jobs: [{ words: new Array(16).fill(0), pasid: 0, waits: 9 }] },
      }),
    ],
  ])('is refused with %s', (_what, change) => {
    const { slice } = queueLab();
    expect(() => slice.load(change(slice.save()))).toThrow(StateMismatchError);
  });
});

describe('translations one behind the other', () => {
  const windows = fc.uniqueArray(fc.nat(7), { maxLength: 5 }).chain((starts) =>
    fc.tuple(
      ...starts.map((start) =>
        fc.record({
          start: fc.constant(start * 8),
          length: fc.integer({ min: 1, max: 8 }),
          write: fc.boolean(),
          target: fc.nat(63),
        }),
      ),
    ),
  );
  const through = (list: readonly DmaWindow[], address: number) => {
    const found = list.find(({ start, length }) => address >= start && address < start + length);
    return found === undefined
      ? null
      : { at: address - found.start + (found.target ?? found.start), write: found.write };
  };

  it('reach what both reach, byte by byte', () => {
    fc.assert(
      fc.property(windows, windows, (first, second) => {
        const composed = composeWindows(first, second);
        // A domain takes them: none overlaps another.
        new DmaDomain(GuestMemory.allocate({ start: 0, length: 128 }), composed);
        for (let address = 0; address < 64; address++) {
          const one = through(first, address);
          const both = one === null ? null : through(second, one.at);
          const wants =
            one === null || both === null ? null : { at: both.at, write: one.write && both.write };
          expect(through(composed, address)).toEqual(wants);
        }
      }),
    );
  });
});
