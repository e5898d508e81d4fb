import { registers, ro, rw } from '../../core/index.ts';
import { capabilityHeader } from './capabilities.ts';

/** MSI-X capability (PCI Local Bus 3.0, section 6.8.2). */
export const msixCapability = registers({
  ...capabilityHeader,
  messageControl: rw(2, 2, 'PCI-MSIX-02', { writable: 0xc000 }),
  table: ro(4, 4),
  pendingBits: ro(8, 4),
});

/** Bits of message control. Table Size is encoded as N - 1. */
export const messageControl = { enable: 0x8000, functionMask: 0x4000, tableSize: 0x07ff } as const;

/** Low bits of `table` and `pendingBits` name the BAR, the rest is the offset in it. */
export const BAR_INDICATOR_MASK = 0x7;

/** One table entry. Every vector is masked after reset. */
export const msixEntry = registers({
  messageAddressLow: rw(0, 4, '', { writable: 0xfffffffc }),
  messageAddressHigh: rw(4, 4),
  messageData: rw(8, 4),
  vectorControl: rw(12, 4, '', { writable: 0x00000001, reset: 0x00000001 }),
});

export const MSIX_ENTRY_BYTES = 16;
export const VECTOR_MASKED = 1;
export const MAX_VECTORS = 0x800;
