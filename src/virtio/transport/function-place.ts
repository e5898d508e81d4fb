import type { DmaDomain, Finding, FunctionAddress, Scheduler } from '../../core/index.ts';
import type { PciFunction, Slot } from '../../pci/index.ts';
import type { DevicePlace } from '../behaviour.ts';

/** Where the device behind a plugged function is: in the function's slot. */
export class FunctionPlace implements DevicePlace {
  readonly subject: string;
  readonly dma: DmaDomain;
  readonly scheduler: Scheduler;
  readonly #slot: Slot;

  constructor({ slot, name }: PciFunction) {
    this.subject = name;
    this.dma = slot.dma;
    this.scheduler = slot.scheduler;
    this.#slot = slot;
  }

  get address(): FunctionAddress {
    return this.#slot.address;
  }

  report(finding: Finding): void {
    this.#slot.report(finding);
  }
}
