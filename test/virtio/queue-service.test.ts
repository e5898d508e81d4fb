import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, StateMismatchError } from '../../src/core/index.ts';
import { Batch, Chain, PLAIN_MODE, QueueService } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import type { RawRing } from './support/ring.ts';

/** Descriptor i of each ring is a chain of one writable byte. */
function fill(ring: RawRing): RawRing {
  for (let i = 0; i < ring.size; i++) ring.describe(i, { address: BUFFERS + i, length: 1, flags: 2 });
  return ring;
}

describe('use before DRIVER_OK', () => {
  // LEG-INIT-03: a legacy driver's queues work whatever the status is.
  test.each([0, 1, 3, 7])('LEG-INIT-03: with status %d a legacy queue is served', (status) => {
    const guest = new LegacyGuest(new Probe({ complete: 1 }));
    if (status !== 0) guest.block.set('deviceStatus', status);
    const ring = fill(guest.setUp(0));
    ring.offer(3);
    guest.kick();
    expect([ring.used(), guest.interrupts()]).toEqual([[[3, 1]], ['line 11 up']]);
  });

  it('BF-STAT-05: a modern queue waits for DRIVER_OK, and is served then without another kick', () => {
    const probe = new Probe({ complete: 1 });
    const guest = new ModernGuest(probe);
    guest.negotiate();
    const ring = fill(guest.setUp(0));
    ring.offer(3);
    guest.kick();
    expect([ring.usedIndex, guest.interrupts(), probe.handled]).toEqual([0, [], []]);
    guest.block.set('deviceStatus', 0x0f);
    expect([ring.used(), guest.interrupts()]).toEqual([[[3, 1]], ['line 11 up']]);
  });

  it('a queue that is not enabled is never served', () => {
    const probe = new Probe({ queueSizes: [8, 8], complete: 1 });
    const guest = new ModernGuest(probe);
    guest.start([], [0]);
    guest.kick(1);
    expect([probe.handled, guest.clauses()]).toEqual([[], ['INIT-01']]);
  });
});

describe('kicks', () => {
  it('SPL-ANS-12: without anything new have no effect', () => {
    const probe = new Probe({ complete: 0 });
    const guest = new LegacyGuest(probe);
    const ring = fill(guest.start()[0]!);
    for (let i = 0; i < 3; i++) guest.kick();
    ring.offer(0);
    for (let i = 0; i < 3; i++) guest.kick();
    expect([probe.handled, ring.usedIndex, guest.interrupts()]).toEqual([['0:0'], 1, ['line 11 up']]);
  });

  test.each([1, 2, 0xffff])(
    'of a queue that does not exist (%d) are reported and have no effect',
    (queue) => {
      const guest = new LegacyGuest(new Probe({ queueSizes: [8, 0] }));
      guest.kick(queue);
      expect(guest.clauses()).toEqual(['PCI-KICK-03']);
      expect(guest.block.get('deviceStatus')).toBe(0);
    },
  );

  it('reach the queue that they name', () => {
    const probe = new Probe({ queueSizes: [8, 4], complete: 0 });
    const guest = new ModernGuest(probe);
    const rings = guest.start([], [0, 1]).map(fill);
    for (const ring of rings) ring.offer(2);
    guest.kick(1);
    expect([probe.handled, rings.map(({ usedIndex }) => usedIndex)]).toEqual([['1:2'], [0, 1]]);
  });

  it('PCI-KICK-03: at the place of one queue that name another are reported, and reach the one that they name', () => {
    const probe = new Probe({ queueSizes: [8, 8], complete: 0 });
    const guest = new ModernGuest(probe);
    fill(guest.start([], [0, 1])[1]!).offer(0);
    const notify = guest.structure(2);
    guest.machine.memoryWrite(notify, 2, 1);
    expect([probe.handled, guest.clauses()]).toEqual([['1:0'], ['PCI-KICK-03']]);
    expect(guest.machine.memoryRead(notify, 4)).toBe(0);
  });
});

describe('chains in flight', () => {
  it('are handed back in the order of completion, each once', () => {
    const probe = new Probe();
    const guest = new LegacyGuest(probe);
    const ring = fill(guest.start()[0]!);
    for (const head of [5, 1, 7, 2]) ring.describe(head, { address: BUFFERS, length: 4, flags: 2 });
    ring.offer(5, 1, 7, 2);
    guest.kick();
    const [a, b, c, d] = [...probe.taken];
    for (const [chain, length] of [
      [c!, 3],
      [a!, 1],
      [c!, 2],
      [d!, 4],
      [b!, 2],
    ] as const)
      probe.device.complete(chain, length);
    expect(ring.used()).toEqual([
      [7, 3],
      [5, 1],
      [2, 4],
      [1, 2],
    ]);
  });

  it('OPER-02: are never more than the queue has descriptors', () => {
    const probe = new Probe({ queueSizes: [4] });
    const guest = new LegacyGuest(probe);
    const ring = fill(guest.start()[0]!);
    ring.offer(0, 0, 0, 0);
    guest.kick();
    ring.offer(0);
    guest.kick();
    expect([probe.handled.length, guest.clauses()]).toEqual([4, Array(5).fill('OPER-02')]);
    expect(guest.block.get('deviceStatus') & 64).toBe(64);
    // One was taken and is lost: the state says so, and can be loaded.
    const twin = new LegacyGuest(new Probe({ queueSizes: [4] }));
    twin.machine.load(guest.machine.save());
    expect(twin.machine.save()).toEqual(guest.machine.save());
  });

  test.each([
    ['BF-RST-02: a reset', (guest: LegacyGuest) => guest.block.set('deviceStatus', 0)],
    ['BF-VQR-01: taking the queue down', (guest: LegacyGuest) => guest.block.set('queueAddress', 0)],
    ['moving the queue', (guest: LegacyGuest) => guest.block.set('queueAddress', 0x40)],
    ['a function reset', (guest: LegacyGuest) => guest.function.pci.reset()],
    ['being taken out', (guest: LegacyGuest) => void guest.machine.unplug(guest.found.address)],
  ])('are dead after %s: nothing is copied, used or signalled', (_, stop) => {
    const probe = new Probe();
    const guest = new LegacyGuest(probe);
    const ring = fill(guest.start()[0]!);
    ring.offer(0, 1);
    guest.kick();
    stop(guest);
    guest.interrupts();
    const before = guest.machine.ram.read(0, 0x100000);
    for (const chain of [...probe.taken]) {
      expect([
        chain.live,
        chain.write(0, Uint8Array.of(9), 0, 1),
        chain.read(0, new Uint8Array(1), 0, 1),
      ]).toEqual([false, false, false]);
      expect([chain.header(1), chain.writeLast(9)]).toEqual([null, false]);
      probe.finish(1);
    }
    expect(guest.machine.ram.read(0, 0x100000).every((byte, i) => byte === before[i])).toBe(true);
    expect(guest.interrupts()).toEqual([]);
  });

  it('of other queues live on when one is taken down', () => {
    const probe = new Probe({ queueSizes: [8, 8] });
    const guest = new LegacyGuest(probe);
    const rings = guest.start(0, [0, 1]).map(fill);
    for (const [queue, ring] of rings.entries()) {
      ring.offer(1);
      guest.kick(queue);
    }
    guest.block.set('queueSelect', 0);
    guest.block.set('queueAddress', 0);
    while (probe.taken.length > 0) probe.finish(1);
    expect(rings.map((ring) => ring.usedIndex)).toEqual([0, 1]);
  });

  it('leave their room to others when the queue is taken down', () => {
    const probe = new Probe({ queueSizes: [4] });
    const guest = new LegacyGuest(probe);
    fill(guest.start()[0]!).offer(0, 1, 2, 3);
    for (let round = 0; round < 3; round++) {
      guest.kick();
      guest.block.set('queueAddress', 0);
      fill(guest.setUp(0)).offer(0, 1, 2, 3);
    }
    guest.kick();
    expect([probe.handled.length, guest.clauses()]).toEqual([16, []]);
  });

  it('a queue that was taken down and set up again starts anew', () => {
    const probe = new Probe({ complete: 0 });
    const guest = new LegacyGuest(probe);
    fill(guest.start()[0]!).offer(0, 1, 2);
    guest.kick();
    guest.block.set('queueAddress', 0);
    const again = fill(guest.setUp(0, 0x40));
    again.offer(4);
    guest.kick();
    expect(again.used()).toEqual([[4, 0]]);
  });
});

describe('work that is held', () => {
  function held() {
    const scheduler = new HeldScheduler();
    const probe = new Probe({ complete: 0 });
    const guest = new LegacyGuest(probe, { machine: { scheduler } });
    const ring = fill(guest.start()[0]!);
    scheduler.releaseAll();
    return { scheduler, probe, guest, ring };
  }

  it('runs when it is released, several kicks at once', () => {
    const { scheduler, probe, guest, ring } = held();
    for (const head of [0, 1]) {
      ring.offer(head);
      guest.kick();
    }
    expect([probe.handled, scheduler.pending.length]).toEqual([[], 1]);
    scheduler.releaseAll();
    expect(ring.usedIndex).toBe(2);
  });

  it('BF-RST-02: does nothing after a reset', () => {
    const { scheduler, probe, guest, ring } = held();
    ring.offer(0);
    guest.kick();
    guest.block.set('deviceStatus', 0);
    scheduler.releaseAll();
    expect([probe.handled, ring.usedIndex, guest.interrupts()]).toEqual([[], 0, []]);
  });
});

describe('bus mastering', () => {
  it('holds kicks back while it is off, and serves them when it comes back', () => {
    const probe = new Probe({ complete: 1 });
    const guest = new LegacyGuest(probe);
    const ring = fill(guest.start()[0]!);
    guest.config.command(0x3);
    ring.offer(0);
    guest.kick();
    ring.offer(1);
    expect([probe.handled, ring.usedIndex, guest.interrupts()]).toEqual([[], 0, []]);
    guest.config.command(0x7);
    expect([ring.used(), guest.interrupts()]).toEqual([
      [
        [0, 1],
        [1, 1],
      ],
      ['line 11 up'],
    ]);
  });

  it('forgets what it held back at a reset', () => {
    const probe = new Probe({ complete: 1 });
    const guest = new LegacyGuest(probe);
    const ring = fill(guest.start()[0]!);
    guest.config.command(0x3);
    ring.offer(0);
    guest.kick();
    guest.block.set('deviceStatus', 0);
    guest.config.command(0x7);
    expect(probe.handled).toEqual([]);
  });

  it('runs what a device put off exactly once, in order', () => {
    const guest = new LegacyGuest(new Probe());
    const log: string[] = [];
    const task = (label: string) => ({ label, run: () => void log.push(label) });
    guest.config.command(0x3);
    guest.device.whenDma(task('a'));
    guest.device.whenDma(task('b'));
    guest.config.command(0x7);
    guest.device.whenDma(task('c'));
    guest.config.command(0x3);
    guest.config.command(0x7);
    expect(log.join('')).toBe('abc');
  });
});

describe('a batch', () => {
  it('publishes each queue once, when its outermost run ends', () => {
    const log: string[] = [];
    const queue = (name: string) => ({ publish: () => void log.push(name) }) as never;
    const [a, b] = [queue('a'), queue('b')];
    const batch = new Batch();
    batch.run(() => {
      batch.completed(b);
      batch.run(() => batch.completed(a));
      batch.completed(b);
      expect(log).toEqual([]);
    });
    batch.completed(a);
    batch.run(() => {});
    expect(log).toEqual(['b', 'a', 'a']);
  });
});

describe('a saved device', () => {
  it('goes on in a fresh machine with what was in flight, in the order of being taken, and a kick that was pending', () => {
    const scheduler = new HeldScheduler();
    const make = () => new LegacyGuest(new Probe(), { machine: { scheduler } });
    const before = make();
    const ring = fill(before.start()[0]!);
    scheduler.releaseAll();
    ring.offer(4, 2, 6);
    before.kick();
    scheduler.releaseAll();
    // Completing the first puts the last into its place in the list.
    const probe = before.device.behaviour as Probe;
    probe.device.complete(probe.taken.shift()!, 7);
    ring.offer(1);
    before.kick();
    const state = structuredClone(before.machine.save());
    scheduler.clear();

    const after = make();
    after.machine.load(state);
    const fresh = after.device.behaviour as Probe;
    expect(fresh.handled).toEqual(['0:2', '0:6']);
    scheduler.releaseAll();
    expect(fresh.handled).toEqual(['0:2', '0:6', '0:1']);
    while (fresh.taken.length > 0) fresh.finish(1);
    const { ram } = after.machine;
    const used = new DataView(ram.read(ring.parts.device, 36).buffer);
    expect([
      used.getUint16(2, true),
      used.getUint32(4, true),
      used.getUint32(12, true),
      used.getUint32(28, true),
    ]).toEqual([4, 4, 2, 1]);
    expect(after.block.get('queueAddress')).toBe(0x10);
  });

  it('loaded while its DMA is off waits for it', () => {
    const before = new LegacyGuest(new Probe());
    fill(before.start()[0]!).offer(3);
    before.kick();
    before.config.command(0x3);
    const after = new LegacyGuest(new Probe());
    after.machine.load(before.machine.save());
    const fresh = after.device.behaviour as Probe;
    expect(fresh.handled).toEqual([]);
    after.config.command(0x7);
    expect(fresh.handled).toEqual(['0:3']);
  });

  it('saved again before its chains could be handled anew keeps them', () => {
    const first = new LegacyGuest(new Probe());
    fill(first.start()[0]!).offer(3, 5);
    first.kick();
    first.config.command(0x3);
    const second = new LegacyGuest(new Probe());
    second.machine.load(first.machine.save());
    const third = new LegacyGuest(new Probe());
    third.machine.load(second.machine.save());
    third.config.command(0x7);
    expect((third.device.behaviour as Probe).handled).toEqual(['0:3', '0:5']);
  });

  it('is refused by a queue with another kind of ring', () => {
    const queue = (packed: boolean) => {
      const owner = {
        mayRun: true,
        dmaEnabled: true,
        legacyDriver: false,
        handle() {},
        interrupt() {},
        fail() {},
        report() {},
      };
      const made = new QueueService(8, 0, owner, new Batch());
      made.setMode({ ...PLAIN_MODE, packed });
      return made;
    };
    expect(() => queue(false).load(queue(true).save())).toThrow(StateMismatchError);
    expect(() => queue(true).load(queue(true).save())).not.toThrow();
  });

  it('is refused by a device of another type or with other queues', () => {
    const state = new LegacyGuest(new Probe()).device.save();
    expect(() => new LegacyGuest(new Probe({ type: 'block' })).device.load(state)).toThrow(
      StateMismatchError,
    );
    expect(() => new LegacyGuest(new Probe({ queueSizes: [8, 8] })).device.load(state)).toThrow(
      /number of queues/,
    );
  });
});

it('a chain that was never filled copies nothing', () => {
  const chain = new Chain();
  expect([chain.live, chain.readableBytes, chain.writableBytes]).toEqual([false, 0, 0]);
});
