import {
  anyState,
  type Expect,
  expectAt,
  FOUR_GIB,
  flag,
  group,
  integer,
  list,
  optional,
  record,
  type State,
  text,
  u16,
  u32,
  upTo,
  type ValueOf,
  words,
} from '../../core/index.ts';
import { MAX_QUEUE_SIZE, packedDistance } from '../layout/index.ts';
import { NOT_DONE } from './chain.ts';
import type { RingFault } from './faults.ts';
import { MAX_INDIRECT } from './virtqueue.ts';

/** Addresses of 64 bits are inexact above 2^53, and said all the same. */
const ANY_ADDRESS = 2 ** 64;

const ringFaultState = group({
  clause: text(),
  message: text(),
  about: group({ what: text(), value: integer(0, ANY_ADDRESS), descriptor: optional(u16) }),
});
type SavedFault = ValueOf<typeof ringFaultState>;

export const saveFault = (fault: RingFault | null): SavedFault | null =>
  fault === null ? null : { ...fault, about: { ...fault.about, descriptor: fault.about.descriptor ?? null } };

export function loadFault(saved: SavedFault | null): RingFault | null {
  if (saved === null) return null;
  const { what, value, descriptor } = saved.about;
  return { ...saved, about: { what, value, ...(descriptor === null ? {} : { descriptor }) } };
}

const ring = {
  size: upTo(MAX_QUEUE_SIZE),
  ready: flag,
  addresses: words(6),
  fault: optional(ringFaultState),
};

export const splitQueueState = record(
  'split-queue',
  1,
  { ...ring, nextAvailable: u16, nextUsed: u16, published: u16, signalled: u16 },
  {
    relate({ size, ready, nextAvailable, nextUsed, published, signalled }, expect) {
      expect((size & (size - 1)) === 0, 'size', size, 'a power of two');
      expect(!ready || size > 0, 'ready', ready, 'false: there is no such queue');
      relateIdle(ready, { nextAvailable, nextUsed, published, signalled }, expect);
      const hidden = (nextUsed - published) & 0xffff;
      expect(hidden <= size, 'published', published, `at most ${size} before nextUsed, ${nextUsed}`);
    },
  },
);

/** A queue that is not ready begins at 0. */
function relateIdle(ready: boolean, places: { readonly [name: string]: number }, expect: Expect): void {
  for (const [name, at] of Object.entries(places))
    expect(ready || at === 0, name, at, '0: the queue is not ready');
}

const place = upTo(2 * MAX_QUEUE_SIZE - 1);

/** Descriptors of a packed ring that were taken and not handed back; an absent queue has one place, as it is saved. */
const takenOf = (nextUsed: number, nextAvailable: number, size: number) =>
  packedDistance(nextUsed, nextAvailable, Math.max(1, size));

export const packedQueueState = record(
  'packed-queue',
  1,
  {
    ...ring,
    nextAvailable: place,
    nextUsed: place,
    signalled: place,
    hidden: integer(-1, MAX_QUEUE_SIZE - 1),
    hiddenFlags: u16,
  },
  {
    relate({ size, ready, nextAvailable, nextUsed, signalled, hidden, hiddenFlags }, expect) {
      relateIdle(ready, { nextAvailable, nextUsed, signalled }, expect);
      expect(hidden >= 0 || hiddenFlags === 0, 'hiddenFlags', hiddenFlags, '0: nothing is hidden');
      const places = Math.max(1, 2 * size);
      for (const [name, at] of Object.entries({ nextAvailable, nextUsed, signalled }))
        expect(at < places, name, at, `a place below ${places}`);
      expect(hidden < Math.max(1, size), 'hidden', hidden, `a descriptor below ${size}`);
      expect(!ready || size > 0, 'ready', ready, 'false: there is no such queue');
      const taken = takenOf(nextUsed, nextAvailable, size);
      expect(taken <= size, 'nextAvailable', nextAvailable, `at most ${size} after nextUsed, ${nextUsed}`);
    },
  },
);

/** The longest chain: a ring's descriptors, and those of one indirect table. */
const MAX_CHAIN = MAX_QUEUE_SIZE + MAX_INDIRECT;

const sumOf = (lengths: readonly number[]) => lengths.reduce((sum, each) => sum + each, 0);

export const chainState = group(
  {
    head: u16,
    first: u16,
    span: integer(1, MAX_QUEUE_SIZE),
    /** Bytes written of a chain that waits for others to be handed back. */
    written: integer(NOT_DONE, FOUR_GIB - 1),
    touched: flag,
    readableCount: upTo(MAX_CHAIN),
    lows: list(u32, { least: 1, most: MAX_CHAIN }),
    highs: list(u32, { least: 1, most: MAX_CHAIN }),
    lengths: list(u32, { least: 1, most: MAX_CHAIN }),
    /** What the device made of it: nothing yet, or what the device type's own record says. */
    request: anyState,
  },
  ({ readableCount, lows, highs, lengths, written, request }, expect) => {
    const count = lengths.length;
    expect(lows.length === count, 'lows', lows, `as many as lengths, ${count}`);
    expect(highs.length === count, 'highs', highs, `as many as lengths, ${count}`);
    expect(readableCount <= count, 'readableCount', readableCount, `at most ${count}`);
    expect(sumOf(lengths) <= FOUR_GIB, 'lengths', lengths, 'at most 2^32 bytes');
    const room = sumOf(lengths.slice(readableCount));
    expect(written <= room, 'written', written, `at most ${room}`);
    expect(written === NOT_DONE || request === null, 'request', request, 'none of a chain that is done');
  },
);

/** A chain in flight as plain data: used elements may have taken the place of its descriptors. */
export type SavedChain = ValueOf<typeof chainState>;

export const queueState = record(
  'queue',
  1,
  {
    split: optional(splitQueueState),
    packed: optional(packedQueueState),
    inFlight: list(chainState, { most: MAX_QUEUE_SIZE }),
    /** A kick came while DMA was off. */
    waiting: flag,
    /** A kick is to be served. */
    pending: flag,
  },
  {
    relate({ split, packed, inFlight }, expect) {
      expect((split === null) !== (packed === null), 'packed', packed, 'one ring, split or packed');
      const { size, ready, fault, nextAvailable, nextUsed } = split ?? packed!;
      expect(inFlight.length <= size, 'inFlight', inFlight.length, `at most ${size} chains`);
      expect(
        ready || inFlight.length === 0,
        'inFlight',
        inFlight.length,
        'no chains of a queue that is not ready',
      );
      for (const [i, chain] of inFlight.entries()) {
        expect(chain.first < size, `inFlight[${i}].first`, chain.first, `a descriptor below ${size}`);
        if (split !== null) relateSplit(chain, i, size, expect);
      }
      // What was taken and not handed back: a ring that fails may have lost some of it.
      const [spans, taken] =
        packed === null
          ? [inFlight.length, (nextAvailable - nextUsed) & 0xffff]
          : [sumOf(inFlight.map(({ span }) => span)), takenOf(nextUsed, nextAvailable, size)];
      const fits = fault === null ? spans === taken : spans <= taken;
      expect(fits, 'inFlight', spans, `${taken} of what was taken and not handed back`);
    },
  },
);

type SavedQueue = ValueOf<typeof queueState>;

function relateSplit({ head, first, span }: SavedChain, i: number, size: number, expect: Expect): void {
  expect(head < size, `inFlight[${i}].head`, head, `a descriptor below ${size}`);
  expect(first === head, `inFlight[${i}].first`, first, `the chain's head, ${head}`);
  expect(span === 1, `inFlight[${i}].span`, span, '1 in a split ring');
}

/** How a queue works in a state. */
export interface AgreedMode {
  readonly packed: boolean;
  readonly inOrder: boolean;
  /** @throws StateMismatchError for what the device cannot have made of a chain; null stands for nothing. */
  request?(request: State, path: string): void;
}

/**
 * @param most descriptors that the queue offers; 0 for one that is absent.
 * @throws StateMismatchError for a state that such a queue cannot have.
 */
export function checkQueue(state: State, path: string, most: number, agreed: AgreedMode): SavedQueue {
  const saved = queueState.parse(state, path);
  const expect = expectAt(path);
  const { packed, inOrder } = agreed;
  const wanted = packed ? 'a packed ring' : 'no packed ring';
  expect((saved.packed !== null) === packed, 'packed', saved.packed, wanted);
  const { size, fault } = saved.split ?? saved.packed!;
  const fits = size <= most && (size > 0 || most === 0);
  expect(fits, packed ? 'packed.size' : 'split.size', size, most === 0 ? '0: no such queue' : `1..${most}`);
  for (const [i, { request, written }] of saved.inFlight.entries()) {
    const at = `inFlight[${i}]`;
    // In order, and behind one that is not done, unless the ring has failed.
    const mayBeDone = inOrder && (i > 0 || fault !== null);
    expect(written === NOT_DONE || mayBeDone, `${at}.written`, written, `${NOT_DONE}: it is not done`);
    if (written === NOT_DONE) agreed.request?.(request, `${path}.${at}.request`);
  }
  return saved;
}
