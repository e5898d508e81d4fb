import { describe, expect, it, test } from 'vitest';
import { StateMismatchError } from '../../../src/core/index.ts';
import { BalloonDevice } from '../../../src/virtio/index.ts';
import { ALL, F, legacy, modern, move, offer, PAGE, WRITE, words } from '../support/balloon.ts';
import { BUFFERS } from '../support/guests.ts';

describe('the balloon', () => {
  it('keeps the pages that it is given as ranges, and forgets those that it gives back', () => {
    const setup = modern();
    const { device, events, rings } = setup;
    expect(move(setup, 0, [0x22, 0x20, 0x21, 0x30])).toEqual([]);
    expect(device.inflated.ranges()).toEqual([
      { first: 0x20, count: 3 },
      { first: 0x30, count: 1 },
    ]);
    expect(move(setup, 1, [0x21])).toEqual([]);
    expect(device.inflated.ranges()).toEqual([
      { first: 0x20, count: 1 },
      { first: 0x22, count: 1 },
      { first: 0x30, count: 1 },
    ]);
    expect(events).toEqual([
      { kind: 'inflated', pages: 4 },
      { kind: 'deflated', pages: 1 },
    ]);
    expect([rings[0]!.used(), rings[1]!.used()]).toEqual([[[0, 0]], [[0, 0]]]);
  });

  it('reads page numbers in whatever pieces they come', () => {
    const setup = modern();
    setup.guest.machine.ram.write(BUFFERS, words([0x20, 0x21]));
    const pieces = [3, 1, 2, 2].map((length, i) => ({ address: BUFFERS + [0, 3, 4, 6][i]!, length }));
    offer(setup, setup.rings[0]!, 0, pieces);
    expect(setup.device.inflated.ranges()).toEqual([{ first: 0x20, count: 2 }]);
  });

  it('takes page numbers in the order of a big-endian legacy guest', () => {
    const setup = legacy(true);
    expect(move(setup, 0, [0x20], false)).toEqual([]);
    expect(setup.device.inflated.ranges()).toEqual([{ first: 0x20, count: 1 }]);
  });

  it('reports what is wrong with page numbers, and goes on with the rest', () => {
    const setup = modern();
    const last = setup.guest.machine.ram.ranges.at(-1)!.end / PAGE - 1;
    expect(move(setup, 0, [last + 1, 0xffffffff, last, 0x20, 0x20])).toEqual(['RF-05', 'BAL-OP-05']);
    expect(setup.device.inflated.ranges()).toEqual([
      { first: 0x20, count: 1 },
      { first: last, count: 1 },
    ]);
    expect(move(setup, 1, [0x20, 0x20, 0x21])).toEqual(['BAL-OP-09']);
    expect(setup.device.inflated.size).toBe(1);
  });

  test.each([
    [[{ address: BUFFERS, length: 7 }], ['BAL-OP-01'], 1],
    [[{ address: BUFFERS, length: 3 }], ['BAL-OP-01'], 0],
    [[{ address: BUFFERS, length: 4, flags: WRITE }], ['CONF-01', 'BAL-OP-01'], 0],
    [[{ address: 2 ** 40, length: 4 }], ['RF-05'], 0],
  ])('gives back requests of odd shape: %j', (descriptors, clauses, pages) => {
    const setup = modern();
    setup.guest.machine.ram.write(BUFFERS, words([0x20, 0x21]));
    offer(setup, setup.rings[0]!, 0, descriptors);
    expect([setup.guest.clauses(), setup.device.inflated.size, setup.rings[0]!.used()]).toEqual([
      clauses,
      pages,
      [[0, 0]],
    ]);
  });

  it('looks at no more page numbers than there are pages', () => {
    const setup = modern();
    const { ram } = setup.guest.machine;
    const pages = ram.ranges.reduce((sum, { start, end }) => sum + (end - start) / PAGE, 0);
    // The same bytes over and over: page 0, and the last number alone names another page.
    const zeros = { address: 0x70000, length: 0x8000 };
    const count = Math.ceil((4 * pages) / zeros.length);
    ram.write(BUFFERS, words([0x33]));
    offer(setup, setup.rings[0]!, 0, [
      ...Array.from({ length: count }, () => zeros),
      { address: BUFFERS, length: 4 },
    ]);
    expect(setup.guest.clauses()).toEqual(['BAL-OP-01', 'BAL-OP-05']);
    expect(setup.device.inflated.ranges()).toEqual([{ first: 0, count: 1 }]);
  });

  test.each([true, false])(
    'BAL-OP-12: empties inflated pages only where it is to discard (%s)',
    (discard) => {
      const setup = modern({ ...ALL, discard });
      const { ram } = setup.guest.machine;
      ram.fill(0x20 * PAGE, 3 * PAGE, 0x77);
      move(setup, 0, [0x21]);
      const seen = [0x20, 0x21, 0x22].map((page) => new Set(ram.read(page * PAGE, PAGE)));
      expect(seen).toEqual([new Set([0x77]), new Set([discard ? 0 : 0x77]), new Set([0x77])]);
    },
  );

  it('forgets everything at a reset, but for what its host wants', () => {
    const setup = modern();
    setup.device.setTarget(9);
    move(setup, 0, [0x20]);
    setup.guest.block.set('deviceStatus', 0);
    const { device } = setup;
    expect([device.inflated.size, device.actual, device.target, device.poison]).toEqual([0, 0, 9, null]);
  });
});

describe('queues of the balloon', () => {
  test.each([[2], [3], [4]])('number %d is of no use without its feature', (queue) => {
    const setup = modern(ALL, []);
    offer(setup, setup.rings[queue]!, queue, [{ address: 0x20 * PAGE, length: PAGE, flags: WRITE }]);
    expect([setup.guest.clauses(), setup.rings[queue]!.used()]).toEqual([['BF-FEAT-03'], [[0, 0]]]);
    expect([setup.device.reported.size, setup.device.requestStatistics()]).toEqual([0, false]);
  });

  it('are numbered with a gap, or without: the reporting queue is the fourth or the fifth', () => {
    for (const [numbering, queue] of [
      ['specification', 4],
      ['contiguous', 3],
    ] as const) {
      const setup = modern({ freePageReports: true, numbering }, Object.values(F), [0, 1, 2, queue]);
      offer(setup, setup.rings[3]!, queue, [{ address: 0x20 * PAGE, length: PAGE, flags: WRITE }]);
      expect(setup.device.reported.ranges()).toEqual([{ first: 0x20, count: 1 }]);
    }
  });

  it('go on with everything where a saved machine left them', () => {
    const before = modern();
    move(before, 0, [0x20, 0x21]);
    const id = before.device.hints.start();
    before.guest.machine.ram.write(BUFFERS, words([id]));
    offer(before, before.rings[3]!, 3, [{ address: BUFFERS, length: 4 }]);
    const after = modern();
    after.guest.machine.load(before.guest.machine.save());
    expect(after.device.inflated.ranges()).toEqual([{ first: 0x20, count: 2 }]);
    expect([after.device.hints.running, after.device.hints.start()]).toEqual([true, id + 1]);
    expect(() => new BalloonDevice().load({ type: 'block' })).toThrow(StateMismatchError);
  });
});
