import type { BusTarget } from '../../core/index.ts';
import type { VirtioInterrupts } from './interrupts.ts';

/** The ISR status structure: its first byte clears on read, the rest reads 0 (PCI-ISR-05). */
export class IsrWindow implements BusTarget {
  readonly #interrupts: VirtioInterrupts;

  constructor(interrupts: VirtioInterrupts) {
    this.#interrupts = interrupts;
  }

  read(offset: number): number {
    return offset === 0 ? this.#interrupts.readIsr() : 0;
  }

  write(): void {}
}
