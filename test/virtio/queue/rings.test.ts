import { describe, expect, test } from 'vitest';
import { Chain } from '../../../src/virtio/index.ts';
import { RawRing } from '../support/ring.ts';
import {
  type BareRing,
  CHAIN,
  EMPTY,
  FAULT,
  FIRST,
  FORMATS,
  type Format,
  formats,
  PARTS,
  SECOND,
  TABLE,
  turn,
  WRITE,
} from './support.ts';

const one = { address: FIRST, length: 1, flags: WRITE };
const away = [{ start: 0, length: 0x1000, write: true }];

describe.each(FORMATS)('a %s ring that is not served', (format) => {
  const nexts = [0, 0x8000].flatMap((wrap) => Array.from({ length: 12 }, (_, i) => wrap + i));
  /** A ring with a buffer in it. */
  const offered = () => {
    const ring = formats[format]({ size: 4, mode: { eventIndex: true } });
    ring.offer([one]);
    return ring;
  };
  const answers = ({ queue }: BareRing) => [
    queue.pop(new Chain()),
    queue.rearm(),
    nexts.every((next) => queue.plausibleNext(next)),
  ];

  test('has answers of its own while it is', () => {
    const ring = offered();
    expect(answers(ring)).toEqual([CHAIN, false, false]);
    ring.offer([one]);
    expect(ring.queue.rearm()).toBe(true);
  });

  test.each<readonly [string, number, (ring: BareRing) => void]>([
    ['set up', EMPTY!, ({ queue }) => void (queue.ready = false)],
    [
      'sound',
      EMPTY!,
      (ring) => {
        turn(ring, 1);
        ring.queue.pop(new Chain());
        ring.spoil();
        expect([ring.queue.pop(new Chain()), ring.queue.fault === null]).toEqual([FAULT, false]);
      },
    ],
    ['in reach', FAULT!, ({ dma }) => dma.setWindows(away)],
  ])('takes nothing, asks for nothing and doubts nothing: not %s', (_, popped, change) => {
    const ring = offered();
    change(ring);
    expect(answers(ring)).toEqual([popped, false, true]);
    const again = offered();
    change(again);
    const before = again.ram.read(PARTS.device, 64);
    expect([again.queue.rearm(), again.ram.read(PARTS.device, 64)]).toEqual([false, before]);
  });
});

describe('how far the driver can have gone (KICK-01)', () => {
  /** Each way to have `held` of `size` in flight and `ahead` offered behind them, after `begin` others. */
  function* states(sizes: readonly number[]) {
    for (const size of sizes)
      for (let begin = 0; begin < 2 * size; begin++)
        for (let held = 0; held <= size; held++)
          for (let ahead = 0; held + ahead <= size; ahead++) yield { size, begin, held, ahead };
  }

  function standing(format: Format, { size, begin, held, ahead }: { [name: string]: number }) {
    const ring = formats[format]({ size: size! });
    turn(ring, begin!);
    for (let i = 0; i < held!; i++) ring.offer([one]);
    for (let i = 0; i < held!; i++) ring.queue.pop(new Chain());
    for (let i = 0; i < ahead!; i++) ring.offer([one]);
    return ring;
  }

  test.each([
    ['split', [1, 2, 4]],
    ['packed', [1, 2, 3, 4]],
  ] as const)('%s: not beyond what is in the ring, nor behind it by more than the ring', (format, sizes) => {
    for (const state of states(sizes)) {
      const { size, begin, held, ahead } = state;
      const { queue, nextAfter } = standing(format, state);
      const [taken, offered] = [begin + held, begin + held + ahead];
      // A packed ring looks back from what it took, a split one from what is in the ring.
      const least = format === 'packed' ? taken - size + 1 : offered - size;
      const may = new Set<number>();
      for (let count = least; count <= offered; count++)
        may.add(nextAfter(format === 'packed' ? count + 2 * size : count));
      const all = [0, 0x8000].flatMap((wrap) => Array.from({ length: 3 * size + 2 }, (_, i) => wrap + i));
      const plausible = all.filter((next) => queue.plausibleNext(next));
      expect({ ...state, plausible }).toEqual({ ...state, plausible: all.filter((next) => may.has(next)) });
    }
  });

  test('packed: not over slots that are in flight, whatever the driver made of them', () => {
    const ring = formats.packed({ size: 2 });
    for (const at of [0, 1]) ring.offer([{ ...one, address: FIRST + at }]);
    for (let i = 0; i < 2; i++) ring.queue.pop(new Chain());
    ring.offer([one]);
    expect([2, 3].map((count) => ring.queue.plausibleNext(ring.nextAfter(count)))).toEqual([true, false]);
  });
});

test.each(FORMATS)('%s: asks for a kick at the place where it stands, in every round', (format) => {
  for (const size of [1, 4])
    for (const eventIndex of [true, false])
      for (let place = 0; place < 4 * size; place++) {
        const ring = formats[format]({ size, mode: { eventIndex } });
        turn(ring, place);
        expect([place, ring.queue.rearm()]).toEqual([place, false]);
        if (eventIndex) expect(ring.event).toBe(ring.nextAfter(place));
        ring.offer([one]);
        expect([place, ring.queue.rearm()]).toEqual([place, true]);
      }
});

describe('where buffers lie', () => {
  // Some of the RAM is out of reach on either side, and there is more within than before it.
  const [START, END] = [0x6000, 0x12000];
  const windows = [
    { start: SECOND, length: 0x8000, write: true },
    { start: START, length: END - START, write: true },
  ];
  const LENGTH = 8;
  const places = [0, 0x1000, FIRST, START - LENGTH, START - 4, START, START + 1, END - LENGTH, END - 4, END]
    // The same halves, below and above 4 GiB.
    .flatMap((place) => [place, place + 2 ** 32]);
  const within = (place: number) => place >= START && place + LENGTH <= END;

  // One chain for all: nothing of the one before may be left in it.
  test.each(
    FORMATS.flatMap((format) =>
      [false, true].map((table) => [format, table ? 'in a table' : 'direct', table] as const),
    ),
  )('%s, %s: each is reached where the function reaches it, and nowhere else', (format, _, table) => {
    const { queue, offer, ram, dma } = formats[format]({ size: 4, windows });
    const chain = new Chain();
    for (const place of places)
      for (const other of [[], [START + 0x100], [place]])
        for (const flags of [0, WRITE!]) {
          ram.fill(FIRST, 0x3000, 1);
          ram.fill(END - LENGTH, LENGTH + 8, 1);
          const all = [...other, place];
          offer(
            all.map((address) => ({ address, length: LENGTH, flags })),
            table,
          );
          expect(queue.pop(chain)).toBe(CHAIN);
          expect(all.map((_, i) => chain.segment(i))).toEqual(
            all.map((address) => ({ address, length: LENGTH, writable: flags === WRITE })),
          );
          const offset = other.length * LENGTH;
          const target = new Uint8Array(LENGTH);
          const before = ram.read(FIRST, 0x10000);
          if (flags === WRITE) {
            expect(chain.write(offset, new Uint8Array(LENGTH).fill(7), 0, LENGTH)).toBe(within(place));
            expect(chain.readWritten(offset, target, 0, LENGTH)).toBe(within(place));
            if (within(place)) before.fill(7, place - FIRST, place - FIRST + LENGTH);
            const last = place + LENGTH - 1;
            const reached = last >= START && last < END;
            expect(chain.writeLast(9)).toBe(reached);
            if (reached) before[last - FIRST] = 9;
            expect(Buffer.compare(ram.read(FIRST, 0x10000), before)).toBe(0);
          } else expect(chain.read(offset, target, 0, LENGTH)).toBe(within(place));
          if (within(place)) expect([...target]).toEqual(Array(LENGTH).fill(flags === WRITE ? 7 : 1));
          expect(dma.find(TABLE, 1, false)?.base).toBe(SECOND);
          queue.push(chain.head, 0, 1, chain.span, false);
          queue.publish();
        }
  });
});

describe('a split ring in any memory', () => {
  const SIZE = 4;
  /** Each area in RAM of its own, which begins at a whole word for the processor, or does not. */
  const memories = Array.from({ length: 8 }, (_, bits) => [bits & 1, (bits >> 1) & 1, bits >> 2]);
  const plain = [0x10000, 0x20000, 0x30000];
  const layouts: readonly (readonly [string, readonly number[], readonly number[], boolean])[] = [
    ...memories.map((odd) => [`odd RAM ${odd.join('')}`, odd, plain, true] as const),
    ...memories.map(
      (odd) => [`odd places ${odd.join('')}`, [0, 0, 0], plain.map((at, i) => at + odd[i]!), true] as const,
    ),
    ['big-endian', [0, 0, 0], plain, false],
  ];

  test.each(layouts)(
    'SPL-AVL-01: takes as much as it is long, and no more: %s',
    (_, odd, places, littleEndian) => {
      const ranges = plain.map((start, i) => {
        const bytes = new Uint8Array(new ArrayBuffer(0x1001), odd[i], 0x1000);
        return { start, bytes };
      });
      const parts = { descriptor: places[0]!, driver: places[1]!, device: places[2]! };
      const ring = formats.split({ size: SIZE, ranges, parts, mode: { littleEndian } });
      const { queue, ram } = ring;
      const driver = new RawRing(ram, SIZE, parts, littleEndian);
      // A third round begins in the middle, and all that is in the ring is taken at once.
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < SIZE; i++) ring.offer([{ address: 0x10100 + i, length: 1 + i, flags: WRITE }]);
        for (let i = 0; i < SIZE; i++) {
          const chain = new Chain();
          expect([queue.pop(chain), chain.segment(0)]).toEqual([
            CHAIN,
            { address: 0x10100 + i, length: 1 + i, writable: true },
          ]);
          queue.push(chain.head, 1 + i, 1, 1, false);
        }
        expect([queue.pop(new Chain()), queue.publish(), driver.used(SIZE)]).toEqual([
          EMPTY,
          true,
          [0, 1, 2, 3].map((i) => [i, 1 + i]),
        ]);
      }
      ring.spoil();
      expect([queue.pop(new Chain()), queue.fault?.clause]).toEqual([FAULT, 'SPL-AVL-01']);
    },
  );
});
