import { inOrder } from '../../../core/index.ts';
import {
  deviceStatus,
  LEGACY_ALIGNMENT,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  legacyRingLayout,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import { findStray, type StrayRing } from '../rings/stray.ts';
import { cites, seen, type Violation, type WatchRule } from '../rule.ts';

const readOnly = new Set(
  inOrder(legacyHeader)
    .filter(([, { access }]) => access !== 'rw')
    .map(([name]) => name),
);
const widths = new Map(inOrder(legacyHeaderWithVectors).map(([name, { width }]) => [name, width]));

/** The ring of a queue whose first kicks bring nothing; null where it is where it should be, or nobody can look. */
function stray({ fn, queue, chain }: Moment): StrayRing | null {
  const ring = queue?.ring;
  if (ring == null || ring.kind !== 'split' || !fn.whole || queue!.kicks > 1) return null;
  if (ring.available !== ring.first && !ring.overrun) return null;
  return findStray(chain.memory, ring.descriptors, ring.size, ring.little);
}

const kickedStray = (
  id: string,
  clauses: string,
  says: string,
  which: (found: StrayRing) => Violation | null,
): WatchRule => ({
  id,
  clauses: cites(clauses),
  level: 'must',
  speaks: 'legacy',
  says,
  on: ['kick'],
  when(now) {
    const found = stray(now);
    return found === null ? null : which(found);
  },
});

/** Pages that a legacy ring takes. */
const pagesOf = (size: number) => legacyRingLayout(size).total / LEGACY_ALIGNMENT;

/** Bytes of a buffer that lie within the pages of the queue's own ring. */
function inRing({ chain, queue }: Moment): Violation | null {
  const ring = queue?.ring;
  if (ring == null || ring.kind !== 'split') return null;
  const end = ring.descriptors + legacyRingLayout(ring.size).total;
  for (let i = 0; i < chain.count; i++) {
    const from = chain.addresses[i]!;
    if (from < end && from + chain.lengths[i]! > ring.descriptors)
      return seen('address', from, { descriptor: chain.indices[i]! });
  }
  return null;
}

/** Device configuration is taken to begin 4 bytes too far on: nothing of its first 4 bytes was read, and 24 was. */
function shiftedBase(fn: FunctionModel): boolean {
  const { configUsed } = fn;
  const shift = LEGACY_CONFIG_OFFSET_MSIX - LEGACY_CONFIG_OFFSET;
  if (fn.msix.enabled !== false || !fn.whole || !configUsed.has(shift)) return false;
  for (let i = 0; i < shift; i++) if (configUsed.has(i)) return false;
  const name = fn.type?.name;
  // A field begins there, and a driver may want no other.
  if (name === 'console') return configUsed.has(shift + 4) || !configUsed.has(shift + 3);
  if (name === 'balloon') return configUsed.has(shift + 4);
  return name === 'block' || name === 'network' || name === 'scsi' || name === 'p9';
}

export const legacyChapter: readonly WatchRule[] = [
  {
    id: 'legacy-queue-size-written',
    clauses: cites('LEG-VQ-03'),
    level: 'must',
    speaks: 'legacy',
    says: 'the queue size was written, which is not to be negotiated',
    on: ['legacy-register'],
    when: ({ operation, register, value }) =>
      operation === 'write' && register === 'queueSize' ? seen('queue size', value) : null,
  },
  {
    id: 'legacy-read-only-written',
    clauses: cites('LEG-FEAT-04'),
    level: 'must',
    speaks: 'legacy',
    says: 'a register that is read only was written',
    on: ['legacy-register'],
    when: ({ operation, register, offset }) =>
      operation === 'write' && register !== 'queueSize' && readOnly.has(register.replace('.', ''))
        ? seen('register offset', offset)
        : null,
  },
  {
    id: 'legacy-register-width',
    clauses: cites('LEG-FEAT-04'),
    level: 'should',
    speaks: 'legacy',
    says: 'a register of the header was accessed in another width than its own',
    on: ['legacy-register'],
    when: ({ register, width, offset }) =>
      register !== '' && widths.get(register) !== width ? seen('register offset', offset) : null,
  },
  {
    id: 'legacy-queue-size-not-read',
    clauses: cites('LEG-VRING-01'),
    level: 'must',
    speaks: 'legacy',
    says: 'a queue was given an address although its size was never read',
    on: ['queue-address'],
    when: ({ fn, queue, value }) =>
      queue !== null && queue.offered === null && fn.whole && value !== 0 ? seen('page number', value) : null,
  },
  {
    id: 'legacy-absent-queue',
    clauses: cites('LEG-VQ-02'),
    level: 'must',
    speaks: 'legacy',
    says: 'an address for a queue that does not exist',
    on: ['queue-address'],
    when: ({ queue, value }) => (queue?.offered === 0 && value !== 0 ? seen('page number', value) : null),
  },
  {
    id: 'legacy-queue-moved',
    clauses: cites('LEG-INIT-01'),
    level: 'note',
    speaks: 'legacy',
    says: 'a queue in use was given another address',
    on: ['queue-address'],
    when: ({ queue, value }) =>
      queue?.live === true && value !== 0 && queue.page !== value ? seen('page number', value) : null,
  },
  {
    id: 'legacy-queue-before-driver',
    clauses: cites('LEG-INIT-01'),
    level: 'must',
    speaks: 'legacy',
    says: 'a queue was given an address before DRIVER was set',
    on: ['queue-address'],
    when: ({ fn, value }) =>
      fn.isNot(deviceStatus.driver) && value !== 0 ? seen('page number', value) : null,
  },
  {
    id: 'legacy-queue-before-features',
    clauses: cites('LEG-INIT-01'),
    level: 'note',
    speaks: 'legacy',
    says: 'a queue was given an address before features were written',
    on: ['queue-address'],
    when: ({ fn, value }) =>
      fn.whole && fn.featureWrites === 0 && value !== 0 ? seen('page number', value) : null,
  },
  {
    id: 'legacy-ring-out-of-reach',
    clauses: cites('LEG-VQ-02 RF-05'),
    level: 'must',
    speaks: 'legacy',
    says: 'the page of a queue leads to a ring that is not in memory',
    on: ['kick'],
    when: ({ queue }) =>
      queue?.blind === 'its ring is not in memory' ? seen('page number', queue.page!) : null,
  },
  kickedStray(
    'legacy-own-queue-size',
    'LEG-VQ-03 LEG-VRING-02',
    'the ring is laid out for another size than the queue has',
    ({ offset, size }) => (offset === 0 ? seen('queue size', size) : null),
  ),
  kickedStray(
    'legacy-ring-off-page',
    'LEG-VQ-02 LEG-VRING-03',
    `the ring does not begin on the page of ${LEGACY_ALIGNMENT} bytes that the device was told`,
    ({ offset }) => (offset !== 0 ? seen('bytes from the page', offset) : null),
  ),
  {
    id: 'legacy-ring-byte-order',
    clauses: cites('LEG-VEND-01'),
    level: 'must',
    speaks: 'legacy',
    says: "the ring's numbers are not in the guest's byte order",
    on: ['ring'],
    when: ({ queue }) =>
      queue?.ring?.kind === 'split' && queue.ring.swapped ? seen('address', queue.ring.driver) : null,
  },
  {
    id: 'legacy-nothing-in-ring',
    clauses: cites('LEG-VRING-03 LEG-VQ-02'),
    level: 'should',
    speaks: 'legacy',
    says: 'a first kick, and nothing is in the ring where its layout puts it',
    on: ['kick'],
    when: (now) => {
      const { fn, queue } = now;
      const ring = queue?.ring;
      if (ring == null || ring.kind !== 'split' || !fn.whole || queue!.kicks > 1) return null;
      return ring.available === ring.first && !ring.overrun && stray(now) === null
        ? seen('address', ring.driver)
        : null;
    },
  },
  {
    id: 'legacy-buffer-in-ring',
    clauses: cites('LEG-VRING-02 LEG-VRING-03 LEG-VQ-01'),
    level: 'must',
    speaks: 'legacy',
    says: 'a buffer lies in the memory of its own queue: the ring has more pages than the driver thinks',
    on: ['chain'],
    when: inRing,
  },
  {
    id: 'legacy-rings-overlap',
    clauses: cites('LEG-VRING-02 LEG-VQ-01'),
    level: 'must',
    speaks: 'legacy',
    says: 'a queue was put where the ring of another one goes on: a ring has more pages than the driver thinks',
    on: ['queue-address'],
    when({ fn, queue, value }) {
      const size = queue?.offered ?? 0;
      if (queue === null || value === 0 || size === 0) return null;
      const end = value + pagesOf(size);
      for (const other of fn.queues.values()) {
        if (other === queue || other.live !== true || other.page === null || other.size === null) continue;
        if (value < other.page + pagesOf(other.size) && other.page < end) return seen('page number', value);
      }
      return null;
    },
  },
  {
    id: 'legacy-gave-up-on-used',
    clauses: cites('LEG-VRING-03 LEG-VQ-01'),
    level: 'note',
    speaks: 'legacy',
    says: 'the driver gave up although the device had used what it offered: it may look for the used ring elsewhere',
    on: ['status'],
    when({ fn, value }) {
      if ((value & deviceStatus.failed) === 0 || !fn.started) return null;
      for (const { ring, index } of fn.queues.values())
        if (ring?.kind === 'split' && ring.usedIndex > 0 && ring.inFlight === 0)
          return seen('used index', ring.usedIndex, { queue: index });
      return null;
    },
  },
  {
    id: 'legacy-config-at-24',
    clauses: cites('LEG-LAY-08'),
    level: 'must',
    speaks: 'legacy',
    says: `device configuration was used from ${LEGACY_CONFIG_OFFSET_MSIX} on, while MSI-X is off and it begins at ${LEGACY_CONFIG_OFFSET}`,
    on: ['start', 'kick', 'end'],
    when: ({ fn }) => (shiftedBase(fn) ? seen('register offset', LEGACY_CONFIG_OFFSET_MSIX) : null),
  },
  {
    id: 'legacy-config-at-20',
    clauses: cites('LEG-LAY-08'),
    level: 'must',
    speaks: 'legacy',
    says: `device configuration was looked for at ${LEGACY_CONFIG_OFFSET}, where the vectors stand while MSI-X is on`,
    on: ['legacy-register'],
    when: ({ register, width, offset }) =>
      register.endsWith('MsixVector') && width !== 2 ? seen('register offset', offset) : null,
  },
];
