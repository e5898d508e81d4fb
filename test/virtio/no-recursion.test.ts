import { describe, expect, it, test } from 'vitest';
import { DmaDomain, functionAddress, GuestMemory, IMMEDIATE_DEPTH } from '../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NetworkDriver,
  runFirmware,
} from '../../src/driver/index.ts';
import { translatedWayNames } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { ConsoleDevice, feature, Hub, NetworkDevice, virtioFunction } from '../../src/virtio/index.ts';
import { Pair } from '../mmr/support.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';
import type { RawRing } from './support/ring.ts';

/** More than any stack has room for. */
const ROUNDS = 10_000;
/** Frames: a driver answers as many of them as its ring is long before the stack grows. */
const FRAMES = 30_000;

function fill(ring: RawRing): RawRing {
  for (let i = 0; i < ring.size; i++) ring.describe(i, { address: BUFFERS + i, length: 1, flags: 2 });
  return ring;
}

describe('a handler that submits the next request', () => {
  test.each(['line', 'message'] as const)(
    'within the last one, by %s, leaves nothing on the stack',
    (how) => {
      const probe = new Probe({ complete: 1 });
      const guest = new LegacyGuest(probe);
      guest.machine.events = null;
      if (how === 'message') guest.enableMsix();
      const ring = fill(guest.setUp(0));
      let left = ROUNDS;
      const next = () => {
        if (left === 0) return;
        left--;
        ring.offer(left % 8);
        guest.kick();
      };
      if (how === 'message') {
        const { data } = guest.machine.interrupts.allocateMessage(next);
        guest.block.set('queueMsixVector', data);
      } else
        guest.machine.interrupts.connectLine(11, () => {
          const mine = guest.isr() !== 0;
          if (mine) next();
          return mine;
        });
      next();
      expect([left, probe.handled.length, ring.usedIndex]).toEqual([0, ROUNDS, ROUNDS & 0xffff]);
    },
  );

  it('of a packed ring does so too', () => {
    const probe = new Probe({ complete: 1 });
    const guest = new ModernGuest(probe, { transportFeatures: [feature.ringPacked] });
    guest.machine.events = null;
    guest.negotiate([feature.ringPacked]);
    const parts = { descriptor: 0x10000, driver: 0x10800, device: 0x10900 };
    guest.setUp(0, 8, parts);
    const ring = new RawPackedRing(guest.machine.ram, 8, parts);
    guest.block.set('deviceStatus', 0x0f);
    let left = ROUNDS;
    const next = () => {
      if (left === 0) return;
      left--;
      ring.offer(0, { address: BUFFERS, length: 1, flags: 2 });
      guest.kick();
    };
    guest.machine.interrupts.connectLine(11, () => {
      const mine = guest.isr() !== 0;
      if (mine) next();
      return mine;
    });
    next();
    expect([left, probe.handled.length]).toEqual([0, ROUNDS]);
  });

  test.each(translatedWayNames)('behind the translator (%s) does so too', (way) => {
    const pair = new Pair(new Probe({ type: 'block', complete: 1, queueSizes: [8, 8] }), { way });
    pair.host.events = pair.guest.events = null;
    const ring = pair.setUp();
    let left = ROUNDS;
    const next = () => {
      if (left === 0) return;
      left--;
      ring.offer(left % 8);
      pair.set('queueNotify', 0);
    };
    pair.guest.interrupts.connectLine(10, () => {
      const mine = pair.get('isrStatus') !== 0;
      if (mine) next();
      return mine;
    });
    next();
    expect([left, pair.probe.handled.length]).toEqual([0, ROUNDS]);
  });
});

/** Network drivers that send every frame back, each with a function of its own on one hub. */
function echoes(machines: readonly Machine[], count: number, rounds: number) {
  const hub = new Hub();
  let left = rounds;
  const drivers = Array.from({ length: count }, (_, i) => {
    const machine = machines[i % machines.length]!;
    const macAddress = Uint8Array.of(2, 0, 0, 0, 0, i + 1);
    const device = new NetworkDevice({ link: hub.socket(), macAddress, queueSize: 16 });
    const slot = functionAddress(0, 4 + i);
    machine.plug(virtioFunction(device, { kind: 'transitional' }).pci, slot, new DmaDomain(machine.ram));
    return { machine, slot };
  });
  for (const machine of machines) runFirmware(machine);
  const opened = drivers.map(({ machine, slot }, i) => {
    const found = findFunction(machine, slot)!;
    const transport =
      i % 2 === 0
        ? new LegacyTransport(machine, found, legacyAccess(machine, found))
        : new ModernTransport(machine, found);
    const driver: NetworkDriver = new NetworkDriver(
      transport,
      new DmaMemory(machine.ram, (i + 1) * 0x80000, (i + 2) * 0x80000),
      {
        onFrame: (frame) => {
          if (left-- > 0) void driver.send(frame);
        },
      },
    );
    return driver;
  });
  return { opened, left: () => left };
}

const roomy = () => new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 22 }) });
const FRAME = Uint8Array.of(255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 0, ...new Uint8Array(46));

test.each([
  ['one machine', 1],
  ['two machines', 2],
])('network drivers that answer frame with frame do so for as long as they like: on %s', (_, machines) => {
  const { opened, left } = echoes(Array.from({ length: machines }, roomy), 2, FRAMES);
  void opened[0]!.send(FRAME);
  expect(left()).toBeLessThanOrEqual(0);
});

/** Console queues from 4 on are the ports'; each has a vector, whose handler fills the next queue. */
test('handlers that lead to other handlers a thousand deep overflow no stack, and all is done when the access returns', () => {
  const guest = new ModernGuest(new ConsoleDevice({ maxPorts: 500, queueSize: 2, controlQueueSize: 2 }));
  guest.machine.events = null;
  guest.negotiate([1]);
  guest.enableMsix();
  const queues = guest.device.queueCount;
  const order: number[] = [];
  let depth = 0;
  let deepest = 0;
  const rings = Array.from({ length: queues }, (_, queue) => {
    guest.block.set('queueSelect', queue);
    const vector = guest.machine.interrupts.allocateMessage(() => {
      deepest = Math.max(deepest, ++depth);
      order.push(queue);
      if (queue + 2 < queues) give(queue + 2);
      depth--;
    }).data;
    guest.block.set('queueMsixVector', vector);
    const at = 0x20000 + queue * 0x100;
    const ring = guest.setUp(queue, 2, { descriptor: at, driver: at + 0x40, device: at + 0x80 });
    return ring;
  });
  const give = (queue: number) => {
    rings[queue]!.describe(0, { address: BUFFERS, length: 1 });
    rings[queue]!.offer(0);
    guest.kick(queue);
  };
  guest.block.set('deviceStatus', 0x0f);
  // Transmit queues of closed ports take everything at once.
  give(5);
  const expected = Array.from({ length: (queues - 5 + 1) >> 1 }, (_, i) => 5 + 2 * i);
  expect(order).toEqual(expected);
  expect(rings.filter((_, queue) => queue > 4 && queue % 2 === 1).every((ring) => ring.usedIndex === 1)).toBe(
    true,
  );
  expect(deepest).toBeGreaterThan(4);
  expect(deepest).toBeLessThanOrEqual(IMMEDIATE_DEPTH);
});

describe('within a handler', () => {
  it('what an access sets off on another queue is done when it returns', () => {
    const guest = new ModernGuest(new Probe({ complete: 1, queueSizes: [8, 8] }));
    guest.negotiate();
    guest.enableMsix();
    const seen: number[] = [];
    const rings = [0, 1].map((queue) => fill(guest.setUp(queue)));
    const { data } = guest.machine.interrupts.allocateMessage(() => {
      rings[1]!.offer(0);
      guest.kick(1);
      seen.push(rings[1]!.usedIndex);
    });
    guest.block.set('queueSelect', 0);
    guest.block.set('queueMsixVector', data);
    guest.block.set('deviceStatus', 0x0f);
    rings[0]!.offer(0);
    guest.kick(0);
    expect(seen).toEqual([1]);
  });

  it('a line that is never lowered is asked a bounded number of times, and works afterwards', () => {
    const guest = new LegacyGuest(new Probe({ complete: 1 }));
    const ring = fill(guest.setUp(0));
    let asked = 0;
    let reads = false;
    guest.machine.interrupts.connectLine(11, () => {
      asked++;
      if (reads) guest.isr();
      else if (asked < ROUNDS) {
        ring.offer(asked % 8);
        guest.kick();
      }
      return true;
    });
    ring.offer(0);
    guest.kick();
    expect(asked).toBeGreaterThanOrEqual(64);
    expect(guest.machine.interrupts.isAsserted(11)).toBe(true);
    reads = true;
    guest.isr();
    ring.offer(0);
    guest.kick();
    expect(guest.machine.interrupts.isAsserted(11)).toBe(false);
  });

  it('one that throws loses nothing: its error comes out of the access, and the kick that it made is served', () => {
    const probe = new Probe({ complete: 1, queueSizes: [8, 8] });
    const guest = new LegacyGuest(probe);
    guest.enableMsix();
    const ring = fill(guest.setUp(0));
    let calls = 0;
    const { data } = guest.machine.interrupts.allocateMessage(() => {
      if (++calls > 1) return;
      ring.offer(1);
      guest.kick();
      throw new Error('a driver bug');
    });
    guest.block.set('queueMsixVector', data);
    ring.offer(0);
    expect(() => guest.kick()).toThrow('a driver bug');
    expect([probe.handled, ring.usedIndex, calls]).toEqual([['0:0', '0:1'], 2, 2]);
  });

  it('one that throws keeps no other queue of the batch from being published', () => {
    const probe = new Probe({ queueSizes: [8, 8] });
    const guest = new ModernGuest(probe);
    const rings = guest.start([], [0, 1]).map(fill);
    for (const queue of [0, 1]) {
      rings[queue]!.offer(0);
      guest.kick(queue);
    }
    guest.machine.interrupts.connectLine(11, () => {
      guest.isr();
      throw new Error('a driver bug');
    });
    const both = () => {
      probe.finish(1);
      probe.finish(1);
    };
    expect(() => probe.device.batch(both)).toThrow('a driver bug');
    expect([rings.map(({ usedIndex }) => usedIndex), guest.device.idle]).toEqual([[1, 1], true]);
  });
});
