import { describe, expect, it, test } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { feature } from '../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, ModernGuest } from './support/guests.ts';
import { Probe, type ProbeOptions } from './support/probe.ts';
import { legacyParts } from './support/ring.ts';

const RESET = [feature.ringReset];
const ELSEWHERE = legacyParts(0x40, 4);

/** A started device with two queues of 8; chains wait in `probe.taken` unless told otherwise. */
function started(options: ProbeOptions = {}, guestOptions: GuestOptions = {}, features = RESET) {
  const probe = new Probe({ queueSizes: [8, 8, 0], ...options });
  const guest = new ModernGuest(probe, guestOptions);
  const rings = guest.start(features, [0, 1]);
  probe.told.length = 0;
  guest.clauses();
  guest.block.set('queueSelect', 0);
  return { probe, guest, rings, block: guest.block };
}

/** Exposes one writable buffer of a byte on head `head`. */
function give({ guest, rings }: ReturnType<typeof started>, queue: number, head: number): void {
  rings[queue]!.describe(head, { address: BUFFERS + 16 * head, length: 1, flags: 2 });
  rings[queue]!.offer(head);
  guest.kick(queue);
}

const shown = ({ block }: { block: ModernGuest['block'] }) => [
  block.get('queueReset'),
  block.get('queueEnable'),
];

describe('queue_reset', () => {
  it('PCI-COM-09, PCI-COM-11, PCI-COM-13: resets one queue, and reads 0 with queue_enable when it is done', () => {
    const under = started();
    expect(shown(under)).toEqual([0, 1]);
    under.block.set('queueReset', 1);
    expect(shown(under)).toEqual([0, 0]);
    under.block.set('queueSelect', 1);
    expect([shown(under), under.probe.told, under.guest.clauses()]).toEqual([[0, 1], ['queue reset 0'], []]);
  });

  it('BF-VQR-02: takes back all that the driver set of the queue, its vector among it, and nothing else', () => {
    const under = started();
    under.guest.enableMsix();
    const { block } = under;
    for (const queue of [0, 1]) {
      block.set('queueSelect', queue);
      block.set('queueMsixVector', 1);
    }
    block.set('queueSelect', 0);
    block.set('queueReset', 1);
    const state = () =>
      (
        ['queueSize', 'queueDescriptorLow', 'queueDriverLow', 'queueDeviceLow', 'queueMsixVector'] as const
      ).map((name) => block.get(name));
    expect(state()).toEqual([8, 0, 0, 0, 0xffff]);
    block.set('queueSelect', 1);
    expect([state().slice(3), under.block.get('queueEnable')]).toEqual([[0x21000, 1], 1]);
    expect(state()[1]).toBe(0x20000);
  });

  it('BF-VQR-01: nothing of the queue is executed or reported any more, whatever ends late', () => {
    const under = started();
    const { probe, guest, rings, block } = under;
    give(under, 0, 0);
    give(under, 0, 1);
    give(under, 1, 2);
    guest.machine.ram.fill(BUFFERS, 64, 0xaa);
    block.set('queueReset', 1);
    guest.events.length = 0;
    const before = guest.machine.ram.read(0x10000, 0x3000);
    for (const chain of probe.taken.slice(0, 2)) {
      expect(chain.write(0, Uint8Array.of(1), 0, 1)).toBe(false);
      probe.device.complete(chain, 1);
    }
    give(under, 0, 3);
    rings[0]!.describe(3, { address: 0, length: 0 });
    expect(probe.handled).toEqual(['0:0', '0:1', '1:2']);
    expect([rings[0]!.usedIndex, [...guest.machine.ram.read(BUFFERS, 2)], guest.interrupts()]).toEqual([
      0,
      [0xaa, 0xaa],
      [],
    ]);
    expect(guest.machine.ram.read(rings[0]!.parts.device, 0x100)).toEqual(
      before.slice(rings[0]!.parts.device - 0x10000, rings[0]!.parts.device - 0x10000 + 0x100),
    );
    // The other queue goes on.
    probe.device.complete(probe.taken[2]!, 1);
    expect([rings[1]!.used(), guest.interrupts()]).toEqual([[[2, 1]], ['line 11 up']]);
  });

  it('BF-VQR-02, BF-VQR-05: a queue that is enabled again starts anew, at another place and of another size', () => {
    const under = started({ complete: 0 });
    for (let i = 0; i < 11; i++) give(under, 0, i % 8);
    under.block.set('queueReset', 1);
    under.rings[0] = under.guest.setUp(0, 4, ELSEWHERE);
    expect([under.rings[0]!.size, shown(under)]).toEqual([4, [0, 1]]);
    for (let i = 0; i < 6; i++) give(under, 0, i % 4);
    expect(under.rings[0]!.used(4)).toEqual([2, 3, 0, 1].map((head) => [head, 0]));
    expect([under.rings[0]!.usedIndex, under.guest.clauses()]).toEqual([6, []]);
  });

  it('a fault of the ring goes with it, and stays in the device all the same', () => {
    const under = started({ complete: 0 });
    under.rings[0]!.offer(9);
    under.guest.kick(0);
    expect(under.guest.clauses()).toEqual(['SPL-DESC-05']);
    under.block.set('queueReset', 1);
    under.rings[0] = under.guest.setUp(0, 4, ELSEWHERE);
    give(under, 0, 0);
    // BF-STAT-06: only a reset of the device mends it.
    expect([under.probe.handled, under.block.get('deviceStatus') & 0x40]).toEqual([[], 0x40]);
  });

  test.each([
    ['without the feature', [], 1, 'BF-FEAT-03'],
    ['with other than 1', RESET, 2, 'PCI-COM-24'],
    ['with 0', RESET, 0, 'PCI-COM-24'],
  ])('does nothing %s, and says so', (_, features, value, clause) => {
    const under = started({}, {}, features);
    under.block.set('queueReset', value);
    expect([shown(under), under.guest.clauses(), under.probe.told]).toEqual([[0, 1], [clause], []]);
  });

  test.each([2, 3, 0xffff])(
    'PCI-COM-14: of queue %d, which does not exist, reads 0 and does nothing',
    (queue) => {
      const under = started();
      under.block.set('queueSelect', queue);
      under.block.set('queueReset', 1);
      expect([shown(under), under.probe.told]).toEqual([[0, 0], []]);
    },
  );
});

describe('a queue reset that takes its time', () => {
  const held = (features = RESET) => {
    const scheduler = new HeldScheduler();
    return { scheduler, ...started({}, { machine: { scheduler } }, features) };
  };

  it('PCI-COM-12, PCI-COM-13: reads 1 until it is done; the queue is dead from the start', () => {
    const under = held();
    under.rings[0]!.describe(0, { address: BUFFERS, length: 1 });
    under.rings[0]!.offer(0);
    under.guest.kick(0);
    under.block.set('queueReset', 1);
    expect([under.block.get('queueReset'), under.probe.told]).toEqual([1, ['queue reset 0']]);
    // The kick that was pending comes first, and finds nothing to do.
    expect(under.scheduler.release()).toBe(true);
    expect([under.probe.handled, under.block.get('queueReset')]).toEqual([[], 1]);
    under.scheduler.releaseAll();
    expect(shown(under)).toEqual([0, 0]);
  });

  it('PCI-COM-24: a queue cannot be enabled meanwhile, and trying is reported', () => {
    const under = held();
    under.block.set('queueReset', 1);
    under.block.set('queueEnable', 1);
    expect([shown(under), under.guest.clauses()]).toEqual([[1, 0], ['PCI-COM-24']]);
    under.scheduler.releaseAll();
    under.block.set('queueEnable', 1);
    expect([shown(under), under.guest.clauses()]).toEqual([[0, 1], []]);
  });

  it('asked for twice is done once', () => {
    const under = held();
    under.scheduler.releaseAll();
    under.block.set('queueReset', 1);
    under.block.set('queueReset', 1);
    expect(under.scheduler.pending.length).toBe(1);
    under.scheduler.releaseAll();
    expect(shown(under)).toEqual([0, 0]);
  });

  it('PCI-COM-09: ends with a reset of the device', () => {
    const under = held();
    under.block.set('queueReset', 1);
    under.block.set('deviceStatus', 0);
    expect(shown(under)).toEqual([0, 0]);
    under.guest.start(RESET, [0]);
    under.scheduler.releaseAll();
    expect(shown(under)).toEqual([0, 1]);
  });

  it('is carried over in a saved state', () => {
    const under = held();
    under.block.set('queueReset', 1);
    const saved = under.guest.machine.save();
    const fresh = held();
    fresh.guest.machine.load(saved);
    expect(shown(fresh)).toEqual([1, 0]);
    fresh.scheduler.releaseAll();
    expect(shown(fresh)).toEqual([0, 0]);
  });
});
