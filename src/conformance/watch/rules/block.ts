import { blockRequest, blockRequestType } from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type WatchRule } from '../rule.ts';

const typeOf = ({ chain }: Moment) => chain.u32(blockRequest.type.offset) & 0x7fffffff;
const BLOCK = 'block';

export const blockChapter: readonly WatchRule[] = [
  {
    id: 'block-read-into-readable',
    clauses: cites('CONF-01'),
    legacyClauses: cites('LEG-FEAT-04'),
    level: 'must',
    type: BLOCK,
    says: 'a read whose data buffers lack WRITE: the device cannot write them',
    on: ['chain'],
    when: (now) =>
      typeOf(now) === blockRequestType.in && now.chain.readable > 16
        ? seen('length in bytes', now.chain.readable - 16, { descriptor: now.chain.head })
        : null,
  },
];
