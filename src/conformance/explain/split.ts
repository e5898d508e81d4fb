import {
  AVAILABLE_ELEMENT_BYTES,
  availableRing,
  availableRingBytes,
  availEventOffset,
  descriptorTableBytes,
  RING_SUPPRESS,
  splitAlignment,
  USED_ELEMENT_BYTES,
  usedElement,
  usedEventOffset,
  usedRing,
  usedRingBytes,
} from '../../virtio/layout/index.ts';
import { splitChain } from './chain.ts';
import type { RamReader } from './ram.ts';
import {
  areaFault,
  DECODED_CHAINS,
  type RingAreas,
  type RingFault,
  type RingRules,
  type SeenRing,
} from './ring.ts';

const MASK = 0xffff;
const forward = (from: number, to: number) => (to - from) & MASK;

/**
 * Positions in the available ring of what waits. Devices may hand chains back in any order: the heads that were used since
 * are taken away. Where that does not add up, it is what an orderly device would have left.
 */
function waitingSlots(
  head: (slot: number) => number,
  used: (slot: number) => number,
  [available, done]: readonly [available: number, done: number],
  size: number,
): { readonly slots: number[]; readonly certain: boolean } {
  const count = forward(done, available);
  const inOrder = Array.from({ length: count }, (_, i) => (done + i) & MASK);
  const start = (available - size) & MASK;
  // A young ring is remembered whole.
  const from = available < size ? 0 : start;
  const open = new Map<number, number>();
  for (let i = from; i !== available; i = (i + 1) & MASK) open.set(head(i), i);
  const after = new Map<number, number>();
  for (let i = from; i !== available; i = (i + 1) & MASK) after.set(head(i), (after.get(head(i)) ?? 0) + 1);
  if (forward(from, done) <= forward(from, available))
    for (let i = from; i !== done; i = (i + 1) & MASK) {
      const left = (after.get(used(i)) ?? 0) - 1;
      if (left <= 0) open.delete(used(i));
      after.set(used(i), left);
    }
  const slots = [...open.values()].sort((a, b) => forward(from, a) - forward(from, b));
  return slots.length === count ? { slots, certain: true } : { slots: inOrder, certain: false };
}

/** Reads a split ring. */
export function readSplit(
  ram: RamReader,
  { descriptors, driver, device }: RingAreas,
  rules: RingRules,
): SeenRing | RingFault {
  const { size, eventIndex, legacy } = rules;
  const wrong = areaFault(
    [
      {
        name: 'descriptor table',
        address: descriptors,
        length: descriptorTableBytes(size),
        alignment: splitAlignment.descriptors,
      },
      {
        name: 'available ring',
        address: driver,
        length: availableRingBytes(size),
        alignment: splitAlignment.available,
      },
      { name: 'used ring', address: device, length: usedRingBytes(size), alignment: splitAlignment.used },
    ],
    (address, length) => ram.holds(address, length),
    { alignment: 'SPL-LAY-01', place: legacy ? 'LEG-VQ-02' : 'RF-05' },
  );
  if (wrong !== null) return wrong;
  const at = (slot: number) => slot % size;
  const available = ram.word(driver + availableRing.index.offset)!;
  const used = ram.word(device + usedRing.index.offset)!;
  const count = forward(used, available);
  if (count > size)
    return {
      id: 'index-too-far',
      clause: 'SPL-AVL-01',
      says: `the available index ${available} is ${count} ahead of the used index ${used}, in a queue of ${size}`,
    };
  const headAt = (slot: number) =>
    ram.word(driver + availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * at(slot))!;
  const usedAt = (slot: number) =>
    ram.long(device + usedRing.ring.offset + USED_ELEMENT_BYTES * at(slot) + usedElement.id.offset)!;
  const { slots, certain } = waitingSlots(headAt, usedAt, [available, used], size);
  const quietDevice = (ram.word(device + usedRing.flags.offset)! & RING_SUPPRESS) !== 0;
  const quietDriver = (ram.word(driver + availableRing.flags.offset)! & RING_SUPPRESS) !== 0;
  const usedEvent = ram.word(driver + usedEventOffset(size))!;
  const availEvent = ram.word(device + availEventOffset(size))!;
  // Due when the index has gone past the event, as far as what waits goes; of the used ring, past what the driver asked for.
  const kickDue = forward(availEvent, available) - 1 < count && availEvent !== available;
  const interruptDue = forward(usedEvent, used) !== 0 && forward(usedEvent, used) <= size;
  return {
    layout: 'split',
    position: `available index ${available}, used index ${used}`,
    next: available % size,
    waitingCount: count,
    waiting: slots
      .slice(0, DECODED_CHAINS)
      .map((slot) => splitChain(ram, descriptors, headAt(slot), slot, rules)),
    certain,
    used: used !== 0,
    kickWanted: count === 0 ? null : eventIndex ? kickDue : !quietDevice,
    interruptWanted: eventIndex ? interruptDue : !quietDriver,
    events: eventIndex
      ? `the device wants a kick at ${availEvent}, the driver an interrupt at ${usedEvent}`
      : `the device ${quietDevice ? 'wants no kicks' : 'wants kicks'}, the driver ${quietDriver ? 'no interrupts' : 'interrupts'}`,
  };
}
