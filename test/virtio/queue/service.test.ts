import { describe, expect, it, test } from 'vitest';
import { DmaDomain, GuestMemory, HeldScheduler } from '../../../src/core/index.ts';
import { Batch, type Chain, PLAIN_MODE, QueueService } from '../../../src/virtio/index.ts';
import { InFlight } from '../../../src/virtio/queue/in-flight.ts';
import { RawRing } from '../support/ring.ts';

const PARTS = { descriptor: 0x1000, driver: 0x2000, device: 0x3000 };

/** A queue of 8 with single bytes as its buffers, whose chains wait in `taken`. */
function service() {
  const ram = GuestMemory.allocate({ start: 0, length: 0x8000 });
  const scheduler = new HeldScheduler();
  const taken: Chain[] = [];
  const owner = {
    mayRun: true,
    dmaEnabled: true,
    legacyDriver: false,
    handle: (chain: Chain) => void taken.push(chain),
    interrupt() {},
    fail() {},
    report() {},
  };
  const queue = new QueueService(8, 0, owner, new Batch());
  queue.connect('x', scheduler, new DmaDomain(ram));
  const ring = new RawRing(ram, 8, PARTS);
  for (let i = 0; i < 8; i++) ring.describe(i, { address: 0x4000 + i, length: 1, flags: 2 });
  const start = () => {
    for (const area of ['descriptor', 'driver', 'device'] as const)
      queue.ring.addresses.set(area, PARTS[area]);
    queue.ring.relocate();
    queue.ring.ready = true;
  };
  start();
  const offer = (...heads: number[]) => {
    ring.offer(...heads);
    queue.kick();
    scheduler.releaseAll();
  };
  return { queue, ring, taken, scheduler, owner, offer, start };
}

it('hands chains back as they are done, unless it is told otherwise', () => {
  const { queue, ring, taken, offer } = service();
  offer(3, 4, 5);
  for (const at of [2, 0, 1]) queue.complete(taken[at]!, 1);
  expect(ring.used()).toEqual([5, 3, 4].map((head) => [head, 1]));
});

describe('another kind of ring', () => {
  const of = (packed: boolean) => ({ ...PLAIN_MODE, packed });

  test.each([1, 4, 8])('keeps what the driver has set up: %d descriptors', (size) => {
    const { queue } = service();
    for (const packed of [true, false]) {
      const { words } = queue.ring.addresses;
      queue.ring.size = size;
      queue.setMode(of(packed));
      expect([queue.ring.size, queue.ring.ready, queue.ring.addresses.words]).toEqual([size, true, words]);
    }
  });

  it('has its largest size where it cannot have the other', () => {
    const { queue } = service();
    queue.setMode(of(true));
    queue.ring.size = 6;
    queue.setMode(of(false));
    expect(queue.ring.size).toBe(8);
  });
});

describe('a queue is asleep', () => {
  it('while nothing is in flight, nobody holds a chain, and nothing is to be done', () => {
    const { queue, ring, taken, scheduler, offer } = service();
    const asleep: boolean[] = [queue.asleep];
    ring.offer(0);
    queue.kick();
    asleep.push(queue.asleep);
    scheduler.releaseAll();
    asleep.push(queue.asleep);
    queue.complete(taken[0]!, 1, true);
    asleep.push(queue.asleep);
    queue.letGo(taken[0]!);
    asleep.push(queue.asleep);
    expect(asleep).toEqual([true, false, false, false, true]);

    offer(1);
    const state = queue.save();
    const other = service();
    other.owner.dmaEnabled = false;
    other.queue.load(state);
    other.queue.resume();
    expect([other.queue.asleep, other.queue.inFlight]).toEqual([false, 0]);
  });

  it('and not while a reset left a chain to somebody', () => {
    const { queue, taken, offer } = service();
    offer(0);
    taken[0]!.held = true;
    queue.reset();
    expect(queue.asleep).toBe(false);
    queue.letGo(taken[0]!);
    expect(queue.asleep).toBe(true);
  });
});

it('a batch is idle unless something is completed in it, or still to be published', () => {
  const batch = new Batch();
  const said: [string, boolean][] = [];
  const queue = (name: string) => ({ dirty: false, publish: () => void said.push([name, batch.idle]) });
  said.push(['before', batch.idle]);
  batch.run(() => {
    said.push(['within', batch.idle]);
    batch.completed(queue('a'));
    batch.completed(queue('b'));
  });
  said.push(['after', batch.idle]);
  expect(said).toEqual([
    ['before', true],
    ['within', false],
    ['a', false],
    ['b', false],
    ['after', true],
  ]);
});

it('a chain that nothing came into is the next one', () => {
  const inFlight = new InFlight({ index: 0 }, 8);
  const chain = inFlight.fresh();
  inFlight.free(chain);
  expect(inFlight.fresh()).toBe(chain);
  expect(inFlight.fresh()).not.toBe(chain);
});
