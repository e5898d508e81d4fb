import { feature } from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import type { Chain, ChainFault } from '../rings/chain.ts';
import { cites, seen, type Violation, type WatchRule } from '../rule.ts';

const SPLIT = 'split';
/** A megabyte in pages, and then some. */
const MANY = 1024;
const FOUR_GIB = 2 ** 32;

const isSplit = ({ queue }: Moment) => queue?.ring?.kind === SPLIT;

const at = (chain: Chain, descriptor: number, what = 'descriptor index'): Violation =>
  seen(what, descriptor, { descriptor: chain.head });

const fault = (id: string, clauses: string, kind: ChainFault, says: string): WatchRule => ({
  id,
  clauses: cites(clauses),
  level: 'must',
  says,
  on: ['chain'],
  when: (now) => (isSplit(now) && now.chain.fault === kind ? at(now.chain, now.chain.faultAt) : null),
});

/** Chains of the split ring, and the ring itself. */
export const splitChapter: readonly WatchRule[] = [
  fault('split-loop', 'SPL-DESC-05', 'loop', 'a chain has a loop'),
  fault('split-outside', 'SPL-DESC-05', 'outside', 'a chain leads out of its table'),
  fault('split-table-length', 'SPL-IND-03', 'table-length', 'an indirect table of no whole descriptors'),
  fault('split-nested', 'SPL-IND-02', 'nested', 'an indirect descriptor inside an indirect table'),
  fault('split-indirect-and-next', 'SPL-IND-04', 'both-flags', 'both INDIRECT and NEXT are set'),
  {
    id: 'split-head-outside',
    clauses: cites('SPL-DESC-05'),
    level: 'must',
    says: 'an entry of the available ring names no descriptor of the table',
    on: ['look'],
    when: ({ queue }) =>
      queue?.ring?.kind === SPLIT && queue.ring.badHead >= 0
        ? seen('descriptor index', queue.ring.badHead)
        : null,
  },
  {
    id: 'split-too-long',
    clauses: cites('SPL-DESC-05'),
    level: 'must',
    says: 'a chain of more than 2^32 bytes',
    on: ['chain'],
    when: (now) =>
      isSplit(now) && now.chain.readable + now.chain.writable > FOUR_GIB
        ? at(now.chain, now.chain.head)
        : null,
  },
  {
    id: 'split-more-than-queue',
    clauses: cites('SPL-IND-03'),
    level: 'must',
    says: 'a chain of more buffers than the queue has descriptors',
    on: ['chain'],
    when: (now) =>
      isSplit(now) && now.chain.count > now.queue!.size! ? at(now.chain, now.chain.count, 'buffers') : null,
  },
  {
    id: 'split-many-buffers',
    clauses: cites('SPL-FRM-04'),
    level: 'note',
    says: 'a chain of more buffers than is reasonable',
    on: ['chain'],
    when: (now) =>
      isSplit(now) && now.chain.count > MANY ? at(now.chain, now.chain.count, 'buffers') : null,
  },
  {
    id: 'split-misordered',
    clauses: cites('SPL-FRM-03'),
    level: 'must',
    says: 'a readable buffer behind a writable one',
    on: ['chain'],
    when: (now) => (isSplit(now) && now.chain.misordered >= 0 ? at(now.chain, now.chain.misordered) : null),
  },
  {
    id: 'split-indirect-unasked',
    clauses: cites('SPL-IND-01'),
    level: 'must',
    says: 'an indirect descriptor without INDIRECT_DESC',
    on: ['chain'],
    when: (now) =>
      isSplit(now) && now.chain.indirectAt >= 0 && now.fn.lacks(feature.ringIndirectDescriptors)
        ? at(now.chain, now.chain.indirectAt)
        : null,
  },
  {
    id: 'split-order',
    clauses: cites('SPL-DESC-06'),
    level: 'must',
    says: 'with IN_ORDER, descriptors of a chain do not follow each other in the table',
    on: ['chain'],
    when: (now) =>
      isSplit(now) && !now.chain.indirect && !now.chain.sequential && now.fn.has(feature.inOrder)
        ? at(now.chain, now.chain.head)
        : null,
  },
  {
    id: 'split-table-order',
    clauses: cites('SPL-IND-05'),
    level: 'must',
    says: 'with IN_ORDER, entries of an indirect table do not follow each other',
    on: ['chain'],
    when: (now) =>
      isSplit(now) && now.chain.indirect && !now.chain.sequential && now.fn.has(feature.inOrder)
        ? at(now.chain, now.chain.head)
        : null,
  },
  {
    id: 'buffer-out-of-reach',
    clauses: cites('RF-05'),
    level: 'must',
    says: 'a buffer that is not in memory',
    on: ['chain'],
    when: ({ chain, fn }) =>
      chain.unreachable >= 0 && fn.lacks(feature.accessPlatform) ? at(chain, chain.unreachable) : null,
  },
  {
    id: 'split-index-back',
    clauses: cites('SPL-AVL-01'),
    level: 'must',
    says: 'the available index went back, or further on than the ring is long',
    on: ['look'],
    when: ({ queue }) =>
      queue?.ring?.kind === SPLIT && queue.ring.overrun
        ? seen('available index', queue.ring.available)
        : null,
  },
  {
    id: 'split-changed-in-flight',
    clauses: cites('OPER-02'),
    level: 'must',
    says: 'a descriptor was changed while its chain is in flight',
    on: ['look'],
    when: ({ queue }) =>
      queue?.ring?.kind === SPLIT && queue.ring.changed >= 0
        ? seen('descriptor index', queue.ring.changed, { descriptor: queue.ring.changed })
        : null,
  },
  {
    id: 'split-offered-again',
    clauses: cites('OPER-02'),
    level: 'must',
    says: 'a descriptor was offered again while its chain is in flight',
    on: ['look'],
    when: ({ queue }) =>
      queue?.ring?.kind === SPLIT && queue.ring.doubled >= 0
        ? seen('descriptor index', queue.ring.doubled, { descriptor: queue.ring.doubled })
        : null,
  },
  {
    id: 'split-flags',
    clauses: cites('SPL-UNS-01'),
    level: 'must',
    says: 'the flags of the available ring are neither 0 nor 1',
    on: ['look'],
    when({ queue, fn }) {
      if (queue?.ring?.kind !== SPLIT || !fn.lacks(feature.ringEventIndex)) return null;
      const flags = queue.ring.availableFlags;
      return flags > 1 ? seen('flags', flags) : null;
    },
  },
  {
    id: 'split-flags-with-event-index',
    clauses: cites('SPL-UNS-03'),
    level: 'must',
    says: 'with EVENT_IDX, the flags of the available ring are not 0',
    on: ['look'],
    when({ queue, fn }) {
      if (queue?.ring?.kind !== SPLIT || !fn.has(feature.ringEventIndex)) return null;
      const flags = queue.ring.availableFlags;
      return flags > 0 ? seen('flags', flags) : null;
    },
  },
  {
    id: 'split-used-not-zeroed',
    clauses: cites('SPL-ANS-01'),
    level: 'must',
    says: 'the used ring was not zeroed before the queue was set up',
    on: ['ring'],
    when({ queue, fn }) {
      const ring = queue?.ring;
      // Once the device has used something it may have set flags.
      if (ring?.kind !== SPLIT || !fn.whole || queue!.kicks > 1 || ring.usedIndex !== 0) return null;
      return ring.usedFlags > RING_FLAGS ? seen('flags', ring.usedFlags) : null;
    },
  },
  {
    id: 'split-used-index-not-zeroed',
    clauses: cites('PCI-VQ-01'),
    legacyClauses: cites('LEG-VRING-03'),
    level: 'note',
    says: 'the used index was not 0 when the queue was kicked first',
    on: ['ring'],
    when({ queue, fn }) {
      const ring = queue?.ring;
      if (ring?.kind !== SPLIT || !fn.whole || queue!.kicks > 1) return null;
      return ring.usedIndex > ring.size ? seen('used index', ring.usedIndex) : null;
    },
  },
];

/** The device may suppress kicks from the start. */
const RING_FLAGS = 1;
