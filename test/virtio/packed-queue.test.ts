import { describe, expect, it, test } from 'vitest';
import { deviceStatus, feature } from '../../src/virtio/index.ts';
import { interruptsIn } from '../pci/support.ts';
import { BUFFERS, type GuestOptions, ModernGuest } from './support/guests.ts';
import { type Element, RawPackedRing } from './support/packed-ring.ts';
import { Probe } from './support/probe.ts';
import { legacyParts, RawRing } from './support/ring.ts';

const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
const TABLE = 0x90000;
const SIZE = 6;
const MAX_SIZE = 8;
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12010 };
const INDIRECT_FEATURE = [feature.ringIndirectDescriptors];
const OFFERED = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringPacked,
  feature.inOrder,
];

const readable = (address: number, length: number, flags = 0): Element => ({ address, length, flags });
const writable = (address: number, length: number): Element => ({ address, length, flags: WRITE });
const one = writable(BUFFERS, 1);

interface Setting extends GuestOptions {
  readonly features?: readonly number[];
  readonly size?: number;
  readonly parts?: Partial<typeof PARTS>;
  /** Completes each chain at once with that many bytes; null leaves them to the test. */
  readonly complete?: number | null;
}

function started(setting: Setting = {}) {
  const { features = INDIRECT_FEATURE, size = SIZE, complete = 0 } = setting;
  const probe = new Probe({ queueSizes: [MAX_SIZE], ...(complete === null ? {} : { complete }) });
  const segments: string[] = [];
  probe.onChain = (chain) => {
    for (let i = 0; i < chain.count; i++) {
      const { address, length, writable: w } = chain.segment(i);
      segments.push(`${w ? 'w' : 'r'} ${address.toString(16)}+${length.toString(16)}`);
    }
  };
  const guest = new ModernGuest(probe, { transportFeatures: OFFERED, ...setting });
  const parts = { ...PARTS, ...setting.parts };
  const begin = () => {
    guest.machine.ram.fill(PARTS.descriptor, 16 * MAX_SIZE, 0);
    guest.negotiate([...features, feature.ringPacked]);
    guest.setUp(0, size, parts);
    guest.block.set('deviceStatus', 0x0f);
    return new RawPackedRing(guest.machine.ram, size, parts);
  };
  const ring = begin();
  return { probe, guest, ring, segments, begin };
}

type Ring = RawPackedRing;

/** Every way to break a ring, with the clause that it breaks. */
const faults: readonly [
  clause: string,
  how: string,
  make: (ring: Ring) => void,
  features?: readonly number[],
][] = [
  [
    'PKD-SG-02',
    'a list longer than the queue',
    (ring) => {
      for (let i = 0; i < SIZE; i++) ring.describe(i, { ...one, id: 0, flags: 0x80 | WRITE | NEXT });
    },
  ],
  [
    'PKD-LAY-01',
    'a list whose second descriptor is not available',
    (ring) => ring.describe(0, { ...one, id: 0, flags: 0x80 | WRITE | NEXT }),
  ],
  [
    'PKD-LAY-01',
    'a list whose second descriptor bears the wrong wrap counter',
    (ring) => {
      ring.describe(1, { ...one, id: 0, flags: 0x8000 | WRITE });
      ring.describe(0, { ...one, id: 0, flags: 0x80 | WRITE | NEXT });
    },
  ],
  [
    'PKD-SG-03',
    'a readable element after a writable one',
    (ring) => ring.offer(0, readable(BUFFERS, 4), one, readable(BUFFERS, 4)),
  ],
  ['PKD-SG-01', 'more than 2^32 bytes', (ring) => ring.offer(0, readable(0, 0xffffffff), writable(0, 2))],
  [
    'PKD-SG-01',
    'more than 2^32 bytes, in a table',
    (ring) => {
      ring.describe(0, { address: 0, length: 0xffffffff, id: 0, flags: 0 }, TABLE);
      ring.describe(1, { address: 0, length: 2, id: 0, flags: 0 }, TABLE);
      ring.offer(0, readable(TABLE, 32, INDIRECT));
    },
  ],
  [
    'PKD-IND-01',
    'an indirect table without the feature',
    (ring) => ring.offer(0, readable(TABLE, 16, INDIRECT)),
    [],
  ],
  [
    'PKD-IND-04',
    'a table with a descriptor after it',
    (ring) => ring.offer(0, readable(TABLE, 16, INDIRECT), readable(BUFFERS, 1)),
  ],
  [
    'PKD-IND-04',
    'a table after another descriptor',
    (ring) => ring.offer(0, readable(BUFFERS, 1), readable(TABLE, 16, INDIRECT)),
  ],
  ...[0, 8, 15, 17, 16 * 1025, 0xfffffff0].map((length): (typeof faults)[number] => [
    'PKD-IND-03',
    `a table of ${length} bytes`,
    (ring) => ring.offer(0, readable(TABLE, length, INDIRECT)),
  ]),
  ['RF-05', 'a table outside memory', (ring) => ring.offer(0, readable(0x8000_0000, 16, INDIRECT))],
  ['RF-05', 'a table that leaves memory', (ring) => ring.offer(0, readable(0x100000 - 16, 32, INDIRECT))],
  [
    'PKD-SG-03',
    'a readable element after a writable one in a table',
    (ring) => {
      ring.describe(0, { ...one, id: 0, flags: WRITE }, TABLE);
      ring.describe(1, { ...one, id: 0, flags: 0 }, TABLE);
      ring.offer(0, readable(TABLE, 32, INDIRECT));
    },
  ],
];

describe('a driver that breaks its packed ring', () => {
  test.each(faults)(
    '%s: %s: NEEDS_RESET, reported once, and nothing is used',
    (clause, _, breakIt, features) => {
      const { probe, guest, ring, begin } = started(features === undefined ? {} : { features });
      breakIt(ring);
      const before = ring.at(0);
      for (let i = 0; i < 3; i++) guest.kick();
      const events = [...guest.events];
      expect([guest.clauses(), interruptsIn(events)]).toEqual([[clause, 'BF-STAT-04'], ['line 11 up']]);
      expect([guest.block.get('deviceStatus') & deviceStatus.needsReset, guest.isr()]).toEqual([64, 2]);
      expect([probe.handled, ring.at(0)]).toEqual([[], before]);
      guest.block.set('deviceStatus', 0);
      const again = begin();
      again.offer(5, one);
      guest.kick();
      expect([probe.handled, again.used(0)]).toEqual([['0:5'], [5, 0]]);
      expect(guest.clauses()).toEqual([]);
    },
  );

  it('PKD-DESC-05: takes nothing from a slot that it has not given back', () => {
    const { probe, guest, ring } = started({ complete: null });
    for (let i = 0; i < SIZE; i++) ring.offer(i, one);
    guest.kick();
    ring.offer(9, one);
    guest.kick();
    expect([probe.handled.length, guest.clauses()]).toEqual([SIZE, ['PKD-DESC-05']]);
  });

  it('PKD-SG-05: takes no list that runs into slots that it has not given back', () => {
    const { probe, guest, ring } = started({ complete: null });
    for (let i = 0; i < SIZE - 1; i++) ring.offer(i, one);
    guest.kick();
    ring.offer(9, one, one);
    guest.kick();
    expect([probe.handled.length, guest.clauses()]).toEqual([SIZE - 1, ['PKD-SG-05']]);
  });

  it('hands back what came before the broken list', () => {
    const { probe, guest, ring } = started();
    ring.offer(3, one);
    ring.offer(4, one);
    ring.offer(5, one, readable(BUFFERS, 1));
    guest.kick();
    expect([probe.handled, ring.used(0), ring.used(1), guest.clauses()]).toEqual([
      ['0:3', '0:4'],
      [3, 0],
      [4, 0],
      ['PKD-SG-03'],
    ]);
  });

  test.each([
    ['descriptors outside memory', { descriptor: 0x8000_0000 }],
    ['descriptors across the end of memory', { descriptor: 0x100000 - 16 * (SIZE - 1) }],
    ['descriptors in memory that may not be written', { descriptor: 0xf0000 }],
    ['the driver area outside memory', { driver: 0x8000_0000 }],
    ['the device area in memory that may not be written', { device: 0xf0000 }],
    ['descriptors beyond 2^53', { descriptor: 2 ** 63 }],
    ['the device area at the end of what 64 bits hold', { device: 2 ** 64 - 4096 }],
  ])('RF-05: %s', (_, parts) => {
    const windows = [
      { start: 0, length: 0xf0000, write: true },
      { start: 0xf0000, length: 0x10000, write: false },
    ];
    const { guest } = started({ windows, parts });
    guest.kick();
    expect(guest.clauses()).toEqual(['RF-05', 'BF-STAT-04']);
    expect(guest.block.get('deviceStatus')).toBe(0x4f);
  });

  it('RF-05: completing into a ring that went out of reach breaks the device, and writes nothing', () => {
    const { guest, ring, probe } = started({ complete: null });
    ring.offer(1, one);
    guest.kick();
    guest.function.pci.slot.dma.setWindows([{ start: 0x80000, length: 0x1000, write: true }]);
    probe.finish(1);
    expect([ring.used(0), guest.clauses()]).toEqual([null, ['RF-05']]);
  });
});

describe('a packed ring in order', () => {
  it('PKD-DESC-03: has nothing in it while it is zero', () => {
    const { probe, guest } = started();
    guest.kick();
    expect([probe.handled, guest.clauses()]).toEqual([[], []]);
  });

  it('hands a list over as its segments, readable ones first, and skips its other descriptors', () => {
    const { guest, ring, segments } = started({ complete: 7 });
    ring.offer(0xfffe, readable(0x1000, 16), readable(0x2000, 0), writable(0x3000, 512), writable(0x4000, 1));
    ring.offer(1, writable(BUFFERS, 7));
    guest.kick();
    expect(segments).toEqual([
      'r 1000+10',
      'r 2000+0',
      'w 3000+200',
      'w 4000+1',
      `w ${BUFFERS.toString(16)}+7`,
    ]);
    // AVAIL, USED and WRITE; the second list's place is the fifth.
    expect(ring.at(0)).toEqual({ address: 0x1000, length: 7, id: 0xfffe, flags: 0x8082 });
    expect([ring.at(1).flags, ring.used(4), guest.clauses()]).toEqual([0x81, [1, 7], []]);
  });

  it('says by WRITE whether it wrote anything', () => {
    const { guest, ring } = started({ complete: 0 });
    ring.offer(0, one);
    guest.kick();
    expect(ring.at(0)).toMatchObject({ length: 0, flags: 0x8080 });
  });

  it('takes lists as long as the queue, with addresses above 4 GiB, of exactly 2^32 bytes', () => {
    const { guest, ring, segments } = started();
    const list = Array.from({ length: SIZE }, (_, i) =>
      readable(2 ** 40 + i, i === 0 ? 2 ** 32 - (SIZE - 1) : 1),
    );
    ring.offer(2, ...list);
    guest.kick();
    expect([segments.length, segments[1], ring.used(0)]).toEqual([SIZE, 'r 10000000001+1', [2, 0]]);
  });

  it('PKD-IND-05: takes tables; their other flags and ids do not count, nor WRITE in what refers to them', () => {
    const { guest, ring, segments } = started();
    const stray = NEXT | INDIRECT | 0x8080;
    ring.describe(0, { ...readable(0x1000, 1), id: 99, flags: stray }, TABLE);
    ring.describe(1, { ...readable(0x2000, 2), id: 98, flags: stray | WRITE }, TABLE);
    ring.describe(2, { ...readable(0x3000, 3), id: 97, flags: WRITE }, TABLE);
    ring.offer(3, readable(TABLE, 48, INDIRECT | WRITE));
    ring.offer(4, one);
    guest.kick();
    expect(segments.slice(0, 3)).toEqual(['r 1000+1', 'w 2000+2', 'w 3000+3']);
    expect([ring.used(0), ring.used(1), guest.clauses()]).toEqual([[3, 0], [4, 0], []]);
  });

  it('takes tables longer than the queue', () => {
    const { guest, ring, segments } = started();
    for (let i = 0; i < 1024; i++) ring.describe(i, { ...readable(0x1000 + i, 1), id: 0, flags: 0 }, TABLE);
    ring.offer(5, readable(TABLE, 16 * 1024, INDIRECT));
    guest.kick();
    expect([segments.length, segments.at(-1), ring.used(0)]).toEqual([1024, 'r 13ff+1', [5, 0]]);
  });

  it.each([1, 2, 3, 5, 7, 8])('PKD-EVT-04: goes around a ring of %d descriptors', (size) => {
    const { guest, ring, probe } = started({ size, complete: 1 });
    let [slot, wrap] = [0, true];
    for (let i = 0; i < 50; i++) {
      const span = 1 + (i % Math.min(size, 3));
      ring.offer(i, ...Array<Element>(span).fill(one));
      guest.kick();
      expect([i, ring.used(slot, wrap)]).toEqual([i, [i, 1]]);
      for (let k = 0; k < span; k++) {
        slot = (slot + 1) % size;
        if (slot === 0) wrap = !wrap;
      }
    }
    expect([probe.handled.length, guest.clauses()]).toEqual([50, []]);
  });

  it('PKD-LAY-05: uses in the order of completion, from the first slot on', () => {
    const { guest, ring, probe } = started({ complete: null });
    ring.offer(10, one, one);
    ring.offer(11, one);
    ring.offer(12, one);
    guest.kick();
    const [a, b, c] = [...probe.taken];
    probe.device.complete(b!, 1);
    probe.device.complete(c!, 0);
    probe.device.complete(a!, 2);
    expect([ring.used(0), ring.used(1), ring.used(2)]).toEqual([
      [11, 1],
      [12, 0],
      [10, 2],
    ]);
  });

  it('makes what is completed in one go visible at once, by the first flags', () => {
    const { guest, ring, probe } = started({ complete: null });
    for (const id of [1, 2, 3]) ring.offer(id, one);
    guest.kick();
    const seen: unknown[] = [];
    guest.function.pci.slot.dma.observer = (address, length) => {
      seen.push([address - PARTS.descriptor, length, ring.used(0)]);
    };
    probe.device.batch(() => {
      while (probe.taken.length > 0) probe.finish(1);
    });
    expect(seen).toEqual([
      [8, 8, null],
      [24, 8, null],
      [40, 8, null],
      [14, 2, null],
    ]);
    expect([ring.used(0), ring.used(1), ring.used(2)]).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  it('follows its memory when the function may reach other places', () => {
    const { guest, ring, probe } = started();
    ring.offer(0, one);
    guest.kick();
    const { dma } = guest.function.pci.slot;
    dma.setWindows([{ start: 0, length: 0x20000, write: true }]);
    ring.offer(1, one);
    guest.kick();
    expect([probe.handled, ring.used(1)]).toEqual([
      ['0:0', '0:1'],
      [1, 0],
    ]);
  });

  it('PCI-COM-15: takes sizes that are no powers of two, which a split ring does not', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [MAX_SIZE] }), { transportFeatures: OFFERED });
    guest.negotiate([feature.ringPacked]);
    for (const size of [5, 1, 7, 8]) {
      guest.block.set('queueSize', size);
      expect([guest.block.get('queueSize'), guest.clauses()]).toEqual([size, []]);
    }
    for (const size of [0, 9, 0x8001]) guest.block.set('queueSize', size);
    expect([guest.block.get('queueSize'), guest.clauses().length]).toEqual([8, 3]);
    guest.block.set('queueSize', 5);
    guest.block.set('deviceStatus', 0);
    guest.negotiate();
    expect(guest.block.get('queueSize')).toBe(MAX_SIZE);
    guest.block.set('queueSize', 5);
    expect([guest.block.get('queueSize'), guest.clauses()]).toEqual([MAX_SIZE, ['PCI-COM-20']]);
  });
});

describe('interrupts for used descriptors', () => {
  const WRAP = 0x8000;

  /** Uses `count` lists of `span` descriptors in one go. @returns whether that interrupted. */
  function use({ guest, ring, probe }: ReturnType<typeof started>, count: number, span = 1): boolean {
    guest.interrupts();
    guest.isr();
    for (let i = 0; i < count; i++) ring.offer(i, ...Array<Element>(span).fill(one));
    guest.kick();
    probe.device.batch(() => {
      while (probe.taken.length > 0) probe.finish();
    });
    return guest.interrupts().includes('line 11 up');
  }

  test.each([
    ['0: enable', 0, [], true],
    ['1: disable', 1, [], false],
    ['1: disable, with EVENT_IDX', 1, [feature.ringEventIndex], false],
    ['0: enable, with EVENT_IDX', 0, [feature.ringEventIndex], true],
    ['2 without EVENT_IDX is no wish to be left alone', 2, [], true],
    ['3 is reserved', 3, [feature.ringEventIndex], true],
    ['only two bits count', 0xfffd, [], false],
  ] as const)('PKD-EVT-01: flags %s', (_, flags, features, interrupts) => {
    const under = started({ features, complete: null });
    under.ring.setDriverEvent(flags, WRAP | 3);
    expect(use(under, 1)).toBe(interrupts);
  });

  // Exactly when the descriptor at the offset is used in a round of that wrap counter.
  test.each([
    [0, 1, 1, WRAP | 0, true],
    [0, 1, 1, WRAP | 1, false],
    [0, 1, 1, 0, false],
    [0, 3, 1, WRAP | 2, true],
    [0, 3, 1, WRAP | 3, false],
    [0, 1, 3, WRAP | 1, true],
    [0, 1, 3, WRAP | 2, true],
    [0, 1, 3, WRAP | 3, false],
    [4, 1, 1, WRAP | 4, true],
    [4, 1, 1, 4, false],
    [4, 3, 1, 0, true],
    [4, 3, 1, 1, false],
    [4, 3, 1, WRAP | 0, false],
    [4, 1, 3, 0, true],
    [5, 6, 1, WRAP | 5, true],
    [5, 6, 1, 4, true],
    [5, 6, 1, 5, false],
    [6, 1, 1, 0, true],
    [6, 1, 1, WRAP | 0, false],
    [11, 2, 1, WRAP | 0, true],
    [11, 2, 1, 5, true],
    [11, 1, 1, WRAP | 0, false],
    [11, 1, 1, 7, false],
    [0, 6, 1, 0x7fff, false],
    [0, 6, 1, 0xffff, false],
  ])(
    'with EVENT_IDX, %d used before: %d of %d more with event 0x%s interrupt: %s',
    (before, count, span, event, interrupts) => {
      const under = started({ features: [feature.ringEventIndex], complete: null });
      for (let i = 0; i < before; i++) use(under, 1);
      under.ring.setDriverEvent(2, event);
      expect(use(under, count, span)).toBe(interrupts);
    },
  );

  it('asks for kicks at the next descriptor with EVENT_IDX, and always without', () => {
    const under = started({ features: [feature.ringEventIndex], complete: null });
    under.guest.kick();
    expect(under.ring.deviceEvent).toEqual([WRAP | 0, 2]);
    use(under, 2);
    expect(under.ring.deviceEvent).toEqual([WRAP | 2, 2]);
    use(under, 2, 2);
    expect(under.ring.deviceEvent).toEqual([0, 2]);
    const plain = started({ complete: null });
    use(plain, 2);
    expect(plain.ring.deviceEvent).toEqual([0, 0]);
  });

  it('a list that is added while the device asks for a kick is taken without one', () => {
    const { guest, ring, probe } = started({ features: [feature.ringEventIndex] });
    guest.function.pci.slot.dma.observer = (address) => {
      if (address === PARTS.device && probe.handled.length === 1) ring.offer(2, one);
    };
    ring.offer(1, one);
    guest.kick();
    expect(probe.handled).toEqual(['0:1', '0:2']);
  });
});

describe('a packed ring in another state', () => {
  it('chains in flight outlive saving, also when used descriptors took the place of theirs', () => {
    const before = started({ complete: null });
    before.ring.offer(1, readable(BUFFERS, 3), writable(BUFFERS + 8, 4));
    before.ring.offer(2, one);
    before.guest.kick();
    before.probe.device.complete(before.probe.taken[1]!, 1);
    expect(before.ring.used(0)).toEqual([2, 1]);
    const after = new Probe({ queueSizes: [MAX_SIZE] });
    const guest = new ModernGuest(after, { transportFeatures: OFFERED });
    guest.machine.load(structuredClone(before.guest.machine.save()));
    expect(after.handled).toEqual(['0:1']);
    const chain = after.taken[0]!;
    expect([chain.segment(0), chain.segment(1), chain.count]).toEqual([
      { address: BUFFERS, length: 3, writable: false },
      { address: BUFFERS + 8, length: 4, writable: true },
      2,
    ]);
    expect(chain.write(0, Uint8Array.of(1, 2, 3, 4), 0, 4)).toBe(true);
    after.finish(4);
    const ring = new RawPackedRing(guest.machine.ram, SIZE, PARTS);
    expect(ring.used(1)).toEqual([1, 4]);
    [ring.next, ring.wrap] = [3, true];
    ring.offer(3, one, one, one, one);
    guest.kick();
    after.finish(1);
    expect([after.handled, ring.used(3)]).toEqual([
      ['0:1', '0:3'],
      [3, 1],
    ]);
  });

  it('long chains in flight outlive saving', () => {
    const before = started({ complete: null });
    for (let i = 0; i < 20; i++)
      before.ring.describe(i, { ...readable(0x1000 + i, i + 1), id: 0, flags: 0 }, TABLE);
    before.ring.offer(1, readable(TABLE, 16 * 20, INDIRECT));
    before.guest.kick();
    const after = new Probe({ queueSizes: [MAX_SIZE] });
    new ModernGuest(after, { transportFeatures: OFFERED }).machine.load(before.guest.machine.save());
    expect([after.taken[0]!.count, after.taken[0]!.readableBytes, after.taken[0]!.segment(19)]).toEqual([
      20,
      210,
      { address: 0x1013, length: 20, writable: false },
    ]);
  });

  it('BF-RST-02: chains die with a reset, and the next driver may have a split ring', () => {
    const { guest, ring, probe } = started({ complete: null });
    ring.offer(1, one);
    guest.kick();
    guest.block.set('deviceStatus', 0);
    const before = guest.machine.ram.read(0, 0x100000);
    probe.finish(1);
    expect(guest.machine.ram.read(0, 0x100000).every((byte, i) => byte === before[i])).toBe(true);
    const split = guest.start([])[0]!;
    split.describe(0, { address: BUFFERS, length: 1, flags: 2 });
    split.offer(0);
    guest.kick();
    probe.finish(1);
    expect(split.used()).toEqual([[0, 1]]);
  });

  it('a driver that goes back to a split ring gets a size that such a ring can have', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [MAX_SIZE] }), { transportFeatures: OFFERED });
    guest.block.set('driverFeatureSelect', 1);
    guest.block.set('driverFeature', 5);
    guest.block.set('queueSize', 5);
    expect(guest.block.get('queueSize')).toBe(5);
    guest.block.set('driverFeature', 1);
    expect(guest.block.get('queueSize')).toBe(MAX_SIZE);
  });

  it('a driver that goes over to the legacy window gets a split ring, of a size that such a ring can have', () => {
    const { guest } = started({ size: 5 });
    expect(guest.block.get('queueSize')).toBe(5);
    guest.machine.ioWrite(guest.bar(0) + 4, 4, 0);
    expect(guest.block.get('queueSize')).toBe(MAX_SIZE);
  });

  it('a driver that comes from the legacy window keeps what it set up there, and chains die', () => {
    const probe = new Probe({ queueSizes: [MAX_SIZE] });
    const guest = new ModernGuest(probe, { transportFeatures: OFFERED });
    const parts = legacyParts(0x10, MAX_SIZE);
    guest.machine.ioWrite(guest.bar(0) + 8, 4, 0x10);
    const ring = new RawRing(guest.machine.ram, MAX_SIZE, parts);
    ring.describe(0, { address: BUFFERS, length: 1, flags: 2 });
    ring.offer(0);
    guest.machine.ioWrite(guest.bar(0) + 16, 2, 0);
    expect(probe.handled).toEqual(['0:0']);
    guest.negotiate([feature.ringPacked]);
    const shown = (['queueSize', 'queueEnable', 'queueDriverLow', 'queueDeviceLow'] as const).map((name) =>
      guest.block.get(name),
    );
    expect([probe.taken[0]!.live, ...shown]).toEqual([false, MAX_SIZE, 1, parts.driver, parts.device]);
    probe.finish(1);
    expect(ring.usedIndex).toBe(0);
  });
});
