import { registers, ro, rw } from '../../core/index.ts';

/**
 * Descriptor of the packed ring, and of the indirect tables that belong to one (PKD-EVT-04). The device overwrites it with
 * a used descriptor: `id`, `length` and `flags`.
 */
export const packedDescriptor = registers({
  addressLow: ro(0, 4),
  addressHigh: ro(4, 4),
  length: rw(8, 4),
  id: rw(12, 2),
  flags: rw(14, 2),
});
export const PACKED_DESCRIPTOR_BYTES = 16;

/**
 * Flags beside those of {@link descriptorFlag}. Available: `available` bears the wrap counter and `used` its inverse; used:
 * both bear it (PKD-EVT-04).
 */
export const packedDescriptorFlag = { available: 1 << 7, used: 1 << 15 } as const;

/** Event suppression, one structure for each side (PKD-EVT-01). */
export const packedEvent = registers({
  /** Offset in the ring in bits 0..14, wrap counter in bit 15. */
  position: rw(0, 2),
  flags: rw(2, 2),
});
export const PACKED_EVENT_BYTES = 4;

/** Bit of the wrap counter in a position: in an event structure, and in a kick's data. */
export const PACKED_WRAP_BIT = 1 << 15;

/** Values of the event flags' two bits; `descriptor` wants EVENT_IDX, 3 is reserved (PKD-EVT-01). */
export const packedEventFlag = { enable: 0, disable: 1, descriptor: 2 } as const;
export const PACKED_EVENT_FLAG_MASK = 3;

/** Alignment of the three parts, in bytes (PKD-LAY-03). */
export const packedAlignment = { descriptors: 16, event: 4 } as const;

/** Bytes of the descriptor ring for a queue of `size` descriptors, which need be no power of two. */
export const packedRingBytes = (size: number) => PACKED_DESCRIPTOR_BYTES * size;

/*
 * A place in the ring is counted over two rounds, from 0 to twice the size: the wrap counter is 1 in the first round and 0
 * in the second.
 */

/** A place as event structures and kicks name it: offset, and wrap counter in bit 15. */
export const packedPosition = (place: number, size: number) =>
  place < size ? place | PACKED_WRAP_BIT : place - size;

/** The place that a position names; it names none where its offset is not in the ring. */
export const packedPlace = (position: number, size: number) =>
  (position & ~PACKED_WRAP_BIT) + ((position & PACKED_WRAP_BIT) !== 0 ? 0 : size);

/** Descriptors from a place forward to another. */
export const packedDistance = (from: number, to: number, size: number) => {
  const rounds = 2 * size;
  return (to - from + rounds) % rounds;
};

/** Whether the descriptor at a position is one of those between two places: whether an event that asks for it is due. */
export const packedEventDue = (position: number, from: number, to: number, size: number) =>
  (position & ~PACKED_WRAP_BIT) < size &&
  packedDistance(from, packedPlace(position, size), size) < packedDistance(from, to, size);
