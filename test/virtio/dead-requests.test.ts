import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import {
  BlockDevice,
  blockFeature,
  FaultyStorage,
  feature,
  MemoryStorage,
  type P9Connection,
  P9Device,
  type P9Receiver,
} from '../../src/virtio/index.ts';
import { image, SlowStorage, settled } from './devices/scsi/support.ts';
import { AT_ONCE, DyingGuest, QUEUE_SIZE, slowDevices, ways } from './support/dying.ts';
import { BUFFERS, LegacyGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import { RawRequests } from './support/requests.ts';

const ROUNDS = 40;

function letGo(scheduler: HeldScheduler, label: RegExp): void {
  const found = scheduler.pending.findIndex((task) => label.test(task.label));
  if (found >= 0) scheduler.release(found);
}

describe.each(Object.entries(slowDevices))('BF-RST-02: dead requests of %s', (_, make) => {
  test.each(Object.entries(ways))('killed by %s count until they are over', (_, way) => {
    const held = new HeldScheduler();
    const dying = new DyingGuest(make(held), way);
    const { slow } = dying;
    for (let round = 0; round < ROUNDS; round++) {
      dying.begin();
      dying.kill();
      expect(slow.underWay()).toBeLessThanOrEqual(QUEUE_SIZE);
    }
    // More than one round is under way, as far as there is room, and the queue is full now.
    expect(slow.underWay()).toBeGreaterThan(QUEUE_SIZE - AT_ONCE);
    dying.begin();
    expect(dying.ring.usedIndex).toBeLessThan(AT_ONCE);
    // What waits in the ring is served without another kick when the dead have ended.
    slow.endAll();
    expect([dying.ring.usedIndex, slow.underWay()]).toEqual([AT_ONCE, 0]);
    // And the queue is as good as new.
    dying.kill();
    dying.begin();
    slow.endAll();
    expect(dying.ring.usedIndex).toBe(AT_ONCE);
  });

  test.each(Object.entries(ways))(
    'killed by %s before a held scheduler lets them begin leave no more tasks than fit',
    (_, way) => {
      const scheduler = new HeldScheduler();
      const dying = new DyingGuest(make(scheduler), way, scheduler);
      for (let round = 0; round < ROUNDS; round++) {
        dying.begin();
        // The kick alone is let go, so that chains are taken and their requests stay; and the end of a queue's reset.
        letGo(scheduler, / queue \d$/);
        dying.kill();
        letGo(scheduler, / reset of queue/);
        // Each queue's own task is there once at most.
        expect(scheduler.pending.length).toBeLessThanOrEqual(QUEUE_SIZE + dying.slow.queue + 1);
      }
      dying.begin();
      for (let i = 0; i < 100 && dying.ring.usedIndex < AT_ONCE; i++) {
        scheduler.releaseAll();
        dying.slow.endAll();
      }
      expect(dying.ring.usedIndex).toBe(AT_ONCE);
    },
  );
});

test('chains that wait in the ring for the dead to end are served where the state is loaded', () => {
  const make = () => new DyingGuest(slowDevices['block']!(new HeldScheduler()), ways['status 0']!);
  const [before, after] = [make(), make()];
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) before.kill();
    before.begin();
  }
  expect(before.ring.usedIndex).toBe(0);
  after.guest.machine.load(structuredClone(before.guest.machine.save()));
  // Nobody works on dead requests there.
  expect(after.slow.underWay()).toBe(AT_ONCE);
});

test('a device hears that a change of mode killed its chains, and only then', () => {
  const probe = new Probe();
  const guest = new LegacyGuest(probe, { transportFeatures: [feature.inOrder] });
  const ring = guest.start()[0]!;
  ring.describe(0, { address: BUFFERS, length: 1, flags: 2 });
  ring.offer(0);
  guest.kick();
  probe.told.length = 0;
  guest.device.bringUp.acceptFeatures(1, 1);
  expect(probe.told).toEqual([]);
  guest.device.bringUp.acceptFeatures(1, 1 | (1 << (feature.inOrder - 32)));
  expect(probe.told).toEqual(['queue reset 0']);
  guest.device.bringUp.acceptFeatures(1, 1);
  expect(probe.told).toEqual(['queue reset 0']);
});

test('a kick and a queue address of 0, over and over, leave one task with a scheduler that holds them', () => {
  const scheduler = new HeldScheduler();
  const guest = new LegacyGuest(new BlockDevice({ storage: new MemoryStorage(image(4)) }), {
    machine: { scheduler },
  });
  guest.machine.events = null;
  guest.start();
  scheduler.releaseAll();
  for (let i = 0; i < 1000; i++) {
    guest.setUp(0);
    guest.kick();
    guest.block.set('queueAddress', 0);
  }
  expect(scheduler.pending.length).toBe(1);
});

test('a vector that is given back and taken again, over and over, leaves one task', () => {
  const scheduler = new HeldScheduler();
  const guest = new LegacyGuest(new BlockDevice({ storage: new MemoryStorage(image(4)) }), {
    machine: { scheduler },
  });
  const { interrupts } = guest.machine;
  const told: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const message = interrupts.allocateMessage(() => told.push(i));
    interrupts.message(null, message.data);
    if (i < 999) message.release();
  }
  expect(scheduler.pending.length).toBe(1);
  scheduler.releaseAll();
  // What was sent to those before is lost with them.
  expect(told).toEqual([999]);
});

test('requests that stood behind a barrier when they died are over at once', () => {
  const storage = new SlowStorage();
  const guest = new LegacyGuest(new BlockDevice({ storage, barriers: true, queueSize: 32 }));
  const features = 2 ** blockFeature.barrier + 2 ** 27;
  for (let round = 0; round < ROUNDS; round++) {
    const ring = guest.start(features)[0]!;
    for (const slot of [0, 1, 2])
      new RawRequests(guest, ring, { slot }).send({ type: 0x80000001, out: new Uint8Array(512) });
    guest.block.set('deviceStatus', 0);
    // The first of each round has begun; the others never do.
    expect(storage.waiting.length).toBe(1);
    storage.end();
  }
});

test('transfers that a faulty storage keeps count like any', () => {
  const storage = new FaultyStorage(new MemoryStorage(image(64)));
  storage.inject({ does: 'keep' });
  const guest = new LegacyGuest(new BlockDevice({ storage, queueSize: 32 }));
  for (let round = 0; round < ROUNDS; round++) {
    const ring = guest.start(2 ** 27)[0]!;
    for (const slot of [0, 1, 2]) new RawRequests(guest, ring, { slot }).send({ type: 0, inBytes: 512 });
    guest.block.set('deviceStatus', 0);
    expect(storage.kept).toBeLessThanOrEqual(32);
  }
  expect(storage.kept).toBe(32);
});

describe('SCSI commands that were aborted (SCSI-OP-07)', () => {
  const ABORT_TASK_SET = 1;
  const READ = [0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0];

  it('count while the disk works on them, though each has its answer', () => {
    const storage = new SlowStorage();
    const { scsi } = settled({ storage, queueSize: QUEUE_SIZE });
    const ring = scsi.rings[2]!;
    for (let round = 0; round < ROUNDS; round++) {
      for (const slot of [0]) scsi.send({ cdb: READ, inBytes: 512, slot });
      const before = ring.usedIndex;
      expect(scsi.manage(ABORT_TASK_SET, [1], 0, 0)).toBe(0);
      if (round < QUEUE_SIZE) expect([ring.usedIndex - before, scsi.answer({}).response]).toEqual([1, 2]);
      expect(storage.waiting.length).toBeLessThanOrEqual(QUEUE_SIZE);
    }
    expect(storage.waiting.length).toBe(QUEUE_SIZE);
  });

  it('are given back once, however their ends cross, and serve the next commands', () => {
    const storage = new SlowStorage();
    const { scsi, guest } = settled({ storage, queueSize: QUEUE_SIZE });
    for (let round = 0; round < 3 * QUEUE_SIZE; round++) {
      scsi.send({ cdb: READ, inBytes: 512 });
      scsi.manage(ABORT_TASK_SET, [1], 0, 0);
      storage.end();
      expect(storage.waiting.length).toBe(0);
      scsi.send({ cdb: READ, inBytes: 512 });
      storage.end();
      expect(scsi.answer({}).response).toBe(0);
    }
    expect(guest.clauses()).toEqual([]);
  });
});

test('9P connections that linger after their end count until they are gone', () => {
  const open: P9Receiver[] = [];
  const closing: P9Receiver[] = [];
  const server = {
    connect: (receiver: P9Receiver): P9Connection => {
      open.push(receiver);
      return {
        lingers: true,
        send: () => {},
        close: () => void closing.push(...open.splice(0)),
      };
    },
  };
  const behaviour = new P9Device({ server, queueSize: QUEUE_SIZE });
  const slow = { ...slowDevices['9p']!(new HeldScheduler()), behaviour };
  const dying = new DyingGuest(slow, ways['status 0']!);
  for (let round = 0; round < ROUNDS; round++) {
    dying.begin();
    dying.kill();
  }
  // The first message of a round makes its connection; the rest of the round goes over it.
  expect(closing.length).toBe(Math.ceil(QUEUE_SIZE / AT_ONCE));
  dying.begin();
  expect(open.length).toBe(0);
  for (const receiver of closing.splice(0)) receiver.ended!();
  expect(open.length).toBe(1);
});

describe('bus mastering that goes off in a completion that waited for it', () => {
  it('lets what comes behind it wait on', () => {
    const storage = new SlowStorage();
    const guest = new LegacyGuest(new BlockDevice({ storage, queueSize: QUEUE_SIZE }));
    const ring = guest.start(2 ** 27)[0]!;
    for (const slot of [0, 1]) new RawRequests(guest, ring, { slot }).send({ type: 0, inBytes: 512 });
    guest.config.command(0x3);
    storage.end();
    storage.end();
    let asked = 0;
    guest.machine.interrupts.connectLine(11, () => {
      if (guest.isr() === 0) return false;
      if (asked++ === 0) guest.config.command(0x3);
      return true;
    });
    guest.config.command(0x7);
    expect([asked, ring.usedIndex]).toEqual([1, 1]);
    guest.config.command(0x7);
    expect([asked, ring.usedIndex]).toEqual([2, 2]);
  });
});
