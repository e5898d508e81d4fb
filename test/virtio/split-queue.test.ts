import { describe, expect, it, test } from 'vitest';
import { deviceStatus, feature } from '../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';
import type { Descriptor, RawRing } from './support/ring.ts';

const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
const TABLE = 0x90000;
const SIZE = 8;
const INDIRECT_FEATURE = [feature.ringIndirectDescriptors];

const readable = (address: number, length: number, more: Partial<Descriptor> = {}) => ({
  address,
  length,
  ...more,
});
const writable = (address: number, length: number) => ({ address, length, flags: WRITE });

function started(features: readonly number[] = INDIRECT_FEATURE, options: GuestOptions = {}) {
  const probe = new Probe({ queueSizes: [SIZE], complete: 0 });
  const segments: string[] = [];
  probe.onChain = (chain) => {
    for (let i = 0; i < chain.count; i++) {
      const { address, length, writable: w } = chain.segment(i);
      segments.push(`${w ? 'w' : 'r'} ${address.toString(16)}+${length.toString(16)}`);
    }
  };
  const guest = new ModernGuest(probe, options);
  const [ring] = guest.start(features);
  guest.clauses();
  return { probe, guest, ring: ring!, segments };
}

type Break = (ring: RawRing) => void;

/** Every way to break a ring, with the clause that it breaks. */
const faults: readonly [clause: string, how: string, make: Break, features?: readonly number[]][] = [
  ['SPL-AVL-01', 'an index more than the queue ahead', (ring) => void (ring.availableIndex = SIZE + 1)],
  ['SPL-AVL-01', 'an index that went back', (ring) => void (ring.availableIndex = 0xffff)],
  ['SPL-DESC-05', 'a head outside the table', (ring) => ring.offer(SIZE)],
  ['SPL-DESC-05', 'a head far outside the table', (ring) => ring.offer(0xffff)],
  [
    'SPL-DESC-05',
    'a next outside the table',
    (ring) => {
      ring.describe(0, readable(BUFFERS, 1, { flags: NEXT, next: SIZE }));
      ring.offer(0);
    },
  ],
  [
    'SPL-DESC-05',
    'a descriptor that points at itself',
    (ring) => {
      ring.describe(2, readable(BUFFERS, 1, { flags: NEXT, next: 2 }));
      ring.offer(2);
    },
  ],
  [
    'SPL-DESC-05',
    'a loop of the whole table',
    (ring) => {
      for (let i = 0; i < SIZE; i++)
        ring.describe(i, readable(BUFFERS, 1, { flags: NEXT, next: (i + 1) % SIZE }));
      ring.offer(3);
    },
  ],
  [
    'SPL-DESC-05',
    'more than 2^32 bytes',
    (ring) => {
      ring.chain(0, [readable(0, 0xffffffff), writable(0, 2)]);
      ring.offer(0);
    },
  ],
  [
    'SPL-DESC-05',
    'more than 2^32 bytes, by way of a table',
    (ring) => {
      ring.describe(0, writable(0, 2), TABLE);
      ring.chain(0, [readable(0, 0xffffffff), readable(TABLE, 16, { flags: INDIRECT })]);
      ring.offer(0);
    },
  ],
  [
    'SPL-FRM-03',
    'a readable part after a writable one',
    (ring) => {
      ring.chain(0, [readable(BUFFERS, 4), writable(BUFFERS, 4), readable(BUFFERS, 4)]);
      ring.offer(0);
    },
  ],
  [
    'SPL-IND-01',
    'an indirect table without the feature',
    (ring) => {
      ring.describe(0, readable(TABLE, 16, { flags: INDIRECT }));
      ring.offer(0);
    },
    [],
  ],
  [
    'SPL-IND-02',
    'a table in a table',
    (ring) => {
      ring.describe(0, readable(TABLE + 256, 16, { flags: INDIRECT }), TABLE);
      ring.describe(0, readable(TABLE, 16, { flags: INDIRECT }));
      ring.offer(0);
    },
  ],
  [
    'SPL-IND-04',
    'a table with a next descriptor',
    (ring) => {
      ring.describe(0, readable(TABLE, 16, { flags: INDIRECT | NEXT, next: 1 }));
      ring.offer(0);
    },
  ],
  ...[0, 8, 15, 17, 16 * 1025, 0xfffffff0].map((length): (typeof faults)[number] => [
    'SPL-IND-03',
    `a table of ${length} bytes`,
    (ring) => {
      ring.describe(0, readable(TABLE, length, { flags: INDIRECT }));
      ring.offer(0);
    },
  ]),
  [
    'RF-05',
    'a table outside memory',
    (ring) => {
      ring.describe(0, readable(0x8000_0000, 16, { flags: INDIRECT }));
      ring.offer(0);
    },
  ],
  [
    'RF-05',
    'a table that leaves memory',
    (ring) => {
      ring.describe(0, readable(0x100000 - 16, 32, { flags: INDIRECT }));
      ring.offer(0);
    },
  ],
  [
    'SPL-DESC-05',
    'a loop in a table',
    (ring) => {
      for (const i of [0, 1]) ring.describe(i, readable(BUFFERS, 1, { flags: NEXT, next: 1 - i }), TABLE);
      ring.describe(0, readable(TABLE, 32, { flags: INDIRECT }));
      ring.offer(0);
    },
  ],
  [
    'SPL-DESC-05',
    'a next outside a table, inside the queue',
    (ring) => {
      ring.describe(0, readable(BUFFERS, 1, { flags: NEXT, next: 2 }), TABLE);
      ring.describe(0, readable(TABLE, 32, { flags: INDIRECT }));
      ring.offer(0);
    },
  ],
  [
    'SPL-FRM-03',
    'a readable part in a table after a writable one before it',
    (ring) => {
      ring.describe(0, readable(BUFFERS, 1), TABLE);
      ring.chain(0, [writable(BUFFERS, 4), readable(TABLE, 16, { flags: INDIRECT })]);
      ring.offer(0);
    },
  ],
];

describe('a driver that breaks its ring', () => {
  test.each(faults)('%s: %s: NEEDS_RESET, and nothing is used', (_clause, _, breakIt, features) => {
    const { probe, guest, ring } = started(features);
    breakIt(ring);
    guest.kick();
    expect(guest.interrupts()).toEqual(['line 11 up']);
    expect([guest.block.get('deviceStatus') & deviceStatus.needsReset, guest.isr()]).toEqual([64, 2]);
    expect([probe.handled, ring.usedIndex]).toEqual([[], 0]);
    // Nothing more is taken, and a reset mends it.
    ring.availableIndex = 0;
    ring.describe(1, readable(BUFFERS, 1));
    ring.offer(1);
    guest.kick();
    expect(ring.usedIndex).toBe(0);
    guest.block.set('deviceStatus', 0);
    const [again] = guest.start(features);
    again!.availableIndex = 0;
    again!.offer(1);
    guest.kick();
    expect([probe.handled, again!.usedIndex]).toEqual([['0:1'], 1]);
  });

  test.each(faults)('%s: %s: is reported once, with the clause', (clause, _, breakIt, features) => {
    const { guest, ring } = started(features);
    breakIt(ring);
    for (let i = 0; i < 3; i++) guest.kick();
    // And once that nothing more is taken.
    expect(guest.clauses()).toEqual([clause, 'BF-STAT-04']);
  });

  it('hands back what came before the broken chain', () => {
    const { probe, guest, ring } = started();
    ring.describe(0, readable(BUFFERS, 1));
    ring.offer(0, 0, SIZE, 0);
    guest.kick();
    expect([probe.handled, ring.used()]).toEqual([
      ['0:0', '0:0'],
      [
        [0, 0],
        [0, 0],
      ],
    ]);
    expect(guest.clauses()).toEqual(['SPL-DESC-05']);
  });

  const places = [
    ['descriptors outside memory', { descriptor: 0x8000_0000 }],
    ['descriptors across the end of memory', { descriptor: 0x100000 - 16 * (SIZE - 1) }],
    ['the available ring outside memory', { driver: 0x8000_0000 }],
    ['the used ring outside memory', { device: 0x8000_0000 }],
    ['the used ring in memory that may not be written', { device: 0xf0000 }],
    ['descriptors beyond 2^53', { descriptor: 2 ** 63 }],
    ['the used ring at the end of what 64 bits hold', { device: 2 ** 64 - 4096 }],
  ] as const;
  test.each(places)('RF-05: %s', (_, place) => {
    const windows = [
      { start: 0, length: 0xf0000, write: true },
      { start: 0xf0000, length: 0x10000, write: false },
    ];
    const guest = new ModernGuest(new Probe({ queueSizes: [SIZE], complete: 0 }), { windows });
    guest.negotiate();
    guest.setUp(0, undefined, { descriptor: 0x10000, driver: 0x11000, device: 0x12000, ...place });
    guest.block.set('deviceStatus', 0x0f);
    guest.kick();
    expect(guest.clauses()).toEqual(['RF-05', 'BF-STAT-04']);
    expect(guest.block.get('deviceStatus')).toBe(0x4f);
  });
});

describe('a ring in order', () => {
  it('hands a chain over as its segments, readable ones first', () => {
    const { guest, ring, segments } = started();
    ring.chain(2, [readable(0x1000, 16), readable(0x2000, 0), writable(0x3000, 512), writable(0x4000, 1)]);
    ring.offer(2);
    guest.kick();
    expect(segments).toEqual(['r 1000+10', 'r 2000+0', 'w 3000+200', 'w 4000+1']);
    expect(ring.used()).toEqual([[2, 0]]);
    expect(guest.clauses()).toEqual([]);
  });

  it('takes chains as long as the queue, with addresses above 4 GiB, of exactly 2^32 bytes', () => {
    const { guest, ring, segments, probe } = started();
    ring.chain(
      0,
      Array.from({ length: SIZE }, (_, i) => readable(2 ** 40 + i, i === 0 ? 0xffffffff - 6 : 1)),
    );
    ring.offer(0);
    guest.kick();
    expect([probe.handled, segments.length, segments[1]]).toEqual([['0:0'], SIZE, 'r 10000000001+1']);
  });

  it('SPL-IND-06, SPL-IND-07: takes a table at the end of direct descriptors, its own write flag ignored', () => {
    const { guest, ring, segments } = started();
    ring.chain(0, [readable(0x2000, 2), writable(0x3000, 3)], TABLE);
    ring.chain(0, [readable(0x1000, 1), { address: TABLE, length: 32, flags: INDIRECT | WRITE }]);
    ring.offer(0);
    guest.kick();
    expect([segments, guest.clauses()]).toEqual([['r 1000+1', 'r 2000+2', 'w 3000+3'], []]);
  });

  it('SPL-FRM-02: takes tables longer than the queue, as real drivers make them', () => {
    const { guest, ring, segments } = started();
    const entries = 1024;
    ring.chain(
      0,
      Array.from({ length: entries }, (_, i) => readable(0x1000 + i, 1)),
      TABLE,
    );
    ring.describe(5, readable(TABLE, 16 * entries, { flags: INDIRECT }));
    ring.offer(5);
    guest.kick();
    expect([segments.length, segments.at(-1), ring.used()]).toEqual([entries, 'r 13ff+1', [[5, 0]]]);
  });

  it('goes on past index 65535, and around its slots', () => {
    const { guest, ring, probe } = started();
    ring.describe(0, readable(BUFFERS, 1));
    // Every slot names descriptor 0.
    for (let i = 0; i < 0x10000 - SIZE; i += SIZE) {
      ring.availableIndex += SIZE;
      guest.kick();
    }
    expect([ring.usedIndex, probe.handled.length]).toEqual([0x10000 - SIZE, 0x10000 - SIZE]);
    probe.handled.length = 0;
    ring.offer(0, 0, 0);
    ring.describe(6, readable(BUFFERS, 1));
    ring.offer(6, 6, 6, 6, 6);
    expect(ring.availableIndex).toBe(0);
    guest.kick();
    ring.offer(6);
    guest.kick();
    expect([ring.usedIndex, probe.handled.join(' ')]).toEqual([1, '0:0 0:0 0:0 0:6 0:6 0:6 0:6 0:6 0:6']);
    expect(guest.clauses()).toEqual([]);
  });

  it('follows its memory when the function may reach other places', () => {
    const { guest, ring, probe } = started();
    ring.describe(0, readable(BUFFERS, 1));
    ring.offer(0);
    guest.kick();
    const { dma } = guest.function.pci.slot;
    dma.setWindows([{ start: 0, length: 0x20000, write: true }]);
    ring.offer(0);
    guest.kick();
    expect(probe.handled).toHaveLength(2);
    dma.setWindows([{ start: 0x80000, length: 0x20000, write: true }]);
    ring.offer(0);
    guest.kick();
    expect([probe.handled.length, ring.usedIndex]).toEqual([2, 2]);
    expect(guest.clauses()).toEqual(['RF-05']);
  });
});
