import { describe, expect, it, test } from 'vitest';
import { BalloonDevice } from '../../../src/virtio/index.ts';
import { ALL, F, legacy, modern, offer, PAGE, QUEUES, type Setup, WRITE, words } from '../support/balloon.ts';
import { BUFFERS, ModernGuest } from '../support/guests.ts';
import type { Descriptor } from '../support/ring.ts';

describe('free page hints', () => {
  const command = (setup: Setup, id: number, little = true) => {
    setup.guest.machine.ram.write(BUFFERS, words([id], little));
    offer(setup, setup.rings[3]!, 3, [{ address: BUFFERS, length: 4 }]);
    return setup.guest.clauses();
  };
  const hint = (setup: Setup, page: number, count = 1) => {
    offer(setup, setup.rings[3]!, 3, [{ address: page * PAGE, length: count * PAGE, flags: WRITE }]);
    return setup.guest.clauses();
  };

  test.each([
    ['modern', () => modern(), true],
    ['legacy', () => legacy(false), true],
    ['big-endian legacy', () => legacy(true), false],
  ] as const)('LEG-BAL-09: belong to the round whose id a %s driver announced', (_, make, little) => {
    const setup = make();
    const { hints } = setup.device;
    expect(hint(setup, 0x20)).toEqual([]);
    expect(hints.pages.size).toBe(0);
    const first = hints.start();
    expect([first, hints.commandId, hints.running]).toEqual([2, 2, false]);
    expect([command(setup, first, little), hints.running]).toEqual([[], true]);
    hint(setup, 0x20, 3);
    hint(setup, 0x30);
    expect(command(setup, 0, little)).toEqual([]);
    expect([hints.complete, hints.pages.ranges()]).toEqual([
      true,
      [
        { first: 0x20, count: 3 },
        { first: 0x30, count: 1 },
      ],
    ]);
    expect(setup.events).toEqual([
      { kind: 'hinted', pages: 3 },
      { kind: 'hinted', pages: 1 },
      { kind: 'hinted all', commandId: 2 },
    ]);
    hint(setup, 0x40);
    expect(hints.pages.size).toBe(4);
  });

  it('BAL-FPH-03, BAL-FPH-04: under an id that has passed are ignored, and no id comes twice', () => {
    const setup = modern();
    const { hints } = setup.device;
    const first = hints.start();
    command(setup, first);
    hint(setup, 0x20);
    hints.stop();
    hint(setup, 0x21);
    const second = hints.start();
    hint(setup, 0x22);
    expect([second, hints.pages.ranges()]).toEqual([first + 1, [{ first: 0x20, count: 1 }]]);
    expect(command(setup, first)).toEqual(['BAL-FPH-01']);
    hint(setup, 0x23);
    command(setup, second);
    hint(setup, 0x24);
    // Hinting was only stopped: what the driver keeps for its device still counts.
    expect(hints.pages.size).toBe(2);
    hints.done();
    hint(setup, 0x25);
    expect([hints.commandId, hints.pages.size]).toEqual([1, 2]);
    hints.start();
    expect(hints.pages.size).toBe(0);
  });

  it('BAL-FPH-01: are announced once, in four bytes', () => {
    const setup = modern();
    const id = setup.device.hints.start();
    expect([command(setup, id), command(setup, id)]).toEqual([[], ['BAL-FPH-01']]);
    for (const length of [3, 5]) {
      offer(setup, setup.rings[3]!, 3, [{ address: BUFFERS, length }]);
      expect(setup.guest.clauses()).toContain('BAL-FPH-01');
    }
    offer(setup, setup.rings[3]!, 3, [{ address: 2 ** 40, length: 4 }]);
    expect(setup.guest.clauses()).toEqual(['RF-05']);
  });

  it('never change a page', () => {
    const setup = modern({ ...ALL, discard: true });
    const { ram } = setup.guest.machine;
    ram.fill(0x20 * PAGE, PAGE, 0x77);
    command(setup, setup.device.hints.start());
    hint(setup, 0x20);
    expect(new Set(ram.read(0x20 * PAGE, PAGE))).toEqual(new Set([0x77]));
  });
});

describe('reports of free pages', () => {
  const report = (setup: Setup, ...descriptors: Descriptor[]) => {
    offer(setup, setup.rings[4]!, 4, descriptors);
    return setup.guest.clauses();
  };
  const page = (first: number, count = 1): Descriptor => ({
    address: first * PAGE,
    length: count * PAGE,
    flags: WRITE,
  });

  it('are kept, page by page', () => {
    const setup = modern();
    expect(report(setup, page(0x20, 2), page(0x30))).toEqual([]);
    expect(setup.device.reported.ranges()).toEqual([
      { first: 0x20, count: 2 },
      { first: 0x30, count: 1 },
    ]);
    expect([setup.events, setup.rings[4]!.used()]).toEqual([[{ kind: 'reported', pages: 3 }], [[0, 0]]]);
  });

  test.each([
    [Object.values(F), 0xab],
    [[F.pageReporting], 0],
  ])('BAL-FPH-10: are filled with the poison, or emptied, with features %j', (features, value) => {
    const device = new BalloonDevice({ ...ALL, deflateOnOutOfMemory: true, discard: true });
    const guest = new ModernGuest(device);
    guest.negotiate(features);
    guest.machine.memoryWrite(guest.structure(4) + 12, 4, 0xabababab);
    const rings = QUEUES.map((queue) => guest.setUp(queue));
    guest.block.set('deviceStatus', guest.block.get('deviceStatus') | 4);
    guest.machine.ram.fill(0x20 * PAGE, 3 * PAGE, 0x77);
    report({ device, guest, rings, events: [] }, page(0x20), page(0x21));
    const seen = [0x20, 0x21, 0x22].map((each) => [...new Set(guest.machine.ram.read(each * PAGE, PAGE))]);
    expect([seen, rings[4]!.used()]).toEqual([[[value], [value], [0x77]], [[0, 2 * PAGE]]]);
  });

  it('BAL-FPH-09: are of whole pages that there are', () => {
    const setup = modern({ ...ALL, discard: true });
    const last = setup.guest.machine.ram.ranges.at(-1)!.end / PAGE - 1;
    const off = { address: 0x20 * PAGE + 8, length: PAGE, flags: WRITE };
    const short = { address: 0x20 * PAGE, length: 8, flags: WRITE };
    expect(report(setup, off, short, page(0x40))).toEqual(['BAL-FPH-09', 'BAL-FPH-09']);
    expect(report(setup, page(last, 2), page(0x41))).toEqual(['RF-05']);
    expect(setup.device.reported.ranges()).toEqual([
      { first: 0x40, count: 1 },
      { first: last, count: 1 },
    ]);
    // Only what was written from the first byte on counts (SPL-USED-02).
    expect(setup.rings[4]!.used()).toEqual([
      [0, 0],
      [0, PAGE],
    ]);
    expect(report(setup, { address: BUFFERS, length: 4 }, page(0x42))).toEqual(['BAL-FPH-09']);
    expect(setup.device.reported.has(0x42)).toBe(true);
  });

  it('end where more pages are named than there are', () => {
    const setup = modern();
    const pages = setup.guest.machine.ram.ranges.reduce(
      (sum, { start, end }) => sum + (end - start) / PAGE,
      0,
    );
    const count = Math.ceil(pages / 64) + 1;
    expect(report(setup, ...Array.from({ length: count }, () => page(0x10, 64)))).toEqual(['BAL-FPH-09']);
    expect(setup.events).toEqual([{ kind: 'reported', pages }]);
  });
});
