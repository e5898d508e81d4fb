import type { RingPlace } from '../../../driver/index.ts';
import { descriptorFlag, feature } from '../../../virtio/layout/index.ts';
import { type RawDescriptor, rawDescriptor } from '../../rings/index.ts';
import { type Check, type Setting, Silence } from '../check.ts';
import { MemoryWatch, strayedNowhere } from '../memory-watch.ts';
import { RingUse, type Stretch } from '../ring-use.ts';

const { write: WRITE, indirect: INDIRECT } = descriptorFlag;
const SERVES = 'BF-RST-01';
const NOWHERE: readonly Stretch[] = [];
const BUFFER_BYTES = 64;
const TABLE_BYTES = 64;

/** Something that no driver may do to a ring. */
interface Hostility {
  readonly id: string;
  readonly says: string;
  /** The rings that it can be done to; by default both. */
  readonly ring?: 'split' | 'packed';
  /** INDIRECT_DESC is accepted. */
  readonly indirect?: true;
  /** @returns what the device may write: the buffers that it was given for it. */
  expose(use: RingUse): readonly Stretch[];
}

const buffer = ({ bench }: RingUse): Stretch => ({
  address: bench.memory.allocate(BUFFER_BYTES),
  length: BUFFER_BYTES,
});
const descriptorOf = ({ address, length }: Stretch, flags = 0) => rawDescriptor(address, length, flags);

/** Exposes descriptors, of which the writable ones may be written. */
function exposed({ ring }: RingUse, list: readonly RawDescriptor[]): readonly Stretch[] {
  ring.expose(list);
  return list
    .filter(({ flags, addressHigh }) => (flags & WRITE) !== 0 && addressHigh === 0)
    .map(({ addressLow: address, length }) => ({ address, length }));
}

/** The small request in a table; `change` alters the descriptor that refers to it. */
function inTable(use: RingUse, change: (table: RawDescriptor) => Partial<RawDescriptor>): readonly Stretch[] {
  const { list, writable } = use.prepare();
  const table = use.ring.table(use.bench.memory.allocate(TABLE_BYTES), list);
  use.ring.expose([{ ...table, ...change(table) }]);
  return [writable];
}
/** Above all memory that a machine has. */
const BEYOND = { addressLow: 0x1000, addressHigh: 0x100000 };
/** From memory to where there is none, in whole pages that a legacy driver can name. */
const RING_OFFSET = 2 ** 42;
/** So high that an address behind it is 0 again. */
const HIGHEST = { addressLow: 0xfffffff0, addressHigh: 0xffffffff };

const hostilities: readonly Hostility[] = [
  {
    id: 'head-outside-table',
    says: 'the head is no descriptor of the table',
    ring: 'split',
    expose({ ring }) {
      ring.writer.expose(ring.size);
      return NOWHERE;
    },
  },
  {
    id: 'next-outside-table',
    says: 'a chain leads out of the table',
    ring: 'split',
    expose(use) {
      use.ring.writer.chain(0, [descriptorOf(buffer(use))], null, use.ring.size);
      return NOWHERE;
    },
  },
  {
    id: 'chain-with-loop',
    says: 'a chain leads back to its head',
    ring: 'split',
    expose(use) {
      use.ring.writer.chain(0, [descriptorOf(buffer(use)), descriptorOf(buffer(use))], null, 0);
      return NOWHERE;
    },
  },
  {
    id: 'index-too-far-ahead',
    says: 'the available index is further ahead than the queue is long',
    ring: 'split',
    expose(use) {
      const own = buffer(use);
      use.ring.writer.descriptor(0, descriptorOf(own, WRITE));
      use.ring.writer.moveTo(use.ring.size + 1);
      return [own];
    },
  },
  {
    id: 'list-without-end',
    says: 'each descriptor of the ring leads on to the next',
    ring: 'packed',
    expose(use) {
      const { size } = use.ring;
      const own = buffer(use);
      use.ring.writer.chain(
        0,
        Array.from({ length: size }, () => descriptorOf(own)),
        null,
        0,
      );
      return NOWHERE;
    },
  },
  {
    id: 'list-torn',
    says: 'a list goes on with a descriptor that is not available',
    ring: 'packed',
    expose(use) {
      use.ring.writer.chain(0, [descriptorOf(buffer(use))], null, 0);
      return NOWHERE;
    },
  },
  {
    id: 'id-beyond-queue',
    says: 'the id of a buffer is larger than the queue',
    ring: 'packed',
    expose(use) {
      const { list, writable } = use.prepare();
      use.ring.writer.chain(0xffff, list, null, null);
      return [writable];
    },
  },
  {
    id: 'readable-after-writable',
    says: 'a readable buffer follows a writable one',
    expose: (use) => exposed(use, [descriptorOf(buffer(use), WRITE), descriptorOf(buffer(use))]),
  },
  {
    id: 'buffers-of-no-bytes',
    says: 'the buffers of a chain have no bytes',
    expose(use) {
      const { address } = buffer(use);
      return exposed(use, [rawDescriptor(address, 0, 0), rawDescriptor(address, 0, WRITE)]);
    },
  },
  {
    id: 'readable-beyond-memory',
    says: 'a readable buffer is in no memory',
    expose: (use) =>
      exposed(use, [{ ...descriptorOf(buffer(use)), ...BEYOND }, descriptorOf(buffer(use), WRITE)]),
  },
  {
    id: 'writable-beyond-memory',
    says: 'a writable buffer is in no memory',
    expose: (use) => exposed(use, [{ ...descriptorOf(buffer(use), WRITE), ...BEYOND }]),
  },
  {
    id: 'buffer-around-zero',
    says: 'a buffer goes over the end of all addresses',
    expose: (use) => exposed(use, [{ ...descriptorOf(buffer(use), WRITE), ...HIGHEST }]),
  },
  {
    id: 'chain-of-too-many-bytes',
    says: 'the buffers of a chain have more than 2^32 bytes',
    expose(use) {
      const { address } = buffer(use);
      return exposed(use, [rawDescriptor(address, 0xffffffff, 0), rawDescriptor(address, 0xffffffff, 0)]);
    },
  },
  {
    id: 'indirect-not-accepted',
    says: 'a descriptor refers to a table although INDIRECT_DESC was not accepted',
    expose: (use) => inTable(use, () => ({})),
  },
  {
    id: 'indirect-in-table',
    says: 'a table refers to a table',
    indirect: true,
    expose(use) {
      const inner = use.prepare();
      const { memory } = use.bench;
      const table = use.ring.table(memory.allocate(TABLE_BYTES), inner.list);
      use.ring.expose([use.ring.table(memory.allocate(TABLE_BYTES), [table])]);
      return [inner.writable];
    },
  },
  {
    id: 'indirect-in-middle',
    says: 'a descriptor that refers to a table leads on',
    indirect: true,
    expose(use) {
      const { list, writable } = use.prepare();
      const table = use.ring.table(use.bench.memory.allocate(TABLE_BYTES), list);
      const last = buffer(use);
      use.ring.expose([table, descriptorOf(last, WRITE)]);
      return [writable, last];
    },
  },
  {
    id: 'table-of-odd-length',
    says: 'a table has no whole number of descriptors',
    indirect: true,
    expose: (use) => inTable(use, ({ length }) => ({ length: length + 8 })),
  },
  {
    id: 'table-of-no-bytes',
    says: 'a table has no descriptors',
    indirect: true,
    expose: (use) => inTable(use, () => ({ length: 0 })),
  },
  {
    id: 'table-beyond-memory',
    says: 'a table is in no memory',
    indirect: true,
    expose: (use) => inTable(use, () => BEYOND),
  },
  {
    id: 'table-with-loop',
    says: 'a chain in a table leads back to its head',
    ring: 'split',
    indirect: true,
    expose(use) {
      const table = use.bench.memory.allocate(TABLE_BYTES);
      use.ring.table(table, [descriptorOf(buffer(use))]);
      use.ring.writer.descriptor(0, { ...descriptorOf(buffer(use)), flags: descriptorFlag.next }, table);
      use.ring.expose([rawDescriptor(table, 16, INDIRECT)]);
      return NOWHERE;
    },
  },
];

const rings = {
  split: { settings: ['legacy', 'modern'], clauses: [SERVES, 'SPL-DESC-01', 'SPL-DESC-04'] },
  packed: { settings: ['packed'], clauses: [SERVES, 'PKD-DESC-01'] },
} as const satisfies Record<string, { settings: readonly Setting[]; clauses: readonly string[] }>;

/** A device that is given a ring that cannot be may say so or stay silent; it writes nowhere else, and a reset mends it. */
function check({ id, says, ring, indirect, expose }: Hostility): Check {
  const clauses = ring === undefined ? [...rings.split.clauses, 'PKD-DESC-01'] : rings[ring].clauses;
  return {
    id,
    clauses,
    says: `${says}: nothing is written where nothing may be, and a reset mends it`,
    ...(ring === undefined ? {} : { settings: rings[ring].settings }),
    hostile: true,
    async run(bench) {
      if (indirect) bench.needs(feature.ringIndirectDescriptors, 'INDIRECT_DESC');
      const use = new RingUse(bench, { ringFeatures: indirect ? [feature.ringIndirectDescriptors] : [] });
      const writable = expose(use);
      const watch = new MemoryWatch(bench);
      use.kick();
      await bench.lull();
      strayedNowhere(use, watch, writable);
      if (use.ring.take() === null) throw new Silence(SERVES, 'the chain used', 'nothing');
    },
  };
}

/** What no driver may do to a ring, and the longest chain that one may. */
export const hostileRingChecks: readonly Check[] = [
  ...hostilities.map(check),
  {
    id: 'ring-beyond-memory',
    clauses: [SERVES],
    says: 'a ring is in no memory: nothing is used, and a reset mends it',
    hostile: true,
    async run(bench) {
      const away = (address: number) => address + RING_OFFSET;
      const misplace = ({ descriptor, driver, device }: RingPlace) => ({
        descriptor: away(descriptor),
        driver: away(driver),
        device: away(device),
      });
      const use = new RingUse(bench, { misplace });
      use.ring.expose(use.prepare().list);
      const watch = new MemoryWatch(bench);
      use.kick();
      await bench.lull();
      const at = watch.strayed(NOWHERE);
      bench.check(SERVES, at === null, 'nothing written', `a write at 0x${at?.toString(16)}`);
      throw new Silence(SERVES, 'the chain used', 'nothing');
    },
  },
  {
    id: 'chain-as-long-as-queue',
    clauses: ['SPL-FRM-02', 'PKD-SG-08'],
    says: 'a chain as long as the queue is served, or refused and mended by a reset',
    hostile: true,
    async run(bench) {
      if (!bench.modern) bench.needs(feature.anyLayout, 'ANY_LAYOUT');
      const use = new RingUse(bench, { ringFeatures: [] });
      const clause = use.by('SPL-FRM-02', 'PKD-SG-08');
      const { out, inBytes } = use.request;
      const longer = inBytes > out.length;
      const pieces = use.ring.size - (out.length > 0 && inBytes > 0 ? 1 : 0);
      // The longer part is cut into single bytes as far as the ring goes.
      const cuts = (length: number, writable: boolean) =>
        writable === longer ? Array.from({ length: Math.min(length, pieces) - 1 }, (_, i) => i + 1) : [];
      use.ring.expose(use.prepare({ cuts }).list);
      use.kick();
      await bench.lull();
      if (use.ring.take() !== null) return;
      await new RingUse(bench).serve(clause);
      throw new Silence(clause, 'the chain used', 'nothing');
    },
  },
];
