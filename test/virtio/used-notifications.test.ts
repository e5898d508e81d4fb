import { describe, expect, it, test } from 'vitest';
import { feature } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import type { RawRing } from './support/ring.ts';

const SIZE = 8;
const EVENT_INDEX = [feature.ringEventIndex];

/** A queue whose chains wait until the test completes them; the interrupt was taken, nothing is pending. */
function held(features: readonly number[]) {
  const probe = new Probe({ queueSizes: [SIZE] });
  const guest = new ModernGuest(probe);
  const ring = guest.start(features)[0]!;
  ring.describe(0, { address: BUFFERS, length: 1 });
  return { probe, guest, ring };
}

/** Offers `count` chains and completes them in one go. @returns whether that interrupted. */
function use({ guest, ring, probe }: ReturnType<typeof held>, count: number): boolean {
  guest.interrupts();
  guest.isr();
  ring.offer(...Array<number>(count).fill(0));
  // Completed while the kick is being served, chains are published together.
  probe.onChain = (chain) => {
    if (probe.handled.length % count !== 0) return;
    probe.taken.push(chain);
    while (probe.taken.length > 0) probe.finish();
  };
  guest.kick();
  probe.taken.length = 0;
  return guest.interrupts().includes('line 11 up');
}

/** Brings the used index to `index` by using chains in full queues, then one by one. */
function advance(under: ReturnType<typeof held>, index: number): void {
  const { ring, guest, probe } = under;
  probe.onChain = () => {};
  while (ring.usedIndex !== index) {
    const step = ((index - ring.usedIndex) & 0xffff) >= SIZE ? SIZE : 1;
    ring.availableIndex = (ring.availableIndex + step) & 0xffff;
    guest.kick();
    while (probe.taken.length > 0) probe.finish();
  }
  probe.handled.length = 0;
}

describe('interrupts for used buffers', () => {
  test.each([
    ['SPL-UNS-08: flags 0', 0, true],
    ['SPL-UNS-07: flags 1', 1, false],
    ['only bit 0 counts', 0xfffe, true],
    ['SPL-UNS-07: every flag', 0xffff, false],
  ])('%s', (_, flags, interrupts) => {
    const under = held([]);
    under.ring.availableFlags = flags;
    under.ring.usedEvent = 0x1234;
    expect(use(under, 1)).toBe(interrupts);
    expect(under.ring.usedFlags).toBe(0);
  });

  it('SPL-UNS-06: without EVENT_IDX used_event does not matter', () => {
    const under = held([]);
    for (const event of [0, 1, 5, 0xffff]) {
      under.ring.usedEvent = event;
      expect(use(under, 1)).toBe(true);
    }
  });

  it('SPL-UNS-09: with EVENT_IDX the flags do not matter', () => {
    const under = held(EVENT_INDEX);
    under.ring.availableFlags = 1;
    expect(use(under, 1)).toBe(true);
    under.ring.availableFlags = 0;
    under.ring.usedEvent = 5;
    expect(use(under, 1)).toBe(false);
  });

  // SPL-UNS-10, SPL-UNS-11: exactly when the entry at used_event is among those just used.
  const crossings: readonly [before: number, count: number, event: number, interrupts: boolean][] = [
    [0, 1, 0, true],
    [0, 1, 1, false],
    [0, 1, 0xffff, false],
    [3, 1, 3, true],
    [3, 1, 2, false],
    [3, 1, 4, false],
    [3, 4, 3, true],
    [3, 4, 5, true],
    [3, 4, 6, true],
    [3, 4, 7, false],
    [3, 4, 2, false],
    [0xfffe, 1, 0xfffe, true],
    [0xfffe, 4, 0xffff, true],
    [0xfffe, 4, 0, true],
    [0xfffe, 4, 1, true],
    [0xfffe, 4, 2, false],
    [0xfffe, 4, 0xfffd, false],
    [0xffff, 1, 0xffff, true],
    [0xffff, 1, 0, false],
    [0xffff, 8, 6, true],
    [0xffff, 8, 7, false],
  ];
  describe.each([0, 3, 0xfffe, 0xffff])('EVENT_IDX from used index %d', (before) => {
    const under = held(EVENT_INDEX);
    const rows = crossings.filter(([start]) => start === before);
    it.each(rows)('(%d) %d more with used_event %d interrupt: %s', (_, count, event, interrupts) => {
      under.guest.block.set('deviceStatus', 0);
      under.ring.availableIndex = 0;
      under.guest.machine.ram.fill(under.ring.parts.device, 4, 0);
      under.guest.start(EVENT_INDEX);
      advance(under, before);
      under.ring.usedEvent = event;
      expect(use(under, count)).toBe(interrupts);
      expect(under.ring.usedIndex).toBe((before + count) & 0xffff);
    });
  });

  it('SPL-UNS-11: the first buffer of a queue is no exception', () => {
    const under = held(EVENT_INDEX);
    under.ring.usedEvent = 2;
    expect([use(under, 1), use(under, 1), use(under, 1), use(under, 1)]).toEqual([false, false, true, false]);
  });

  it('SPL-USED-01: several completions in one go are one step of the used index and one interrupt', () => {
    const under = held([]);
    const steps: number[] = [];
    under.guest.function.pci.slot.dma.observer = (address) => {
      if (address === under.ring.parts.device + 2) steps.push(under.ring.usedIndex);
    };
    use(under, 5);
    expect([steps, under.ring.usedIndex]).toEqual([[0], 5]);
  });
});

describe('kicks that the device asks for', () => {
  it('SPL-ANS-06, SPL-ANS-10: avail_event is the next entry, used flags stay 0', () => {
    const under = held(EVENT_INDEX);
    for (const expected of [1, 2, 3]) {
      use(under, 1);
      expect([under.ring.availEvent, under.ring.usedFlags]).toEqual([expected, 0]);
    }
    use(under, 4);
    expect(under.ring.availEvent).toBe(7);
  });

  it('SPL-ANS-02: without EVENT_IDX avail_event is left alone', () => {
    const under = held([]);
    use(under, 3);
    expect(under.ring.availEvent).toBe(0);
  });

  it('an entry added while the device asks for a kick is taken without one', () => {
    const under = held(EVENT_INDEX);
    const { ring, guest, probe } = under;
    guest.function.pci.slot.dma.observer = (address) => {
      if (address === ring.parts.device + 4 + 8 * SIZE && probe.handled.length === 1) ring.offer(0);
    };
    ring.offer(0);
    guest.kick();
    expect(probe.handled).toHaveLength(2);
  });
});

describe('NOTIFY_ON_EMPTY', () => {
  const NOTIFY = 1 << feature.notifyOnEmpty;
  const EVENTS = 1 << feature.ringEventIndex;

  /** Suppresses interrupts in the way that the features call for. */
  const suppress = (ring: RawRing) => {
    ring.availableFlags = 1;
    ring.usedEvent = 0x7000;
  };

  test.each([
    ['LEG-RF-02: interrupts when the queue ran dry in spite of the flag', NOTIFY, true, true],
    ['LEG-RF-02: interrupts when it ran dry in spite of used_event', NOTIFY | EVENTS, true, true],
    ['does not while an entry is left', NOTIFY, false, false],
    ['does not while an entry is left, with EVENT_IDX', NOTIFY | EVENTS, false, false],
    ['does not when it was not accepted', 0, true, false],
  ] as const)('%s', (_, features, dry, interrupts) => {
    const probe = new Probe({ queueSizes: [SIZE] });
    const guest = new LegacyGuest(probe);
    const ring = guest.start(features)[0]!;
    ring.describe(0, { address: BUFFERS, length: 1 });
    suppress(ring);
    ring.offer(0);
    guest.kick();
    if (!dry) ring.offer(0);
    guest.interrupts();
    probe.finish();
    expect([guest.interrupts().includes('line 11 up'), ring.usedIndex]).toEqual([interrupts, 1]);
  });
});
