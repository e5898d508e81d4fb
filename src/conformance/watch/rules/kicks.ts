import {
  feature,
  NEXT_WRAP_BIT,
  notification,
  PACKED_EVENT_FLAG_MASK,
  packedEventFlag,
  RING_SUPPRESS,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import { cites, seen, type Violation, type WatchRule } from '../rule.ts';

const LOW = 2 ** (8 * notification.queue.width) - 1;
const NEXT = 2 ** (8 * notification.next.offset);

/** The name that a kick has to say, as far as features and registers tell; -1 where nobody knows. */
function nameOf({ fn, queue }: Moment, configData: boolean, notificationData: boolean): number {
  const agreed = (bit: number, wanted: boolean) => (wanted ? fn.has(bit) : fn.lacks(bit));
  if (
    !agreed(feature.notificationConfigData, configData) ||
    !agreed(feature.notificationData, notificationData)
  )
    return -1;
  return configData ? (queue!.notifyName ?? -1) : queue!.index;
}

const naming = (id: string, clause: string, configData: boolean, data: boolean, says: string): WatchRule => ({
  id,
  clauses: [clause],
  level: 'must',
  speaks: 'modern',
  says,
  on: ['kick'],
  when(now) {
    const name = nameOf(now, configData, data);
    return name >= 0 && (now.value & LOW) !== name ? seen('name of a queue', now.value & LOW) : null;
  },
});

/** At another place than that of the queue that it names. */
function elsewhere({ fn, queue, offset }: Moment): Violation | null {
  const { notifyOffset } = queue!;
  const { multiplier } = fn;
  if (notifyOffset === null || multiplier === null || multiplier === undefined) return null;
  return notifyOffset * multiplier === offset ? null : seen('offset of the kick', offset);
}

const width = (
  id: string,
  clause: string,
  wanted: number,
  agreed: (fn: FunctionModel) => boolean,
  says: string,
): WatchRule => ({
  id,
  clauses: [clause],
  level: 'must',
  speaks: 'modern',
  says,
  on: ['kick'],
  when: ({ fn, width: bytes }) => (agreed(fn) && bytes !== wanted ? seen('width in bytes', bytes) : null),
});

/** What the upper half of a kick's data should be, by the ring; -1 where nobody knows. */
function nextOf({ queue, fn }: Moment): number {
  const ring = queue!.ring;
  if (ring === null || !fn.whole) return -1;
  if (ring.kind === 'split') return ring.available;
  return ring.sure ? ring.position : -1;
}

export const kicksChapter: readonly WatchRule[] = [
  {
    id: 'kick-queue-not-set-up',
    clauses: cites('INIT-01 PCI-VQ-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'a kick for a queue that is not set up',
    on: ['kick'],
    when: ({ queue }) =>
      queue!.live === false && queue!.offered !== 0 && !queue!.resetting
        ? seen('queue number', queue!.index)
        : null,
  },
  {
    id: 'kick-absent-queue',
    clauses: cites('PCI-KICK-03'),
    level: 'must',
    says: 'a kick for a queue that does not exist',
    on: ['kick'],
    when: ({ queue }) => (queue!.offered === 0 ? seen('queue number', queue!.index) : null),
  },
  width(
    'kick-not-2-bytes',
    'PCI-KICK-01',
    2,
    (fn) => fn.lacks(feature.notificationData),
    'a kick of other than 2 bytes without NOTIFICATION_DATA',
  ),
  width(
    'kick-not-4-bytes',
    'PCI-KICK-02',
    4,
    (fn) => fn.has(feature.notificationData),
    'a kick of other than 4 bytes with NOTIFICATION_DATA',
  ),
  naming(
    'kick-name-index',
    'PCI-KICK-03',
    false,
    false,
    'a kick does not name the queue whose place it is at',
  ),
  naming(
    'kick-name-data',
    'PCI-KICK-04',
    false,
    true,
    'with NOTIFICATION_DATA, a kick does not name the queue whose place it is at',
  ),
  naming('kick-name-config', 'PCI-KICK-05', true, false, 'a kick does not bear queue_notif_config_data'),
  naming(
    'kick-name-both',
    'PCI-KICK-06',
    true,
    true,
    'a kick does not bear queue_notif_config_data in its low half',
  ),
  {
    id: 'kick-elsewhere',
    clauses: cites('PCI-KICK-03'),
    level: 'must',
    speaks: 'modern',
    says: 'a kick at another place than that of its queue',
    on: ['kick'],
    when: elsewhere,
  },
  {
    id: 'kick-data-split',
    clauses: cites('KICK-01'),
    level: 'must',
    speaks: 'modern',
    says: 'the upper half of a kick is not the available index of its ring',
    on: ['kick'],
    when(now) {
      const next =
        now.fn.has(feature.notificationData) && now.queue!.ring?.kind === 'split' ? nextOf(now) : -1;
      const said = Math.floor(now.value / NEXT);
      return next >= 0 && now.width === 4 && said !== next
        ? seen('next offset and wrap counter', said)
        : null;
    },
  },
  {
    id: 'kick-data-packed',
    clauses: cites('PKD-DESC-07 KICK-01'),
    level: 'must',
    speaks: 'modern',
    says: 'the upper half of a kick is not the next place of its ring and its wrap counter',
    on: ['kick'],
    when(now) {
      const next =
        now.fn.has(feature.notificationData) && now.queue!.ring?.kind === 'packed' ? nextOf(now) : -1;
      const said = Math.floor(now.value / NEXT) & (2 * NEXT_WRAP_BIT - 1);
      return next >= 0 && now.width === 4 && said !== next
        ? seen('next offset and wrap counter', said)
        : null;
    },
  },
  {
    id: 'kick-suppressed-by-flag',
    clauses: cites('SPL-ANS-03'),
    level: 'should',
    says: 'a kick although the device had asked for none',
    on: ['kick'],
    when: ({ fn, queue }) => {
      const ring = queue!.ring;
      if (ring?.kind !== 'split' || !fn.lacks(feature.ringEventIndex)) return null;
      // Asked for already when it was looked at before, and still.
      return ring.mutedBefore && ring.usedFlags === RING_SUPPRESS ? seen('flags', ring.usedFlags) : null;
    },
  },
  {
    id: 'kick-suppressed-by-event',
    clauses: cites('SPL-ANS-07'),
    level: 'should',
    says: 'a kick although the index that the device waits for was not reached',
    on: ['kick'],
    when: ({ fn, queue }) => {
      const ring = queue!.ring;
      if (ring?.kind !== 'split' || !fn.has(feature.ringEventIndex) || ring.eventBefore < 0) return null;
      const event = ring.availableEvent;
      const due =
        ((ring.available - event - 1) & 0xffff) < ((ring.available - ring.availableBefore) & 0xffff);
      return event === ring.eventBefore && !due && ring.fresh > 0 ? seen('available event', event) : null;
    },
  },
  {
    id: 'kick-suppressed-packed',
    clauses: cites('PKD-EVT-01'),
    level: 'note',
    speaks: 'modern',
    says: 'a kick of a packed ring although the device had asked for none',
    on: ['kick'],
    when: ({ queue }) => {
      const ring = queue!.ring;
      if (ring?.kind !== 'packed' || !ring.mutedBefore) return null;
      const flags = ring.deviceFlags & PACKED_EVENT_FLAG_MASK;
      return flags === packedEventFlag.disable ? seen('flags', flags) : null;
    },
  },
  {
    id: 'no-kick',
    clauses: cites('SPL-ANS-04 SPL-ANS-06 SPL-ANS-02 SPL-ANS-05'),
    level: 'must',
    says: 'chains were made available and the device, which waits for a kick, was given none',
    on: ['end'],
    when: ({ fn }) => {
      if (!fn.started || !fn.whole) return null;
      for (const { ring, index } of fn.queues.values()) {
        if (ring?.kind !== 'split') continue;
        const fresh = (ring.availableIndex - ring.available) & 0xffff;
        if (fresh === 0 || fresh > ring.size || ring.usedIndex !== ring.used) continue;
        if (fn.lacks(feature.ringEventIndex) && ring.usedFlags === 0)
          return seen('chains', fresh, { queue: index });
        const due = ((ring.availableIndex - ring.availableEvent - 1) & 0xffff) < fresh;
        if (fn.has(feature.ringEventIndex) && due)
          return seen('chains', fresh, { queue: index, clause: 'SPL-ANS-06' });
      }
      return null;
    },
  },
];
