import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../../../src/core/index.ts';
import { DiskUnit, MemoryStorage } from '../../../../src/virtio/index.ts';
import { hex, image, RawScsi, SlowStorage, start } from './support.ts';

const [COMPLETE, BAD_TARGET, FAILURE, SUCCEEDED, REJECTED, INCORRECT_LUN] = [0, 3, 9, 10, 11, 12];
const [
  ABORT_TASK,
  ABORT_TASK_SET,
  CLEAR_ACA,
  CLEAR_TASK_SET,
  NEXUS_RESET,
  UNIT_RESET,
  QUERY_TASK,
  QUERY_SET,
] = [0, 1, 2, 3, 4, 5, 6, 7];
const [ABORTED, RESET] = [2, 4];
const READ = [0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0];
const READY = [0, 0, 0, 0, 0, 0];
const [FIRST, SECOND, OTHER] = [[1], [1, 0, 0, 1], [1, 1]];

/** Three units, two of them at one target, with slow disks; commands of ids 1 and 2 for the first, 3 and 4 for the others. */
function busy(options: Parameters<typeof start>[0] = {}) {
  const storages = [new SlowStorage(), new SlowStorage(), new SlowStorage()];
  const places = [
    { target: 0, lun: 0 },
    { target: 0, lun: 1 },
    { target: 1, lun: 0 },
  ];
  const units = places.map((place, i) => ({ ...place, unit: new DiskUnit({ storage: storages[i]! }) }));
  const lab = start({ ...options, units });
  const { scsi } = lab;
  scsi.settle(FIRST, SECOND, OTHER);
  for (const [slot, lun] of [FIRST, FIRST, SECOND, OTHER].entries())
    scsi.send({ lun, id: slot + 1, cdb: READ, inBytes: 512, slot });
  /** Responses of the four, `-` for one that is not answered. */
  const responses = () =>
    [0, 1, 2, 3].map((slot) => {
      const { response } = scsi.answer({ slot });
      return response === 0xee ? '-' : response;
    });
  return { ...lab, storages, responses };
}

describe.each([
  ['legacy', {}],
  ['big-endian legacy', { guestEndian: 'big' }],
  ['modern', { modern: true }],
] as const)('task management by a %s driver', (_, options) => {
  test.each([
    ['ABORT TASK', ABORT_TASK, FIRST, 2, COMPLETE, ['-', ABORTED, '-', '-']],
    ['ABORT TASK of one that there is not', ABORT_TASK, FIRST, 9, COMPLETE, ['-', '-', '-', '-']],
    ['ABORT TASK of another unit', ABORT_TASK, SECOND, 2, COMPLETE, ['-', '-', '-', '-']],
    ['ABORT TASK SET', ABORT_TASK_SET, FIRST, 0, COMPLETE, [ABORTED, ABORTED, '-', '-']],
    ['CLEAR TASK SET', CLEAR_TASK_SET, SECOND, 0, COMPLETE, ['-', '-', ABORTED, '-']],
    ['LOGICAL UNIT RESET', UNIT_RESET, FIRST, 0, COMPLETE, [RESET, RESET, '-', '-']],
    ['I_T NEXUS RESET', NEXUS_RESET, SECOND, 0, COMPLETE, [RESET, RESET, RESET, '-']],
    [
      'I_T NEXUS RESET by a LUN that is not there',
      NEXUS_RESET,
      [1, 0, 0, 77],
      0,
      COMPLETE,
      [RESET, RESET, RESET, '-'],
    ],
    ['I_T NEXUS RESET of another target', NEXUS_RESET, OTHER, 0, COMPLETE, ['-', '-', '-', RESET]],
    ['I_T NEXUS RESET of all', NEXUS_RESET, [0xc1, 1], 0, COMPLETE, [RESET, RESET, RESET, RESET]],
    ['QUERY TASK', QUERY_TASK, FIRST, 2, SUCCEEDED, ['-', '-', '-', '-']],
    ['QUERY TASK of one that there is not', QUERY_TASK, FIRST, 3, COMPLETE, ['-', '-', '-', '-']],
    ['QUERY TASK SET', QUERY_SET, OTHER, 0, SUCCEEDED, ['-', '-', '-', '-']],
    ['CLEAR ACA', CLEAR_ACA, FIRST, 0, REJECTED, ['-', '-', '-', '-']],
    ['a function that there is not', 8, FIRST, 0, REJECTED, ['-', '-', '-', '-']],
    ['a LUN that there is not', UNIT_RESET, [1, 0, 0, 77], 0, INCORRECT_LUN, ['-', '-', '-', '-']],
    ['a target that there is not', ABORT_TASK, [1, 9], 1, BAD_TARGET, ['-', '-', '-', '-']],
    ['a nexus that there is not', NEXUS_RESET, [1, 9], 1, BAD_TARGET, ['-', '-', '-', '-']],
    ['an address that is none', UNIT_RESET, [7], 1, BAD_TARGET, ['-', '-', '-', '-']],
    ['the well-known unit', UNIT_RESET, [1, 0, 0xc1, 1], 0, COMPLETE, ['-', '-', '-', '-']],
  ])('%s', (_name, subtype, lun, id, expected, responses) => {
    const lab = busy(options);
    expect([lab.scsi.manage(subtype!, lun, id), lab.responses()]).toEqual([expected, responses]);
    expect(lab.scsi.rings[0]!.used(1)[0]![1]).toBe(1);
    expect(lab.guest.clauses()).toEqual([]);
    // What was not ended goes on, and what was ended is not disturbed any more.
    for (const storage of lab.storages)
      for (const transfer of storage.waiting.splice(0)) transfer.done(transfer.give(0, image(1), 0, 512));
    expect(lab.responses()).toEqual(responses.map((each) => (each === '-' ? 0 : each)));
    expect(lab.scsi.rings[2]!.usedIndex).toBe(3 + 4);
  });

  it('leaves a unit attention after each kind of reset', () => {
    const { scsi } = busy(options);
    scsi.manage(UNIT_RESET, FIRST);
    expect(scsi.outcome({ lun: FIRST, cdb: READY, slot: 5 })).toBe('06/29/03');
    expect(scsi.outcome({ lun: SECOND, cdb: READY, slot: 5 })).toBe('good');
    scsi.manage(NEXUS_RESET, FIRST);
    expect(scsi.outcome({ lun: FIRST, cdb: READY, slot: 5 })).toBe('06/29/07');
    expect(scsi.outcome({ lun: SECOND, cdb: READY, slot: 5 })).toBe('06/29/07');
    expect(scsi.outcome({ lun: OTHER, cdb: READY, slot: 5 })).toBe('good');
  });

  it('tells whether a unit has any commands at all', () => {
    const { scsi } = start(options);
    scsi.settle();
    expect([scsi.manage(QUERY_SET, FIRST), scsi.manage(QUERY_TASK, FIRST, 0)]).toEqual([COMPLETE, COMPLETE]);
  });

  it('knows identifiers of 64 bits', () => {
    const storage = new SlowStorage();
    const { scsi } = start({ ...options, storage });
    scsi.settle();
    scsi.send({ id: 0xffee000000000001n as never, cdb: READ, inBytes: 512 });
    for (const other of [1n, 0xffee000000000000n, 0x01000000000000eeffn])
      expect(scsi.manage(QUERY_TASK, FIRST, other)).toBe(COMPLETE);
    expect(scsi.manage(QUERY_TASK, FIRST, 0xffee000000000001n)).toBe(SUCCEEDED);
  });

  test('asynchronous notification: no unit has any', () => {
    const { scsi } = start(options);
    for (const type of [1, 2])
      for (const [lun, response] of [
        [[1], COMPLETE],
        [[1, 0, 0, 5], INCORRECT_LUN],
        [[1, 5], BAD_TARGET],
      ] as const) {
        const bytes = new Uint8Array(16);
        const view = new DataView(bytes.buffer);
        view.setUint32(0, type, scsi.little);
        bytes.set(lun, 4);
        view.setUint32(12, 0xff, scsi.little);
        scsi.expose(0, 0, bytes, [16], [5]);
        expect([hex(scsi.written(0, 5)), scsi.rings[0]!.used(1)[0]![1]]).toEqual([
          `00 00 00 00 0${response.toString(16)}`,
          5,
        ]);
      }
  });

  it('takes any framing, and answers what is wrong as far as there is room', () => {
    const { scsi, guest } = start(options);
    const tmf = new Uint8Array(24);
    new DataView(tmf.buffer).setUint32(4, QUERY_SET, scsi.little);
    tmf[8] = 1;
    const wide = new Uint8Array(24);
    new DataView(wide.buffer).setUint32(0, 3, scsi.little);
    const notification = Uint8Array.from({ length: 16 }, (_, i) => (i === (scsi.little ? 0 : 3) ? 1 : 0));
    const used = () => scsi.rings[0]!.used(1)[0]![1];
    scsi.expose(0, 0, tmf, [1, 10, 13], [1]);
    expect([scsi.written(0, 1)[0], used(), guest.clauses()]).toEqual([COMPLETE, 1, []]);
    // Too short for a function, for a type, for an answer.
    scsi.expose(0, 0, tmf, [23], [1]);
    expect([scsi.written(0, 1)[0], used()]).toEqual([FAILURE, 1]);
    scsi.expose(0, 0, tmf, [3], [1]);
    expect([scsi.written(0, 1)[0], used()]).toEqual([FAILURE, 1]);
    scsi.expose(0, 0, tmf, [24], []);
    expect(used()).toBe(0);
    // A type that nobody knows: the last byte is the response.
    scsi.expose(0, 0, wide, [24], [7]);
    expect([hex(scsi.written(0, 8)), used()]).toEqual(['ee ee ee ee ee ee 09 ee', 0]);
    scsi.expose(0, 0, notification, [15], [5]);
    expect([hex(scsi.written(0, 5)), used()]).toEqual(['00 00 00 00 09', 5]);
    scsi.expose(0, 0, notification, [16], [4]);
    expect(used()).toBe(0);
    expect([new Set(guest.clauses()), guest.device.status & 64]).toEqual([new Set([guest.shapeClause]), 0]);
    expect(scsi.manage(QUERY_SET, FIRST)).toBe(COMPLETE);
  });
});

describe('SCSI-OP-08: a function is reported after the commands that it ended', () => {
  it('even when several functions are taken in one go', () => {
    const { scsi, guest } = busy();
    const ring = scsi.rings[0]!;
    const tmf = (slot: number, lun: readonly number[]) => {
      const bytes = new Uint8Array(24);
      bytes[4] = ABORT_TASK_SET!;
      bytes.set(lun, 8);
      guest.machine.ram.write(0x80000 + slot * 0x8000, bytes);
      ring.chain(slot * 16, [
        { address: 0x80000 + slot * 0x8000, length: 24 },
        { address: 0x84000 + slot * 0x8000, length: 1, flags: 2 },
      ]);
      return slot * 16;
    };
    const before = scsi.rings[2]!.usedIndex;
    ring.offer(tmf(8, FIRST), tmf(9, SECOND), tmf(10, OTHER));
    /** How far both used rings were at each interrupt. */
    const steps: string[] = [];
    guest.isr();
    guest.machine.events = (event) => {
      if (event.kind !== 'interrupt' || !event.asserted) return;
      steps.push(`${ring.usedIndex} functions, ${scsi.rings[2]!.usedIndex - before} commands`);
      // The line goes down, so that it can go up for the next queue.
      guest.isr();
    };
    guest.kick(0);
    guest.machine.events = () => {};
    expect(steps).toContain('0 functions, 2 commands');
    for (const step of steps) {
      const [functions, commands] = step.split(', ').map((each) => Number.parseInt(each, 10));
      expect(commands).toBeGreaterThanOrEqual([0, 2, 3, 4][functions!]!);
    }
    expect(steps.at(-1)).toBe('3 functions, 4 commands');
  });

  it('and before those commands ever ran, where they did not', () => {
    const scheduler = new HeldScheduler();
    const storage = new SlowStorage();
    const { scsi, guest } = start({ storage, machine: { scheduler } });
    const drain = () => scheduler.releaseAll();
    scsi.send({ cdb: READY });
    drain();
    scsi.send({ cdb: READ, inBytes: 512, slot: 1 });
    scheduler.release();
    expect(scheduler.pending.map(({ label }) => label)).toEqual(['scsi command']);
    const bytes = new Uint8Array(24);
    bytes[4] = UNIT_RESET!;
    bytes[8] = 1;
    scsi.expose(0, 2, bytes, [24], [1]);
    scheduler.release(1);
    expect([scsi.answer({ slot: 1 }).response, scsi.written(2, 1)[0]]).toEqual([RESET, COMPLETE]);
    drain();
    // The command's own turn comes too late to touch anything.
    expect([storage.log, scsi.rings[2]!.usedIndex, guest.clauses()]).toEqual([[], 2, []]);
  });
});

describe('a command that has ended', () => {
  it('is no task any more, in whatever order commands end', () => {
    const storage = new SlowStorage();
    const { scsi } = start({ storage });
    scsi.settle();
    for (const slot of [0, 1, 2]) scsi.send({ id: slot, cdb: READ, inBytes: 512, slot });
    const tasks = () => [0, 1, 2].map((id) => scsi.manage(QUERY_TASK, FIRST, id) === SUCCEEDED);
    expect(tasks()).toEqual([true, true, true]);
    storage.waiting.shift()!.done(true);
    storage.waiting.pop()!.done(true);
    expect(tasks()).toEqual([false, true, false]);
    storage.waiting.pop()!.done(true);
    expect([tasks(), scsi.manage(QUERY_SET, FIRST)]).toEqual([[false, false, false], COMPLETE]);
  });
});

describe('a command whose end came early', () => {
  it('ends in the order in which it came, whatever ended before', () => {
    const storage = new SlowStorage();
    const { scsi } = start({ storage });
    scsi.settle();
    for (const slot of [0, 1, 2, 3]) scsi.send({ cdb: READ, inBytes: 512, slot });
    storage.end();
    scsi.manage(ABORT_TASK_SET, FIRST);
    expect(scsi.rings[2]!.used(4).map(([head]) => head / 16)).toEqual([0, 1, 2, 3]);
  });

  it('gives its place to another one only when its storage is done with it', () => {
    const storage = new SlowStorage();
    const { scsi } = start({ storage });
    scsi.settle();
    scsi.send({ cdb: READ, inBytes: 512, slot: 0 });
    const stale = storage.waiting.pop()!;
    scsi.manage(ABORT_TASK_SET, FIRST);
    scsi.send({ cdb: READ, inBytes: 512, slot: 1 });
    scsi.send({ cdb: READ, inBytes: 512, slot: 0 });
    expect(stale.give(0, image(1), 0, 512)).toBe(false);
    stale.done(true);
    expect([scsi.answer({ slot: 0 }).response, scsi.answer({ slot: 1 }).response]).toEqual([0xee, 0xee]);
    for (const transfer of storage.waiting.splice(0)) transfer.done(transfer.give(0, image(1), 0, 512));
    for (const slot of [0, 1]) expect(scsi.answer({ slot })).toMatchObject({ response: 0, status: 0 });
    expect(scsi.rings[2]!.usedIndex).toBe(1 + 3);
  });

  test('by a reset of the device has no answer, and leaves memory and the next driver alone', () => {
    const storage = new SlowStorage();
    const { scsi, guest, disk } = start({ storage, modern: true });
    scsi.settle();
    scsi.send({ cdb: READ, inBytes: 512 });
    scsi.send({
      cdb: [0x15, 0x10, 0, 0, 24, 0],
      out: Uint8Array.of(0, 0, 0, 0, 8, 18, ...Array(18).fill(0)),
      slot: 1,
    });
    const [read, flush] = storage.waiting.splice(0);
    guest.block.set('deviceStatus', 0);
    expect([read!.live, read!.give(0, image(1), 0, 512)]).toEqual([false, false]);
    read!.done(true);
    flush!.done(true);
    expect([scsi.answer({}).response, disk.writeCache]).toEqual([0xee, true]);
    guest.machine.ram.fill(0x10000, 0x30000, 0);
    const again = new RawScsi(
      guest,
      (guest as never as { start(f: number[], q: number[]): RawScsi['rings'] }).start([1, 2], [0, 1, 2]),
    );
    expect(again.outcome({ cdb: READY })).toBe('06/29/00');
    expect([again.manage(QUERY_SET, FIRST), again.rings[2]!.usedIndex]).toEqual([COMPLETE, 1]);
  });

  test('by a reset of its queue: commands of other queues go on', () => {
    const storage = new SlowStorage();
    const { scsi, guest } = start({ storage, requestQueues: 2 });
    scsi.settle();
    scsi.send({ cdb: READ, inBytes: 512, slot: 0, queue: 2 });
    scsi.send({ cdb: READ, inBytes: 512, slot: 1, queue: 3 });
    guest.device.resetQueue(2);
    expect(scsi.manage(QUERY_SET, FIRST)).toBe(SUCCEEDED);
    for (const transfer of storage.waiting.splice(0)) transfer.done(transfer.give(0, image(1), 0, 512));
    expect([scsi.answer({ slot: 0 }).response, scsi.answer({ slot: 1 }).response]).toEqual([0xee, 0]);
    expect(scsi.manage(QUERY_SET, FIRST)).toBe(COMPLETE);
  });

  test('while bus mastering is off is answered when it is on again', () => {
    const storage = new SlowStorage();
    const { scsi, guest, device } = start({ storage });
    scsi.settle();
    scsi.send({ cdb: READ, inBytes: 512 });
    scsi.offerEvent(3);
    guest.config.command(0x3);
    const transfer = storage.waiting.pop()!;
    device.detachLun(0, 0);
    expect([transfer.live, transfer.give(0, image(1), 0, 512)]).toEqual([false, false]);
    transfer.done(true);
    expect([scsi.answer({}).response, scsi.written(3, 1)[0]]).toEqual([0xee, 0xee]);
    guest.config.command(0x7);
    expect([scsi.answer({}).response, hex(scsi.written(3, 4))]).toEqual([ABORTED, '01 00 00 00']);
    expect([scsi.rings[2]!.usedIndex, guest.clauses()]).toEqual([2, []]);
  });

  test('that was taken but had not begun when bus mastering went off begins when it is on again', () => {
    const scheduler = new HeldScheduler();
    const storage = new SlowStorage();
    const { scsi, guest } = start({ storage, machine: { scheduler } });
    scsi.send({ cdb: READY });
    scheduler.releaseAll();
    scsi.send({ cdb: READ, inBytes: 512, slot: 1 });
    scheduler.release();
    guest.config.command(0x3);
    scheduler.releaseAll();
    expect([storage.log, scsi.answer({ slot: 1 }).response]).toEqual([[], 0xee]);
    guest.config.command(0x7);
    scheduler.releaseAll();
    expect(storage.log).toEqual(['read 2560+512']);
  });

  test('that ends while bus mastering is off: data and answer wait', () => {
    const storage = new SlowStorage();
    const { scsi, guest } = start({ storage });
    scsi.settle();
    scsi.send({ cdb: READ, inBytes: 512 });
    guest.config.command(0x3);
    const transfer = storage.waiting.pop()!;
    transfer.whenReady(() => transfer.done(transfer.give(0, image(1), 0, 512)));
    expect(scsi.answer({}).response).toBe(0xee);
    guest.config.command(0x7);
    const { response, status, data } = scsi.answer({ inBytes: 512 });
    expect([response, status, hex(data)]).toEqual([0, 0, hex(image(1))]);
  });
});

describe('a unit that goes', () => {
  it('SCSI-OP-05: has its commands aborted first, and then is not there', () => {
    const { scsi, device, responses, storages } = busy();
    const events: string[] = [];
    scsi.offerEvent(5);
    events.push(hex(scsi.written(5, 1)));
    device.detachLun(0, 0);
    expect([responses(), hex(scsi.written(5, 16))]).toEqual([
      [ABORTED, ABORTED, '-', '-'],
      '01 00 00 00 01 00 00 00 00 00 00 00 02 00 00 00',
    ]);
    expect(scsi.outcome({ lun: FIRST, cdb: READY, slot: 6 })).toBe('05/25/00');
    expect(scsi.manage(UNIT_RESET, FIRST)).toBe(INCORRECT_LUN);
    device.detachLun(0, 1);
    expect([scsi.outcome({ lun: FIRST, cdb: READY, slot: 6 }), scsi.manage(UNIT_RESET, FIRST)]).toEqual([
      'response 3',
      BAD_TARGET,
    ]);
    expect(responses()).toEqual([ABORTED, ABORTED, ABORTED, '-']);
    for (const transfer of storages[0]!.waiting.splice(0)) transfer.done(false);
    // It can come back, as any unit can.
    device.attachLun(0, 0, new DiskUnit({ storage: new MemoryStorage(image(4)) }));
    expect(scsi.outcome({ lun: FIRST, cdb: READY, slot: 6 })).toBe('06/29/00');
  });
});
