import {
  feature,
  PACKED_DESCRIPTOR_BYTES,
  PACKED_EVENT_BYTES,
  PACKED_WRAP_BIT,
} from '../../../virtio/layout/index.ts';
import type { SplitHandRing } from '../../rings/index.ts';
import type { Check } from '../check.ts';
import { MemoryWatch } from '../memory-watch.ts';
import { RingUse } from '../ring-use.ts';

const packed = ['packed'] as const;

/** Where a device may write at any time. */
const eventArea = ({ ring }: RingUse) => [{ address: ring.place.device, length: PACKED_EVENT_BYTES }];

/** A device at work that took several pieces to a request. */
const inPieces = (length: number) => (length < 2 ? [] : [1]);

/** The packed ring's own order. */
export const packedChecks: readonly Check[] = [
  {
    id: 'not-available-left-alone',
    clauses: ['PKD-DESC-03', 'PKD-LAY-04'],
    settings: packed,
    says: 'descriptors are used once they are available, and none before those that stand ahead of it',
    async run(bench) {
      const use = new RingUse(bench, { ringFeatures: [] });
      const { ring } = use;
      const [ahead, behind] = [use.prepare(), use.prepare()];
      const untouched = async (clause: string) => {
        const watch = new MemoryWatch(bench);
        use.kick();
        await bench.lull();
        const at = watch.strayed(eventArea(use));
        bench.check(clause, at === null, 'nothing written', `a write at 0x${at?.toString(16)}`);
      };
      await untouched('PKD-DESC-03');
      const second = ahead.list.length;
      ring.writer.moveTo(second | PACKED_WRAP_BIT);
      const names = [ring.expose(behind.list)];
      await untouched('PKD-LAY-04');
      ring.writer.moveTo(PACKED_WRAP_BIT);
      names.push(ring.expose(ahead.list));
      ring.writer.moveTo((second + behind.list.length) | PACKED_WRAP_BIT);
      use.kick();
      for (let i = 0; i < 2; i++) {
        const { id } = await use.used('PKD-LAY-04');
        const known = names.splice(names.indexOf(id), 1)[0] === id;
        bench.check('PKD-LAY-04', known, 'the two chains handed back', `chain ${id}`);
      }
    },
  },
  {
    id: 'used-in-ring-order',
    clauses: ['PKD-LAY-05'],
    settings: packed,
    says: 'used descriptors follow each other, each behind the chain of the one before',
    async run(bench) {
      const use = new RingUse(bench, { ringFeatures: [] });
      const clause = 'PKD-LAY-05';
      const names = new Set(
        Array.from({ length: 3 }, () => use.ring.expose(use.prepare({ cuts: inPieces }).list)),
      );
      use.kick();
      while (names.size > 0) {
        const { id } = await use.used(clause);
        bench.check(clause, names.delete(id), 'each chain handed back once', `chain ${id}`);
      }
    },
  },
  {
    id: 'used-descriptor-left-alone',
    clauses: ['PKD-DESC-04'],
    settings: packed,
    says: 'a descriptor that is used is not written again',
    async run(bench) {
      const use = new RingUse(bench, { ringFeatures: [] });
      const clause = 'PKD-DESC-04';
      const { at } = await use.serve(clause);
      const read = () => String(bench.memory.ram.read(at, PACKED_DESCRIPTOR_BYTES));
      const before = read();
      for (let i = 0; i < 2; i++) await use.serve(clause);
      await bench.lull();
      const after = read();
      bench.check(clause, after === before, `the used descriptor as it was: ${before}`, after);
    },
  },
  {
    id: 'wrap-counters',
    clauses: ['PKD-EVT-04'],
    settings: packed,
    says: 'around a ring of any size, the flags of used descriptors follow the wrap counter',
    async run(bench) {
      const use = new RingUse(bench, { ringFeatures: [], maxQueueSize: 3 });
      for (let i = 0; i < 2 * use.ring.size + 2; i++) await use.serve('PKD-EVT-04');
    },
  },
];

/** Used entries of a batch that is used in order. */
export const inOrderChecks: readonly Check[] = [
  {
    id: 'batch-used-in-order',
    clauses: ['SPL-INO-01', 'PKD-EVT-03'],
    settings: ['modern', 'packed'],
    says: 'with IN_ORDER a used entry is that of the last chain of those that it stands for',
    async run(bench) {
      bench.needs(feature.inOrder, 'IN_ORDER');
      const use = new RingUse(bench, { ringFeatures: [], features: [feature.inOrder] });
      const clause = use.by('SPL-INO-01', 'PKD-EVT-03');
      const { list } = use.prepare();
      const names = Array.from({ length: 3 }, () => use.ring.expose(use.prepare().list));
      use.kick();
      for (let done = 0; done < names.length; ) {
        const { id } = await use.used(clause);
        const last = names.indexOf(id);
        bench.check(clause, last >= done, `one of the chains ${names.slice(done)}`, `chain ${id}`);
        // Entries of the chains that it stands for are skipped.
        use.ring.skip(last - done, list.length);
        done = last + 1;
      }
    },
  },
  {
    id: 'used-in-order',
    clauses: ['RF-18'],
    settings: ['modern'],
    says: 'with IN_ORDER no chain is used before one that was made available earlier',
    async run(bench) {
      bench.needs(feature.inOrder, 'IN_ORDER');
      const use = new RingUse(bench, { ringFeatures: [], features: [feature.inOrder] });
      const { list } = use.prepare();
      const names = Array.from({ length: 2 }, () => use.ring.expose(use.prepare().list));
      use.kick();
      for (let done = 0; done < names.length; ) {
        const { id } = await use.used('RF-18');
        const last = names.indexOf(id);
        const used = (use.ring as SplitHandRing).writer.usedIndex;
        // An entry may stand for the chains before its own, which are used then, too.
        const seen = `a used index of ${used} with chain ${last + 1}`;
        bench.check('RF-18', last >= done && used > last, `used chains up to ${last + 1}`, seen);
        use.ring.skip(last - done, list.length);
        done = last + 1;
      }
    },
  },
];
