import { registers, ro, rw } from '../../core/index.ts';

/** Descriptor of the split ring and of indirect tables. */
export const descriptor = registers({
  addressLow: ro(0, 4),
  addressHigh: ro(4, 4),
  length: ro(8, 4),
  flags: ro(12, 2),
  next: ro(14, 2),
});
export const DESCRIPTOR_BYTES = 16;

export const descriptorFlag = { next: 1, write: 2, indirect: 4 } as const;

/** Head of the available ring; `ring` holds queue-size 16-bit heads, used_event follows it. */
export const availableRing = registers({ flags: ro(0, 2), index: ro(2, 2), ring: ro(4, 2) });
export const AVAILABLE_ELEMENT_BYTES = 2;

/** Head of the used ring; `ring` holds queue-size elements, avail_event follows it. */
export const usedRing = registers({ flags: rw(0, 2), index: rw(2, 2), ring: rw(4, 4) });
export const usedElement = registers({ id: rw(0, 4), length: rw(4, 4) });
export const USED_ELEMENT_BYTES = 8;

/** avail.flags: no interrupts, please (SPL-UNS-02); used.flags: no kicks, please (SPL-ANS-09). */
export const RING_SUPPRESS = 1;

/** Largest queue of a split ring. */
export const MAX_QUEUE_SIZE = 32768;

/** Alignment of the three parts, in bytes, where they are placed freely (SPL-LAY-01). */
export const splitAlignment = { descriptors: 16, available: 2, used: 4 } as const;

/** Bytes of each part for a queue of `size` descriptors, event fields included. */
export const descriptorTableBytes = (size: number) => DESCRIPTOR_BYTES * size;
export const availableRingBytes = (size: number) => usedEventOffset(size) + 2;
export const usedRingBytes = (size: number) => availEventOffset(size) + 2;

/** Offset of used_event in the available ring, and of avail_event in the used ring. */
export const usedEventOffset = (size: number) => availableRing.ring.offset + AVAILABLE_ELEMENT_BYTES * size;
export const availEventOffset = (size: number) => usedRing.ring.offset + USED_ELEMENT_BYTES * size;

/** Alignment of the used ring in the legacy layout, in bytes (LEG-VQ-01). */
export const LEGACY_ALIGNMENT = 4096;

const align = (value: number) => Math.ceil(value / LEGACY_ALIGNMENT) * LEGACY_ALIGNMENT;

/** The contiguous legacy layout, in bytes from the queue address (LEG-VRING-02, LEG-VRING-03). */
export function legacyRingLayout(size: number): { available: number; used: number; total: number } {
  const available = descriptorTableBytes(size);
  const used = align(available + availableRingBytes(size));
  return { available, used, total: used + align(usedRingBytes(size)) };
}
