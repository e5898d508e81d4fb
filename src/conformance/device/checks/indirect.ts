import { descriptorFlag, feature } from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { RingUse } from '../ring-use.ts';

const TABLE_BYTES = 16 * 16;

/** A device that takes indirect tables, and nothing else of rings. */
function indirectUse(bench: Bench): RingUse {
  bench.needs(feature.ringIndirectDescriptors, 'INDIRECT_DESC');
  return new RingUse(bench, { ringFeatures: [feature.ringIndirectDescriptors] });
}

/** Indirect tables. */
export const indirectChecks: readonly Check[] = [
  {
    id: 'write-on-indirect-ignored',
    clauses: ['SPL-IND-06', 'PKD-IND-05'],
    says: 'WRITE in the descriptor that refers to a table means nothing',
    async run(bench) {
      const use = indirectUse(bench);
      const clause = use.by('SPL-IND-06', 'PKD-IND-05');
      for (const flags of [0, descriptorFlag.write]) {
        const table = use.ring.table(bench.memory.allocate(TABLE_BYTES), use.prepare().list);
        const used = await use.serve(clause, { list: [{ ...table, flags: table.flags | flags }] });
        use.lengthFits(clause, used);
      }
    },
  },
  {
    id: 'direct-then-indirect',
    clauses: ['SPL-IND-07'],
    settings: ['legacy', 'modern'],
    says: 'a chain may end with one descriptor that refers to a table',
    async run(bench) {
      if (!bench.modern) bench.needs(feature.anyLayout, 'ANY_LAYOUT');
      const use = indirectUse(bench);
      const { list } = use.prepare({ cuts: (length) => (length < 2 ? [] : [1]) });
      const rest = use.ring.table(bench.memory.allocate(TABLE_BYTES), list.slice(1));
      const used = await use.serve('SPL-IND-07', { list: [list[0]!, rest] });
      use.lengthFits('SPL-IND-07', used);
    },
  },
  {
    id: 'table-flags-ignored',
    clauses: ['PKD-IND-05'],
    settings: ['packed'],
    says: 'in a table ids, and flags but WRITE, mean nothing',
    async run(bench) {
      const use = indirectUse(bench);
      const list = use.prepare().list.map((raw) => ({
        ...raw,
        flags: raw.flags | (0xffff & ~(descriptorFlag.write | descriptorFlag.indirect)),
        next: 0x1234,
      }));
      const table = use.ring.table(bench.memory.allocate(TABLE_BYTES), list);
      use.lengthFits('PKD-IND-05', await use.serve('PKD-IND-05', { list: [table] }));
    },
  },
];
