import type { BusTarget } from '../../core/index.ts';
import type { VirtioInterrupts } from './interrupts.ts';

/** The ISR status structure: its first byte clears on read, the rest reads 0 (PCI-ISR-05). */
export function isrWindow(interrupts: VirtioInterrupts): BusTarget {
  return {
    read: (offset) => (offset === 0 ? interrupts.readIsr() : 0),
    write: () => {},
  };
}
