import { feature, PACKED_EVENT_FLAG_MASK, packedEventFlag } from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import type { ChainFault } from '../rings/chain.ts';
import { cites, seen, type Violation, type WatchRule } from '../rule.ts';

const PACKED = 'packed';
const isPacked = ({ queue }: Moment) => queue?.ring?.kind === PACKED;

const at = (descriptor: number, what = 'descriptor index'): Violation =>
  seen(what, descriptor, { descriptor });

const fault = (id: string, clauses: string, kind: ChainFault, says: string): WatchRule => ({
  id,
  clauses: cites(clauses),
  level: 'must',
  says,
  on: ['chain'],
  when: (now) => (isPacked(now) && now.chain.fault === kind ? at(now.chain.faultAt) : null),
});

const rules: readonly WatchRule[] = [
  fault('packed-list-too-long', 'PKD-SG-02', 'loop', 'a list of more descriptors than the queue has'),
  fault(
    'packed-half-available',
    'PKD-LAY-01 PKD-SG-06 PKD-SG-04',
    'not-available',
    'a list goes on with a descriptor that is not available',
  ),
  fault('packed-table-length', 'PKD-IND-03', 'table-length', 'an indirect table of no whole descriptors'),
  fault(
    'packed-table-flags',
    'PKD-IND-02',
    'table-flags',
    'a descriptor of an indirect table has other flags than WRITE',
  ),
  fault('packed-indirect-in-list', 'PKD-IND-04', 'both-flags', 'an indirect descriptor in a list of several'),
  {
    id: 'packed-indirect-unasked',
    clauses: cites('PKD-IND-01'),
    level: 'must',
    says: 'an indirect descriptor without INDIRECT_DESC',
    on: ['chain'],
    when: (now) =>
      isPacked(now) && now.chain.indirectAt >= 0 && now.fn.lacks(feature.ringIndirectDescriptors)
        ? at(now.chain.indirectAt)
        : null,
  },
  {
    id: 'packed-misordered',
    clauses: cites('PKD-SG-03'),
    level: 'must',
    says: 'a readable buffer behind a writable one',
    on: ['chain'],
    when: (now) => (isPacked(now) && now.chain.misordered >= 0 ? at(now.chain.misordered) : null),
  },
  {
    id: 'packed-long-table',
    clauses: cites('PKD-IND-03 PKD-SG-01'),
    level: 'must',
    says: 'an indirect table of more buffers than the queue has descriptors',
    on: ['chain'],
    when: (now) =>
      isPacked(now) && now.chain.indirect && now.chain.count > now.queue!.size!
        ? at(now.chain.count, 'buffers')
        : null,
  },
  {
    id: 'packed-no-room',
    clauses: cites('PKD-SG-05'),
    level: 'must',
    says: 'a list of more descriptors than were free',
    on: ['chain'],
    when: ({ queue }) =>
      queue?.ring?.kind === PACKED && queue.ring.crowded >= 0
        ? seen('free descriptors', queue.ring.crowded)
        : null,
  },
  {
    id: 'packed-id-again',
    clauses: cites('CONF-01 PKD-DESC-05'),
    level: 'must',
    says: 'a buffer id was used again while its list is in flight',
    on: ['chain'],
    when: ({ queue, chain }) =>
      queue?.ring?.kind === PACKED && queue.ring.doubled >= 0 ? seen('buffer id', chain.head) : null,
  },
  {
    id: 'packed-changed-in-flight',
    clauses: cites('PKD-DESC-06 PKD-DESC-05 OPER-02'),
    level: 'must',
    says: 'a descriptor was changed while its list is in flight',
    on: ['look'],
    when: ({ queue }) =>
      queue?.ring?.kind === PACKED && queue.ring.changed >= 0
        ? seen('descriptor index', queue.ring.changed)
        : null,
  },
  {
    id: 'packed-event-flags-reserved',
    clauses: cites('PKD-EVT-01'),
    level: 'must',
    says: 'the event flags of the driver have a reserved value',
    on: ['look'],
    when({ queue, fn }) {
      if (queue?.ring?.kind !== PACKED) return null;
      const flags = queue.ring.driverFlags & PACKED_EVENT_FLAG_MASK;
      const wrong = flags === 3 || (flags === packedEventFlag.descriptor && fn.lacks(feature.ringEventIndex));
      return wrong ? seen('flags', flags) : null;
    },
  },
  {
    id: 'packed-not-zeroed',
    clauses: cites('PKD-EVT-02'),
    level: 'must',
    says: 'the ring was not zeroed before the queue was set up',
    on: ['ring'],
    when({ queue, fn }) {
      const ring = queue?.ring;
      if (ring?.kind !== PACKED || !fn.whole || queue!.kicks > 1) return null;
      const stray = ring.firstUsedFlag;
      return stray >= 0 ? seen('descriptor index', stray) : null;
    },
  },
  {
    id: 'packed-nothing-available',
    clauses: cites('PKD-EVT-04'),
    level: 'must',
    says: 'a first kick, and the first descriptor is not available: its flags do not bear the wrap counter',
    on: ['kick'],
    when({ queue, fn }) {
      const ring = queue?.ring;
      if (ring?.kind !== PACKED || !fn.whole || !ring.sure || queue!.kicks > 1 || ring.fresh > 0) return null;
      return ring.inFlight === 0 && ring.next === 0 && ring.lengthAt(0) > 0
        ? seen('flags', ring.flagsAt(0))
        : null;
    },
  },
  {
    id: 'packed-wrap-counter',
    clauses: cites('PKD-EVT-04'),
    level: 'must',
    says: 'after the end of the ring, a descriptor does not bear the wrap counter of the new round',
    on: ['kick'],
    when({ queue, fn }) {
      const ring = queue?.ring;
      if (ring?.kind !== PACKED || !fn.whole || !ring.sure || ring.fresh > 0) return null;
      return ring.wrapForgotten ? seen('flags', ring.flagsAt(ring.next)) : null;
    },
  },
];

/** Lists of the packed ring, and the ring itself: legacy drivers have none. */
export const packedChapter: readonly WatchRule[] = rules.map((rule) => ({ ...rule, speaks: 'modern' }));
