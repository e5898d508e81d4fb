import { feature } from '../../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { RawPackedRing } from '../../virtio/support/packed-ring.ts';
import { Probe } from '../../virtio/support/probe.ts';
import type { RawRing } from '../../virtio/support/ring.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const [NEXT, WRITE, INDIRECT] = [1, 2, 4];
const TABLE = 0x90000;
const OUTSIDE = 0x8000_0000;
const SIZE = 8;
const INDIRECT_FEATURE = [feature.ringIndirectDescriptors];
const one = { address: BUFFERS, length: 1 };
const writable = { ...one, flags: WRITE };

function split(
  name: string,
  wrong: (ring: RawRing) => void,
  features: readonly number[] = INDIRECT_FEATURE,
  options: GuestOptions = {},
): Scenario {
  return scenario(`split ring: ${name}`, () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [4, SIZE], complete: 0 }), options);
    const [ring] = guest.start(features, [1]);
    return during(guest, () => {
      wrong(ring!);
      guest.kick(1);
    });
  });
}

const table = (length: number, address = TABLE, more = 0, next = 0) => ({
  address,
  length,
  flags: INDIRECT | more,
  next,
});

const splits = [
  split('an index too far ahead', (ring) => void (ring.availableIndex = SIZE + 1)),
  split('a head outside the table', (ring) => ring.offer(SIZE)),
  split('a loop', (ring) => {
    ring.describe(2, { ...one, flags: NEXT, next: 2 });
    ring.offer(2);
  }),
  split('more than 2^32 bytes', (ring) => {
    ring.chain(3, [
      { address: 0, length: 0xffffffff },
      { address: 0, length: 2, flags: WRITE },
    ]);
    ring.offer(3);
  }),
  split('misordered', (ring) => {
    ring.chain(4, [one, writable, one]);
    ring.offer(4);
  }),
  split('misordered in a table', (ring) => {
    ring.chain(0, [writable, one], TABLE);
    ring.describe(5, table(32));
    ring.offer(5);
  }),
  split('a loop in a table', (ring) => {
    ring.describe(0, { ...one, flags: NEXT, next: 0 }, TABLE);
    ring.describe(5, table(16));
    ring.offer(5);
  }),
  split(
    'a table without the feature',
    (ring) => {
      ring.describe(1, table(16));
      ring.offer(1);
    },
    [],
  ),
  split('a table and a next', (ring) => {
    ring.describe(1, table(16, TABLE, NEXT, 2));
    ring.offer(1);
  }),
  split('half a table', (ring) => {
    ring.describe(1, table(24));
    ring.offer(1);
  }),
  split('a table out of reach', (ring) => {
    ring.describe(1, table(16, OUTSIDE));
    ring.offer(1);
  }),
  split('a table in a table', (ring) => {
    ring.describe(0, table(16), TABLE);
    ring.describe(1, table(16));
    ring.offer(1);
  }),
  ...(['descriptor', 'driver', 'device'] as const).map((area) =>
    scenario(`split ring: its ${area} area out of reach`, () => {
      const guest = new ModernGuest(new Probe({ queueSizes: [SIZE] }));
      guest.negotiate();
      guest.setUp(0, undefined, { descriptor: 0x10000, driver: 0x11000, device: 0x12000, [area]: OUTSIDE });
      return during(guest, () => guest.block.set('deviceStatus', 0x0f));
    }),
  ),
  scenario('split ring: out of reach of a device behind an IOMMU', () => {
    const windows = [{ start: 0, length: 0x20000, write: true }];
    const guest = new ModernGuest(new Probe({ queueSizes: [SIZE] }), { windows });
    guest.negotiate([feature.accessPlatform]);
    guest.setUp(0, undefined, { descriptor: 0x10000, driver: 0x11000, device: 0x30000 });
    return during(guest, () => guest.block.set('deviceStatus', 0x0f));
  }),
  scenario('legacy ring: out of reach', () => {
    const guest = new LegacyGuest(new Probe({ queueSizes: [SIZE] }));
    guest.block.set('queueAddress', OUTSIDE / 4096);
    return during(guest, () => guest.kick());
  }),
  scenario('split ring: not aligned', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [SIZE, SIZE] }));
    guest.negotiate();
    return during(guest, () => {
      guest.setUp(1, undefined, { descriptor: 0x10008, driver: 0x11001, device: 0x12002 });
    });
  }),
  scenario('split ring: a head again while it is in flight', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [SIZE] }));
    const [ring] = guest.start();
    ring!.describe(3, one);
    ring!.offer(3);
    guest.kick();
    return during(guest, () => {
      ring!.offer(3);
      guest.kick();
    });
  }),
  scenario('split ring: more chains than descriptors', () => {
    const guest = new ModernGuest(new Probe({ queueSizes: [1] }));
    const [ring] = guest.start();
    ring!.describe(0, one);
    ring!.offer(0);
    guest.kick();
    return during(guest, () => {
      ring!.offer(0);
      guest.kick();
    });
  }),
];

const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12010 };
const OFFERED = [feature.ringIndirectDescriptors, feature.ringPacked];
const PACKED_SIZE = 6;

function packedRing(parts = PARTS, features = OFFERED, complete?: number) {
  const probe = new Probe({ queueSizes: [SIZE], ...(complete === undefined ? {} : { complete }) });
  const guest = new ModernGuest(probe, { transportFeatures: OFFERED });
  guest.negotiate(features);
  return {
    guest,
    open: () => {
      guest.setUp(0, PACKED_SIZE, parts);
      guest.block.set('deviceStatus', 0x0f);
      return new RawPackedRing(guest.machine.ram, PACKED_SIZE, parts);
    },
  };
}

function packed(name: string, wrong: (ring: RawPackedRing) => void, features = OFFERED): Scenario {
  return scenario(`packed ring: ${name}`, () => {
    const { guest, open } = packedRing(PARTS, features, 0);
    const ring = open();
    // Not from the beginning, so that a place is told from nothing.
    ring.offer(40, one);
    guest.kick();
    return during(guest, () => {
      wrong(ring);
      guest.kick();
    });
  });
}

/** More elements than given, all the same. */
const many = (count: number) => Array.from({ length: count }, () => one);

const packeds = [
  packed('misordered', (ring) => ring.offer(7, one, writable, one)),
  packed('misordered in a table', (ring) => {
    ring.describe(0, { ...writable, id: 0 }, TABLE);
    ring.describe(1, { ...one, id: 0, flags: 0 }, TABLE);
    ring.offer(7, { address: TABLE, length: 32, flags: INDIRECT });
  }),
  packed(
    'a table without the feature',
    (ring) => ring.offer(7, { address: TABLE, length: 16, flags: INDIRECT }),
    [feature.ringPacked],
  ),
  packed('a table in a list', (ring) => ring.offer(7, one, { address: TABLE, length: 16, flags: INDIRECT })),
  packed('half a table', (ring) => ring.offer(7, { address: TABLE, length: 8, flags: INDIRECT })),
  packed('a table out of reach', (ring) => ring.offer(7, { address: OUTSIDE, length: 16, flags: INDIRECT })),
  packed('more than 2^32 bytes', (ring) =>
    ring.offer(7, { address: 0, length: 0xffffffff }, { address: 0, length: 2, flags: WRITE }),
  ),
  packed('a list longer than the queue', (ring) => ring.offer(7, ...many(PACKED_SIZE + 1))),
  packed('a list that is not whole', (ring) =>
    ring.describe(ring.next, { ...one, id: 7, flags: NEXT | ring.available }),
  ),
  ...(['descriptor', 'driver', 'device'] as const).map((area) =>
    scenario(`packed ring: its ${area} area out of reach`, () => {
      const { guest, open } = packedRing({ ...PARTS, [area]: OUTSIDE });
      return during(guest, () => void open());
    }),
  ),
  scenario('packed ring: not aligned', () => {
    const { guest, open } = packedRing({ descriptor: 0x10008, driver: 0x12002, device: 0x12012 });
    return during(guest, () => void open());
  }),
  scenario('packed ring: an id again while it is in flight', () => {
    const { guest, open } = packedRing();
    const ring = open();
    ring.offer(7, one, one);
    guest.kick();
    return during(guest, () => {
      ring.offer(7, one);
      guest.kick();
    });
  }),
  scenario('packed ring: a list longer than what is free', () => {
    const { guest, open } = packedRing();
    const ring = open();
    ring.offer(7, one, one);
    guest.kick();
    return during(guest, () => {
      ring.offer(8, ...many(PACKED_SIZE - 1));
      guest.kick();
    });
  }),
  scenario('packed ring: a descriptor again before it was used', () => {
    const { guest, open } = packedRing();
    const ring = open();
    ring.offer(7, ...many(PACKED_SIZE));
    guest.kick();
    return during(guest, () => {
      ring.offer(8, one);
      guest.kick();
    });
  }),
];

export const rings: readonly Scenario[] = [...splits, ...packeds];
