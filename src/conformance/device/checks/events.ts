import {
  feature,
  PACKED_EVENT_FLAG_MASK,
  packedEvent,
  packedEventFlag,
  RING_SUPPRESS,
  usedRing,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { RingUse } from '../ring-use.ts';

const split = ['legacy', 'modern'] as const;
const packed = ['packed'] as const;
/** Out of reach of what a check does. */
const FAR = 0x4000;

const plain = (bench: Bench) => new RingUse(bench, { ringFeatures: [] });

function withEvents(bench: Bench): RingUse {
  bench.needs(feature.ringEventIndex, 'EVENT_IDX');
  return new RingUse(bench, { ringFeatures: [feature.ringEventIndex] });
}

/** The next request leads to an interrupt. */
async function interrupts(use: RingUse, clause: string): Promise<void> {
  const before = use.interrupts;
  await use.serve(clause);
  await use.bench.until(clause, 'an interrupt', () => use.interrupts > before);
}

/** The next request leads to none. */
async function silent(use: RingUse, clause: string): Promise<void> {
  const before = use.interrupts;
  await use.serve(clause);
  await use.bench.lull();
  use.bench.equal(clause, 'interrupts', use.interrupts - before, 0);
}

/** A driver that kicks when the device asks for it, and else not, gets all its requests back. */
async function servesSuppressed(
  bench: Bench,
  clause: string,
  ringFeatures: readonly number[],
): Promise<void> {
  const running = bench.start({ ringFeatures });
  const { size } = running.driver.rings.get(running.request.queue)!;
  for (let i = 0; i < 2 * Math.min(size, 16) + 1; i++) await bench.ask(running, clause);
}

/** Who wants to be told of what, and is. */
export const eventChecks: readonly Check[] = [
  {
    id: 'interrupts-as-flags-say',
    clauses: ['SPL-UNS-07', 'SPL-UNS-08', 'PKD-EVT-01'],
    says: 'used buffers lead to interrupts, unless the driver asks for none',
    async run(bench) {
      const use = plain(bench);
      const { writer } = use.ring;
      const off = use.packed ? packedEventFlag.disable : RING_SUPPRESS;
      writer.setFlags(0);
      await interrupts(use, use.by('SPL-UNS-08', 'PKD-EVT-01'));
      writer.setFlags(off);
      await silent(use, use.by('SPL-UNS-07', 'PKD-EVT-01'));
      writer.setFlags(0);
      await interrupts(use, use.by('SPL-UNS-08', 'PKD-EVT-01'));
    },
  },
  {
    id: 'used-event-without-feature',
    clauses: ['SPL-UNS-06'],
    settings: split,
    says: 'without EVENT_IDX used_event means nothing',
    async run(bench) {
      const use = plain(bench);
      for (const event of [0x8000, 0xffff, FAR]) {
        use.ring.writer.setUsedEvent(event);
        await interrupts(use, 'SPL-UNS-06');
      }
    },
  },
  {
    id: 'interrupts-as-used-event-says',
    clauses: ['SPL-UNS-10', 'SPL-UNS-11'],
    settings: split,
    says: 'with EVENT_IDX the used buffer that used_event names leads to an interrupt, and no other',
    async run(bench) {
      const use = withEvents(bench);
      const { writer } = use.ring;
      writer.setUsedEvent(0);
      await interrupts(use, 'SPL-UNS-10');
      writer.setUsedEvent(2);
      await silent(use, 'SPL-UNS-11');
      await interrupts(use, 'SPL-UNS-10');
      writer.setUsedEvent(FAR);
      await silent(use, 'SPL-UNS-11');
    },
  },
  {
    id: 'available-flags-with-event-index',
    clauses: ['SPL-UNS-09'],
    settings: split,
    says: 'with EVENT_IDX the flag that asks for no interrupts means nothing',
    async run(bench) {
      const use = withEvents(bench);
      use.ring.writer.setFlags(RING_SUPPRESS);
      for (let index = 0; index < 2; index++) {
        use.ring.writer.setUsedEvent(index);
        await interrupts(use, 'SPL-UNS-09');
      }
    },
  },
  {
    id: 'interrupts-as-descriptor-event-says',
    clauses: ['PKD-EVT-01'],
    settings: packed,
    says: 'with EVENT_IDX the descriptor that the event names leads to an interrupt, and no other',
    async run(bench) {
      const use = withEvents(bench);
      const { writer } = use.ring;
      const { list } = use.prepare();
      writer.setFlags(packedEventFlag.descriptor);
      writer.setUsedEvent(0);
      await interrupts(use, 'PKD-EVT-01');
      // The slots of the next chain, then the first of the one after it.
      writer.setUsedEvent(2 * list.length);
      await silent(use, 'PKD-EVT-01');
      await interrupts(use, 'PKD-EVT-01');
      writer.setUsedEvent(0);
      await silent(use, 'PKD-EVT-01');
    },
  },
  {
    id: 'used-flags-are-known',
    clauses: ['SPL-ANS-08'],
    settings: split,
    says: 'without EVENT_IDX the flags of the used ring are 0 or 1',
    async run(bench) {
      const use = plain(bench);
      for (let i = 0; i < 3; i++) {
        await use.serve('SPL-ANS-08');
        const flags = usedFlags(use);
        bench.check('SPL-ANS-08', flags <= RING_SUPPRESS, 'flags 0 or 1', `flags 0x${flags.toString(16)}`);
      }
    },
  },
  {
    id: 'used-flags-with-event-index',
    clauses: ['SPL-ANS-10'],
    settings: split,
    says: 'with EVENT_IDX the flags of the used ring are 0',
    async run(bench) {
      const use = withEvents(bench);
      for (let i = 0; i < 3; i++) {
        await use.serve('SPL-ANS-10');
        bench.equal('SPL-ANS-10', 'flags of the used ring', usedFlags(use), 0);
      }
    },
  },
  {
    id: 'device-event-flags-are-known',
    clauses: ['PKD-EVT-01'],
    settings: packed,
    says: "the device's event flags are 0 or 1, and 2 only with EVENT_IDX",
    async run(bench) {
      const use = plain(bench);
      for (let i = 0; i < 3; i++) {
        await use.serve('PKD-EVT-01');
        const at = use.ring.place.device + packedEvent.flags.offset;
        const flags = new DataView(bench.memory.ram.read(at, 2).buffer).getUint16(0, true);
        const known = (flags & PACKED_EVENT_FLAG_MASK) <= packedEventFlag.disable;
        bench.check('PKD-EVT-01', known, 'event flags 0 or 1', `flags 0x${flags.toString(16)}`);
      }
    },
  },
  {
    id: 'spurious-kicks',
    clauses: ['SPL-ANS-12'],
    says: 'kicks of empty queues, and of queues that do not exist, do nothing',
    async run(bench) {
      const use = new RingUse(bench, { transportFeatures: [] });
      const clause = 'SPL-ANS-12';
      const { queue } = use.request;
      for (const each of [queue, queue, NO_QUEUE, queue]) bench.registers.kick(each);
      await bench.lull();
      bench.check(clause, !use.broken, 'a device that goes on', 'DEVICE_NEEDS_RESET');
      bench.check(clause, use.ring.take() === null, 'nothing used', 'a chain that was never made available');
      await use.serve(clause);
      for (let i = 0; i < 3; i++) use.kick();
      await bench.lull();
      bench.check(clause, use.ring.take() === null, 'one chain used', 'another, by kicks alone');
      await use.serve(clause);
    },
  },
  {
    id: 'kicks-as-device-asks',
    clauses: ['SPL-ANS-09', 'PKD-SUP-04'],
    says: 'a device that asks for no kicks finds work by itself',
    run: (bench) => servesSuppressed(bench, bench.setting === 'packed' ? 'PKD-SUP-04' : 'SPL-ANS-09', []),
  },
  {
    id: 'kicks-as-event-says',
    clauses: ['SPL-ANS-11', 'PKD-SUP-04'],
    says: 'a device that puts kicks off finds what came before by itself',
    async run(bench) {
      bench.needs(feature.ringEventIndex, 'EVENT_IDX');
      const clause = bench.setting === 'packed' ? 'PKD-SUP-04' : 'SPL-ANS-11';
      await servesSuppressed(bench, clause, [feature.ringEventIndex]);
    },
  },
  {
    id: 'late-kick',
    clauses: ['SPL-SUP-03', 'PKD-SUP-02'],
    says: 'a chain is used once, whether the device found it or was kicked',
    async run(bench) {
      const use = new RingUse(bench);
      const clause = use.by('SPL-SUP-03', 'PKD-SUP-02');
      const name = use.ring.expose(use.prepare().list);
      await bench.lull();
      use.kick();
      const { id } = await use.used(clause);
      bench.equal(clause, 'id of the chain that was handed back', id, name);
      await bench.lull();
      bench.check(clause, use.ring.take() === null, 'one chain used', 'two');
    },
  },
];

/** A number that no queue of any type here has. */
const NO_QUEUE = 1000;

const usedFlags = ({ bench, ring }: RingUse): number => {
  const bytes = bench.memory.ram.read(ring.place.device + usedRing.flags.offset, 2);
  return new DataView(bytes.buffer).getUint16(0, bench.transport.littleEndian);
};
