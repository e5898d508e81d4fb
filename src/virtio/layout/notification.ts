import { registers, rw } from '../../core/index.ts';

/**
 * What a driver writes into the notification structure: which queue, and with NOTIFICATION_DATA also where the next
 * available entry will be written. Without that feature it ends after `queue`.
 */
export const notification = registers({
  queue: rw(0, 2, 'PCI-KICK-03 PCI-KICK-05'),
  next: rw(2, 2, 'PCI-KICK-04 PCI-KICK-06'),
});

/** Bytes that a notification is written in, without NOTIFICATION_DATA and with it (PCI-KICK-01, PCI-KICK-02). */
export const NOTIFICATION_BYTES = 2;
export const NOTIFICATION_DATA_BYTES = 4;

/** `next` is an offset in the ring and, in this bit, the wrap counter; of a split ring bit 15 of the available index. */
export const NEXT_WRAP_BIT = 1 << 15;
