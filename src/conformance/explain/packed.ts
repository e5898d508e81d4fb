import {
  descriptorFlag,
  PACKED_EVENT_BYTES,
  PACKED_EVENT_FLAG_MASK,
  PACKED_WRAP_BIT,
  packedAlignment,
  packedDescriptorFlag,
  packedEvent,
  packedEventFlag,
  packedRingBytes,
} from '../../virtio/layout/index.ts';
import {
  bufferFault,
  type ChainFault,
  descriptorAt,
  followIndirect,
  type RawDescriptor,
  type SeenBuffer,
  type SeenChain,
} from './chain.ts';
import type { RamReader } from './ram.ts';
import {
  areaFault,
  DECODED_CHAINS,
  type RingAreas,
  type RingFault,
  type RingRules,
  type SeenRing,
} from './ring.ts';

const { available: AVAILABLE, used: USED } = packedDescriptorFlag;
const { write: WRITE, next: NEXT, indirect: INDIRECT } = descriptorFlag;

const isAvailable = (flags: number, wrap: boolean) =>
  ((flags & AVAILABLE) !== 0) === wrap && ((flags & USED) !== 0) !== wrap;
const isUsed = (flags: number, wrap: boolean) =>
  ((flags & AVAILABLE) !== 0) === wrap && ((flags & USED) !== 0) === wrap;

/** The slots of a list that begins at one, up to the one without NEXT or the end of the ring. */
function listFrom(slots: readonly RawDescriptor[], first: number): number[] {
  const list: number[] = [];
  for (let slot = first; list.length < slots.length; slot = (slot + 1) % slots.length) {
    list.push(slot);
    if ((slots[slot]!.flags & NEXT) === 0) break;
  }
  return list;
}

/** What a part of the ring holds: lists that wait, and where it ends. */
interface Stretch {
  readonly lists: readonly (readonly number[])[];
  readonly end: number;
  /** Buffer id of a used descriptor that was the last: its list may go on behind. Null for one that nobody knows; else undefined. */
  readonly left: number | null | undefined;
  readonly certain: boolean;
  readonly used: boolean;
}

/**
 * Reads the ring from a slot on, as far as it is of one round. A device writes over the first descriptor of a list only, so that
 * the rest of a list that was used looks as if it waited. What comes after a used descriptor and ends with its buffer id
 * is such a rest where it is linked, or begins as no request of the queue does; a single descriptor may be one or not.
 * @param left as {@link Stretch.left}, of what stands before the slot.
 */
function stretch(
  slots: readonly RawDescriptor[],
  first: number,
  wrap: boolean,
  opens: RingRules['opens'],
  left: Stretch['left'],
): Stretch {
  const lists: number[][] = [];
  let [slot, certain, used] = [first, true, false];
  let before = left;
  while (slot < slots.length) {
    const { flags, address, next: id } = slots[slot]!;
    // A slot that nobody has written is of no round.
    if (isUsed(flags, wrap) && (wrap || flags !== 0 || address !== 0)) {
      used = true;
      before = id;
      slot++;
      continue;
    }
    if (!isAvailable(flags, wrap)) break;
    const list = listFrom(slots, slot);
    const couldBeRest = before === null || before === slots[list.at(-1)!]!.next;
    const begins = (flags & WRITE) !== 0 ? 'writable' : 'readable';
    const isRest =
      couldBeRest && before !== undefined && (list.length > 1 || (opens !== null && opens !== begins));
    if (!isRest) {
      if (couldBeRest && before !== undefined) certain = false;
      lists.push(list);
    }
    before = undefined;
    slot += list.length;
  }
  return { lists, end: slot, left: before, certain, used };
}

/** Chains that wait, the oldest first, and where the driver goes on. */
function walk(slots: readonly RawDescriptor[], opens: RingRules['opens']) {
  // The round that the driver is in, by the slot that it writes first in one.
  const wrap = (slots[0]!.flags & AVAILABLE) !== 0;
  const { end } = stretch(slots, 0, wrap, opens, undefined);
  const ended = end >= slots.length;
  const before = stretch(slots, end, !wrap, opens, end > 0 ? null : undefined);
  // A list of the round before may go on at the start of the ring.
  const whole = !ended && before.end >= slots.length;
  const spilt = ended ? 0 : Math.max(0, before.end - slots.length);
  const now = stretch(slots, spilt, wrap, opens, whole ? before.left : undefined);
  // So may one of a list whose first slot the driver has written over: what comes behind it was used already.
  const orphan = !whole && spilt === 0 && now.used && now.lists[0]?.[0] === 0;
  return {
    lists: [...before.lists, ...now.lists.slice(orphan ? 1 : 0)],
    next: now.end % slots.length,
    wrap: ended ? !wrap : end === 0 && !wrap ? true : wrap,
    certain: before.certain && now.certain && !orphan,
    used: before.used || now.used,
  };
}

function chainOf(
  ram: RamReader,
  slots: readonly RawDescriptor[],
  list: readonly number[],
  rules: RingRules,
): SeenChain {
  const buffers: SeenBuffer[] = [];
  const [first] = list as [number];
  const head = slots[list.at(-1)!]!.next;
  const done = (fault: ChainFault | null): SeenChain => ({ head, slot: first, buffers, fault });
  for (const slot of list) {
    const raw = slots[slot]!;
    if ((raw.flags & INDIRECT) !== 0) {
      if (list.length > 1)
        return done({
          id: 'indirect',
          clause: 'PKD-IND-04',
          says: `slot ${slot} is indirect, in a list of several`,
        });
      return done(followIndirect(ram, buffers, raw, rules));
    }
    const buffer = { address: raw.address, length: raw.length, writable: (raw.flags & WRITE) !== 0 };
    const wrong = bufferFault(ram, buffers, buffer, rules);
    buffers.push(buffer);
    if (wrong !== null) return done(wrong);
  }
  const last = list.at(-1)!;
  if ((slots[last]!.flags & NEXT) !== 0)
    return done({
      id: 'too-long',
      clause: 'PKD-SG-02',
      says: `the list goes on for more than the ${rules.size} descriptors of the queue`,
    });
  return done(null);
}

const asks = ['always', 'never', 'at', 'reserved'] as const;

/** Reads a packed ring. */
export function readPacked(
  ram: RamReader,
  { descriptors, driver, device }: RingAreas,
  rules: RingRules,
): SeenRing | RingFault {
  const { size } = rules;
  const event = { length: PACKED_EVENT_BYTES, alignment: packedAlignment.event };
  const wrong = areaFault(
    [
      {
        name: 'descriptor ring',
        address: descriptors,
        length: packedRingBytes(size),
        alignment: packedAlignment.descriptors,
      },
      { name: "driver's event area", address: driver, ...event },
      { name: "device's event area", address: device, ...event },
    ],
    (address, length) => ram.holds(address, length),
    { alignment: 'PKD-LAY-03', place: 'RF-05' },
  );
  if (wrong !== null) return wrong;
  const slots = Array.from({ length: size }, (_, slot) => descriptorAt(ram, descriptors, slot, true)!);
  const { lists, next, wrap, certain, used } = walk(slots, rules.opens);
  const wish = (area: number) => {
    const kind = ram.word(area + packedEvent.flags.offset)! & PACKED_EVENT_FLAG_MASK;
    const position = ram.word(area + packedEvent.position.offset)!;
    const place = `${position & ~PACKED_WRAP_BIT}, wrap ${(position & PACKED_WRAP_BIT) === 0 ? 0 : 1}`;
    return { kind, says: kind === packedEventFlag.descriptor ? `at slot ${place}` : asks[kind]! };
  };
  const [ofDevice, ofDriver] = [wish(device), wish(driver)];
  const wanted = (kind: number) =>
    kind === packedEventFlag.descriptor ? null : kind === packedEventFlag.enable;
  return {
    layout: 'packed',
    position: `the driver goes on at slot ${next}, wrap ${wrap ? 1 : 0}`,
    next,
    waitingCount: lists.length,
    waiting: lists.slice(0, DECODED_CHAINS).map((list) => chainOf(ram, slots, list, rules)),
    certain,
    used,
    kickWanted: lists.length === 0 ? null : wanted(ofDevice.kind),
    interruptWanted: wanted(ofDriver.kind),
    events: `the device wants a kick ${ofDevice.says}, the driver an interrupt ${ofDriver.says}`,
  };
}
