import { describe, expect, it, test } from 'vitest';
import { type State, StateMismatchError } from '../../src/core/index.ts';
import { type Place, valueAt } from '../properties/support/state-leaves.ts';
import { type Busy, busy, type Change, savedWith, type Values } from './support/saved.ts';

/*
 * Whoever is refused a state has to find what is wrong in it: the error names the place, and what would be right.
 */

const QUEUE: Place = ['queues', 0];
const [SPLIT, PACKED]: readonly Place[] = [
  [...QUEUE, 'split'],
  [...QUEUE, 'packed'],
];
const [FIRST, CHAIN]: readonly Place[] = [
  [...QUEUE, 'inFlight', 0],
  [...QUEUE, 'inFlight', 1],
];
const ACCEPTED: Place = ['features', 'accepted'];
const SUSPENSION: Place = ['status', 'suspension'];

const DOWN = { ready: false, nextAvailable: 0, nextUsed: 0, signalled: 0 };
const SPLIT_DOWN = { ...DOWN, published: 0 };
const about = { what: 'descriptor index', value: 9, descriptor: 9 };
const fault = { clause: 'SPL-DESC-05', message: 'a fault', about };
const held = new Uint8Array(0);

type Row = readonly [of: Busy, place: Place, values: Values, part: string, expected: string];

/** Names in the order in which they are looked at: each is wrong where those before it are right. */
const down = (of: Busy, place: Place, part: string, names: readonly (keyof typeof SPLIT_DOWN)[]) =>
  names.map((name): Row => {
    const values = of === 'packed' ? DOWN : SPLIT_DOWN;
    return [of, place, { ...values, [name]: 1 }, `${part}.${name}`, '0: the queue is not ready'];
  });

const rings: readonly Row[] = [
  ['split', SPLIT!, { size: 3 }, 'queues[0].split.size', 'a power of two'],
  ['split', SPLIT!, { size: 16 }, 'queues[0].split.size', '1..8'],
  ['idle', SPLIT!, { size: 0 }, 'queues[0].split.size', '1..8'],
  ['idle', ['queues', 1, 'split'], { size: 4 }, 'queues[1].split.size', '0: no such queue'],
  ['idle', SPLIT!, { size: 0, ready: true }, 'queues[0].split.ready', 'false: there is no such queue'],
  ...down('split', SPLIT!, 'queues[0].split', ['nextAvailable', 'nextUsed', 'published', 'signalled']),
  ['packed', PACKED!, { size: 9 }, 'queues[0].packed.size', '1..8'],
  [
    'packed',
    PACKED!,
    { ...DOWN, size: 0, ready: true },
    'queues[0].packed.ready',
    'false: there is no such queue',
  ],
  ...down('packed', PACKED!, 'queues[0].packed', ['nextAvailable', 'nextUsed', 'signalled']),
  ['packed', PACKED!, { nextAvailable: 16 }, 'queues[0].packed.nextAvailable', 'a place below 16'],
  ['packed', PACKED!, { nextUsed: 16 }, 'queues[0].packed.nextUsed', 'a place below 16'],
  ['packed', PACKED!, { signalled: 16 }, 'queues[0].packed.signalled', 'a place below 16'],
  ['packed', PACKED!, { nextAvailable: 9 }, 'queues[0].packed.nextAvailable', 'at most 8 after nextUsed, 0'],
  ['packed', PACKED!, { hiddenFlags: 1 }, 'queues[0].packed.hiddenFlags', '0: nothing is hidden'],
  ['packed', PACKED!, { hidden: 8 }, 'queues[0].packed.hidden', 'a descriptor below 8'],
  ['split', QUEUE, { split: null }, 'queues[0].packed', 'one ring, split or packed'],
];

const taken = (count: number) => `${count} of what was taken and not handed back`;

const chains: readonly Row[] = [
  ['split', SPLIT!, SPLIT_DOWN, 'queues[0].inFlight', 'no chains of a queue that is not ready'],
  ['split', SPLIT!, { nextAvailable: 3 }, 'queues[0].inFlight', taken(3)],
  ['split', SPLIT!, { nextAvailable: 1, fault }, 'queues[0].inFlight', taken(1)],
  ['packed', PACKED!, { nextAvailable: 4 }, 'queues[0].inFlight', taken(4)],
  ['packed', PACKED!, { nextAvailable: 2, fault }, 'queues[0].inFlight', taken(2)],
  ['split', CHAIN!, { first: 8 }, 'queues[0].inFlight[1].first', 'a descriptor below 8'],
  ['packed', CHAIN!, { first: 8 }, 'queues[0].inFlight[1].first', 'a descriptor below 8'],
  ['split', CHAIN!, { head: 8 }, 'queues[0].inFlight[1].head', 'a descriptor below 8'],
  ['split', CHAIN!, { head: 2 }, 'queues[0].inFlight[1].first', "the chain's head, 2"],
  ['split', CHAIN!, { span: 2 }, 'queues[0].inFlight[1].span', '1 in a split ring'],
  ['split', CHAIN!, { lows: [0] }, 'queues[0].inFlight[1].lows', 'as many as lengths, 2'],
  ['split', CHAIN!, { highs: [0, 0, 0] }, 'queues[0].inFlight[1].highs', 'as many as lengths, 2'],
  ['split', CHAIN!, { readableCount: 3 }, 'queues[0].inFlight[1].readableCount', 'at most 2'],
  ['split', CHAIN!, { lengths: [0xffffffff, 2] }, 'queues[0].inFlight[1].lengths', 'at most 2^32 bytes'],
  ['inOrder', CHAIN!, { written: 5 }, 'queues[0].inFlight[1].written', 'at most 4'],
  [
    'inOrder',
    CHAIN!,
    { written: 4, request: 1 },
    'queues[0].inFlight[1].request',
    'none of a chain that is done',
  ],
  ['split', CHAIN!, { written: 4 }, 'queues[0].inFlight[1].written', '-1: it is not done'],
  ['inOrder', FIRST!, { written: 4 }, 'queues[0].inFlight[0].written', '-1: it is not done'],
  // The probe takes no request back.
  ['split', CHAIN!, { request: 1 }, 'queues[0].inFlight[1].request', 'null'],
];

const devices: readonly Row[] = [
  ['legacy', ACCEPTED, { 1: 1 }, 'features.accepted[1]', '0: the interface is legacy'],
  ['idle', ACCEPTED, { 0: 1 }, 'features.accepted[0]', '0: the interface is null'],
  ['legacy', ACCEPTED, { 0: 1 }, 'features.accepted[0]', 'features that are offered'],
  ['split', ACCEPTED, { 2: 1 }, 'features.accepted[2]', 'features that are offered'],
  ['split', ['features'], { refused: true }, 'features.refused', 'false once FEATURES_OK stands'],
  [
    'legacy',
    ['features'],
    { settled: true },
    'features.settled',
    'false: a legacy driver sets no FEATURES_OK',
  ],
  [
    'split',
    ['status'],
    { lateReads: 1, shownLate: 1 },
    'status.value',
    'that of a device whose reset is not seen yet: 0',
  ],
  ['idle', ['status'], { lateReads: 1 }, 'status.shownLate', 'what status was before the reset'],
  ['split', ['status'], { broken: true }, 'status.value', 'one with NEEDS_RESET: the device is broken'],
  ['idle', SUSPENSION, { suspended: true }, 'status.value', 'not 0 while the device is suspended'],
  [
    'split',
    SUSPENSION,
    { draining: true, suspended: true },
    'status.suspension.draining',
    'false once it is suspended',
  ],
  ['split', SUSPENSION, { changed: true }, 'status.suspension.changed', 'false while it is not suspended'],
  ['split', SUSPENSION, { suspended: true }, 'config.held', 'true'],
  ['split', ['config'], { held }, 'config.held', 'false'],
  ['split', [], { queueResets: [2] }, 'queueResets[0]', 'a queue after -1, below 2'],
  ['split', [], { queueResets: [1, 1] }, 'queueResets[1]', 'a queue after 1, below 2'],
  ['split', [], { administration: 1 }, 'administration', 'null'],
];

/** A device is as it was, and says why. */
function expectRefused(of: Busy, state: State, part: string, expected: string): void {
  const device = busy[of]();
  const before = device.save();
  const load = () => device.load(state);
  expect(load).toThrow(StateMismatchError);
  expect(load).toThrow(expect.objectContaining({ part: `device virtio-rng.${part}`, expected }));
  expect(device.save()).toEqual(before);
}

describe.each([
  ['ring', rings],
  ['chain', chains],
  ['device', devices],
])('a state that no %s can have', (_, rows) => {
  test.each(rows)('is refused: %s, %j with %j: %s, %s', (of, place, values, part, expected) => {
    expectRefused(of, savedWith(of, [place, values]), part, expected);
  });
});

describe('a state of others', () => {
  const saved = (of: Busy, place: Place) => valueAt(savedWith(of), place) as Values;

  it('is refused, with another ring, with both, with too many chains, with a queue too few', () => {
    const both: Change = [QUEUE, { packed: saved('packed', PACKED!) }];
    const nine = Array.from({ length: 9 }, () => saved('split', FIRST!));
    for (const [of, change, part, expected] of [
      ['split', [QUEUE, saved('packed', QUEUE)], 'queues[0].packed', 'no packed ring'],
      ['packed', [QUEUE, saved('split', QUEUE)], 'queues[0].packed', 'a packed ring'],
      ['split', both, 'queues[0].packed', 'one ring, split or packed'],
      ['split', [QUEUE, { inFlight: nine }], 'queues[0].inFlight', 'at most 8 chains'],
      ['split', [[], { queues: [saved('split', QUEUE)] }], 'queues.length', '2'],
    ] as const)
      expectRefused(of, savedWith(of, change), part, expected);
  });
});

describe('a state at the limits', () => {
  it.each<readonly [Busy, string, Place, Values]>([
    ['split', 'counters that went around', SPLIT!, { nextAvailable: 1, nextUsed: 0xffff }],
    ['split', 'a chain of 2^32 bytes', CHAIN!, { lengths: [0xfffffffc, 4] }],
    ['split', 'a chain of readable bytes only', CHAIN!, { readableCount: 2 }],
    ['split', 'a ring that failed and lost a chain', SPLIT!, { nextAvailable: 3, fault }],
    [
      'split',
      'a fault of a whole ring',
      SPLIT!,
      { fault: { ...fault, about: { ...about, descriptor: null } } },
    ],
    ['inOrder', 'a chain that ended early', CHAIN!, { written: 4 }],
    ['packed', 'as it is, with a queue that is absent', [], {}],
    ['packed', 'places in the second round', PACKED!, { nextAvailable: 2, nextUsed: 15 }],
    ['packed', 'a size that is no power of two', PACKED!, { size: 5 }],
    ['packed', 'something hidden', PACKED!, { hidden: 7, hiddenFlags: 0x8080 }],
    ['packed', 'a ring that failed and lost descriptors', PACKED!, { nextAvailable: 4, fault }],
    ['idle', 'resets of all queues', [], { queueResets: [0, 1] }],
    ['idle', 'a reset that is not seen', ['status'], { lateReads: 1, shownLate: 15 }],
  ])('is taken, and nothing of it is lost: %s, %s', (of, _, place, values) => {
    const state = savedWith(of, [place, values]);
    const device = busy[of]();
    device.load(state);
    expect(device.save()).toEqual(state);
  });

  it('may have its oldest chain done where the ring has failed', () => {
    const state = savedWith('inOrder', [FIRST!, { written: 4 }], [SPLIT!, { fault }]);
    const device = busy.inOrder();
    device.load(state);
    expect(device.save()).toEqual(state);
  });
});
