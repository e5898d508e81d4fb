import { describe, expect, it, test } from 'vitest';
import { TranslatorError } from '../../src/mmr/index.ts';
import { adminOpcode } from '../../src/virtio/index.ts';
import { administered, LEGACY, owner, words } from './admin-support.ts';
import { UP } from './support.ts';

describe('by way of admin, a guest', () => {
  it('sets a queue up, kicks it and is interrupted, with its pin as with a line of its own', () => {
    const { probe, start } = administered();
    const guest = start();
    guest.out(18, 1, 3);
    guest.out(14, 2, 0);
    guest.out(8, 4, 0x10);
    guest.out(18, 1, 7);
    const ring = guest.ring();
    ring.describe(0, { address: 0x80000, length: 1, flags: 2 });
    ring.offer(0);
    guest.out(16, 2, 0);
    probe.finish(1);
    expect([guest.interrupts(), guest.in(19, 1), guest.in(19, 1), ring.usedIndex]).toEqual([[UP], 1, 0, 1]);
    expect(guest.findings()).toEqual([]);
  });

  it('reads its configuration where it has MSI-X off, over the border of two fields too', () => {
    const { start } = administered();
    const guest = start();
    expect([guest.in(20, 4), guest.in(24, 2), guest.in(22, 2), guest.in(26, 2)]).toEqual([
      0x44332211, 0x6655, 0x4433, 0xffff,
    ]);
    guest.out(20, 4, 0xaabbccdd);
    expect([guest.in(20, 1), guest.in(23, 1)]).toEqual([0xdd, 0xaa]);
  });

  it('has answers that come late waited for', () => {
    const { start } = administered({ lateAnswers: true });
    const guest = start();
    guest.out(18, 1, 3);
    expect(guest.in(18, 1)).toBe(3);
  });

  test.each([
    ["the member's BAR", { notify: ['member'] as const }, 1],
    ["the owner's BAR", { notify: ['owner'] as const }, 1],
    ['a command, where the owner names no place', { notify: [] }, 0],
  ])('ADL-23: kicks by %s', (_, legacy, writes) => {
    const { probe, start, hostEvents } = administered({ legacy });
    const guest = start();
    guest.out(14, 2, 0);
    guest.out(8, 4, 0x10);
    guest.out(18, 1, 7);
    const ring = guest.ring();
    ring.describe(0, { address: 0x80000, length: 1, flags: 2 });
    ring.offer(0);
    hostEvents.length = 0;
    guest.out(16, 2, 0);
    const memory = hostEvents.filter((event) => event.kind === 'access' && event.operation === 'write');
    expect([probe.handled, memory.length]).toEqual([['0:0'], Math.max(1, writes)]);
  });
});

describe('an owner that does not do as it should', () => {
  const scripts: readonly (readonly [string, () => readonly number[] | null])[] = [
    ['refuses', () => words(22, 1, 0, 0)],
    ['answers nothing', () => []],
    ['never answers', () => null],
  ];

  it.each(scripts)(
    'ADL-01: %s: the guest reads all ones, its writes go nowhere, and one finding says so',
    (_, script) => {
      let bad = false;
      const under: ReturnType<typeof administered> = administered({
        owner: owner(LEGACY, (seen) =>
          bad ? script() : seen[0]! % 2 === 1 ? words(0, 0, 0, 0, 0, 0) : words(0, 0, 0, 0),
        ),
      });
      const guest = under.start();
      bad = true;
      expect([guest.in(0, 4), guest.in(12, 2)]).toEqual([0xffffffff, 0xffff]);
      guest.out(4, 4, 1);
      expect(guest.findings()).toEqual(['ADL-01']);
    },
  );

  it('has no legacy commands: its members are not presented so', () => {
    const { present } = administered({ owner: owner([], () => words(0, 0)) });
    expect(present).toThrow(TranslatorError);
    expect(present).toThrow(/no legacy commands/);
    expect(adminOpcode.legacyCommonConfigRead).toBe(3);
  });
});
