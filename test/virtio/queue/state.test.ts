import { describe, expect, test } from 'vitest';
import { type State, StateMismatchError } from '../../../src/core/index.ts';
import { feature } from '../../../src/virtio/index.ts';
import { packedFault, type RingFault, splitFault } from '../../../src/virtio/queue/faults.ts';
import { checkQueueSizes } from '../../../src/virtio/queue/limits.ts';
import { QueueResets } from '../../../src/virtio/queue/queue-resets.ts';
import {
  checkQueue,
  loadFault,
  packedQueueState,
  queueState,
  saveFault,
  splitQueueState,
} from '../../../src/virtio/queue/state.ts';
import { changed, type Place } from '../../properties/support/state-leaves.ts';
import { ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

/*
 * What the numbers of a saved queue have to do with each other: those that a queue can have are taken, up to the limit, and
 * the others are refused by place and reason.
 */

const chain = (head: number, first: number, span: number) => ({
  head,
  first,
  span,
  written: -1,
  touched: false,
  readableCount: 1,
  lows: [0x8000, 0x9000],
  highs: [0, 1],
  lengths: [16, 512],
  request: null,
});
const ring = { ready: true, addresses: [0x1000, 0, 0x2000, 0, 0x3000, 0], fault: null };
const fault = { clause: 'X', message: 'x', about: { what: 'address', value: 0, descriptor: null } };
const rest = { waiting: false, pending: false };

/** Two of 4 in flight, across the end of the 16 bits. */
const split = queueState.save({
  split: splitQueueState.save({
    ...ring,
    size: 4,
    nextAvailable: 1,
    nextUsed: 65535,
    published: 65535,
    signalled: 3,
  }),
  packed: null,
  inFlight: [chain(1, 1, 1), chain(3, 3, 1)],
  ...rest,
});
/** Three of 6 descriptors in flight, in two chains, across the end of the second round; ids are any numbers. */
const packed = queueState.save({
  split: null,
  packed: packedQueueState.save({
    ...ring,
    size: 6,
    nextAvailable: 1,
    nextUsed: 10,
    signalled: 0,
    hidden: -1,
    hiddenFlags: 0,
  }),
  inFlight: [chain(900, 4, 1), chain(7, 5, 2)],
  ...rest,
});
const none = { ready: false, size: 0, nextAvailable: 0, nextUsed: 0, published: 0, signalled: 0 };
const noPacked = { ready: false, size: 0, nextAvailable: 0, nextUsed: 0, signalled: 0 };

type Kind = keyof typeof kinds;
const kinds = { split, packed };
const MOST = 8;

type Change = readonly [Place, State];
const with_ = (kind: Kind, changes: readonly Change[]) =>
  changes.reduce<State>((state, [place, value]) => changed(state, place, value), kinds[kind]);
/** Several numbers of the ring at once. */
const numbers = (kind: Kind, values: { readonly [name: string]: State }): Change[] =>
  Object.entries(values).map(([name, value]) => [[kind, name], value]);
const noChains: Change = [['inFlight'], []];

const check = (
  kind: Kind,
  changes: readonly Change[],
  most = MOST,
  agreed: { inOrder?: boolean; packed?: boolean } = {},
) => checkQueue(with_(kind, changes), 'q', most, { packed: kind === 'packed', inOrder: false, ...agreed });

const good: readonly [Kind, string, readonly Change[], number?][] = [
  ['split', 'as it is', []],
  ['packed', 'as it is', []],
  ['split', 'of the largest size', numbers('split', { size: 8 }), 8],
  ['packed', 'of the largest size', [], 6],
  ['split', 'that is absent', [...numbers('split', none), noChains], 0],
  ['packed', 'that is absent', [...numbers('packed', noPacked), noChains], 0],
  [
    'split',
    'with all in flight',
    [
      [['split', 'nextAvailable'], 3],
      [['inFlight'], [0, 1, 2, 3].map((i) => chain(i, i, 1))],
    ],
  ],
  [
    'packed',
    'with all in flight',
    [
      [['packed', 'nextAvailable'], 4],
      [['inFlight'], [chain(1, 0, 2), chain(2, 5, 4)]],
    ],
  ],
  [
    'split',
    'that failed and lost one',
    [
      [['split', 'fault'], fault],
      [['inFlight'], [chain(1, 1, 1)]],
    ],
  ],
  [
    'packed',
    'that failed and lost one',
    [
      [['packed', 'fault'], fault],
      [['inFlight'], [chain(1, 1, 1)]],
    ],
  ],
  [
    'split',
    'with all that its buffers hold written',
    [
      [['split', 'fault'], fault],
      [['inFlight', 0, 'written'], 512],
    ],
  ],
];

const bad: readonly [Kind, readonly Change[], part: string, expected: string, most?: number][] = [
  ['split', [], 'split.size', '1..2', 2],
  ['packed', [], 'packed.size', '1..5', 5],
  ['split', [], 'split.size', '0: no such queue', 0],
  ['packed', [], 'packed.size', '0: no such queue', 0],
  ['split', [...numbers('split', none), noChains], 'split.size', '1..8'],
  ['packed', [...numbers('packed', noPacked), noChains], 'packed.size', '1..8'],
  [
    'split',
    [...numbers('split', { ...none, ready: true }), noChains],
    'split.ready',
    'false: there is no such queue',
  ],
  [
    'packed',
    [...numbers('packed', { ...noPacked, ready: true }), noChains],
    'packed.ready',
    'false: there is no such queue',
  ],
  ['split', numbers('split', { size: 6 }), 'split.size', 'a power of two'],
  ['split', numbers('split', { published: 65530 }), 'split.published', 'at most 4 before nextUsed, 65535'],
  ['packed', numbers('packed', { nextAvailable: 5 }), 'packed.nextAvailable', 'at most 6 after nextUsed, 10'],
  ['packed', numbers('packed', { signalled: 12 }), 'packed.signalled', 'a place below 12'],
  ['packed', numbers('packed', { hidden: 6 }), 'packed.hidden', 'a descriptor below 6'],
  ['packed', numbers('packed', { hiddenFlags: 1 }), 'packed.hiddenFlags', '0: nothing is hidden'],
  ...(['nextAvailable', 'nextUsed', 'published', 'signalled'] as const).map((name): (typeof bad)[number] => [
    'split',
    [...numbers('split', { ...none, size: 4, [name]: 1 }), noChains],
    `split.${name}`,
    '0: the queue is not ready',
  ]),
  ['split', [[['packed'], (packed as { packed: State }).packed]], 'packed', 'one ring, split or packed'],
  ['split', [[['inFlight'], [0, 1, 2, 3, 0].map((i) => chain(i, i, 1))]], 'inFlight', 'at most 4 chains'],
  [
    'split',
    [...numbers('split', { ...none, size: 4 })],
    'inFlight',
    'no chains of a queue that is not ready',
  ],
  ['split', [[['inFlight', 1, 'first'], 4]], 'inFlight[1].first', 'a descriptor below 4'],
  ['packed', [[['inFlight', 1, 'first'], 6]], 'inFlight[1].first', 'a descriptor below 6'],
  ['split', [[['inFlight', 1, 'head'], 4]], 'inFlight[1].head', 'a descriptor below 4'],
  ['split', [[['inFlight', 1, 'first'], 2]], 'inFlight[1].first', "the chain's head, 3"],
  ['split', [[['inFlight', 0, 'span'], 2]], 'inFlight[0].span', '1 in a split ring'],
  ['split', [[['inFlight'], [chain(1, 1, 1)]]], 'inFlight', '2 of what was taken and not handed back'],
  ['packed', [[['inFlight', 1, 'span'], 1]], 'inFlight', '3 of what was taken and not handed back'],
  [
    'split',
    [
      [['split', 'fault'], fault],
      [['split', 'nextAvailable'], 0],
    ],
    'inFlight',
    '1 of what was taken and not handed back',
  ],
  [
    'packed',
    [
      [['packed', 'fault'], fault],
      [['inFlight', 1, 'span'], 3],
    ],
    'inFlight',
    '3 of what was taken and not handed back',
  ],
  ['split', [[['inFlight', 0, 'written'], 513]], 'inFlight[0].written', 'at most 512'],
  ['split', [[['inFlight', 0, 'lows'], [1]]], 'inFlight[0].lows', 'as many as lengths, 2'],
  ['split', [[['inFlight', 0, 'highs'], [1]]], 'inFlight[0].highs', 'as many as lengths, 2'],
  ['split', [[['inFlight', 0, 'readableCount'], 3]], 'inFlight[0].readableCount', 'at most 2'],
  [
    'split',
    [
      [
        ['inFlight', 0, 'lengths'],
        [0xffffffff, 2],
      ],
    ],
    'inFlight[0].lengths',
    'at most 2^32 bytes',
  ],
  [
    'split',
    [
      [['inFlight', 0, 'written'], 1],
      [['inFlight', 0, 'request'], 1],
    ],
    'inFlight[0].request',
    'none of a chain that is done',
  ],
  ['split', [[['inFlight', 1, 'written'], 0]], 'inFlight[1].written', '-1: it is not done'],
];

describe('the state of a queue', () => {
  test.each(good)('may have: %s, %s', (kind, _, changes, most) => {
    const inOrder = changes.some(([place]) => place.at(-1) === 'written');
    expect(() => check(kind, changes, most, { inOrder })).not.toThrow();
  });

  test.each(bad)('cannot have: %s, %j: %s, %s', (kind, changes, part, expected, most) => {
    const load = () => check(kind, changes, most);
    expect(load).toThrow(StateMismatchError);
    expect(load).toThrow(expect.objectContaining({ part: `q.${part}`, expected }));
  });

  test.each([
    ['split', true, 'a packed ring'],
    ['packed', false, 'no packed ring'],
  ] as const)('is not taken where the other ring is in use: %s', (kind, other, expected) => {
    expect(() => check(kind, [], MOST, { packed: other })).toThrow(
      expect.objectContaining({ part: 'q.packed', expected }),
    );
  });

  test.each([
    [0, null, false],
    [1, null, true],
    [0, fault, true],
  ] as const)('in order, chain %d may be done, with the fault %j: %s', (index, broken, taken) => {
    const load = () =>
      check(
        'split',
        [
          [['inFlight', index, 'written'], 0],
          [['split', 'fault'], broken],
        ],
        MOST,
        { inOrder: true },
      );
    if (taken) expect(load).not.toThrow();
    else expect(load).toThrow(expect.objectContaining({ part: 'q.inFlight[0].written' }));
  });

  test.each<RingFault>([splitFault.loop(5, 8), packedFault.torn(3), splitFault.tooFarAhead(9, 8)])(
    'keeps what broke its ring: $message',
    (broken) => {
      const saved = JSON.parse(JSON.stringify(saveFault(broken)));
      expect(saved.about.descriptor).toBe(broken.about.descriptor ?? null);
      expect(loadFault(saved)).toEqual(broken);
    },
  );
});

test.each([
  [[1, 1], '[1]', 'a queue after 1, below 4'],
  [[0, 2, 1], '[2]', 'a queue after 2, below 4'],
  [[4], '[0]', 'a queue after -1, below 4'],
])('resets that cannot be under way are refused: %j', (queues, part, expected) => {
  const resets = new QueueResets();
  resets.connect('x', { schedule: () => {} } as never, 4);
  expect(() => resets.check([0, 1, 3], 'r')).not.toThrow();
  expect(() => resets.check(queues, 'r')).toThrow(expect.objectContaining({ part: `r${part}`, expected }));
});

test.each([
  [[], '0 queues: wants 1 to 65535'],
  [new Array<number>(65536).fill(1), '65536 queues: wants 1 to 65535'],
  [[8, 12], 'queue 1 of 12 descriptors: wants a power of two up to 32768, or 0 for no such queue'],
])(
  'queues that no device can have are refused, with the number and what would be right',
  (sizes, message) => {
    expect(() => checkQueueSizes(sizes)).toThrow(message);
  },
);

test.each([[[]], [[feature.ringPacked]]])(
  'a queue that is not there comes back, with the features %j',
  (features) => {
    const make = () =>
      new ModernGuest(new Probe({ queueSizes: [8, 0] }), { transportFeatures: [feature.ringPacked] });
    const before = make();
    before.negotiate(features);
    const after = make();
    after.device.load(before.device.save());
    expect(after.device.save()).toEqual(before.device.save());
  },
);
