import type { PciFunction } from './function.ts';
import type { MessagePort } from './msix.ts';

/** What the MSI-X table of a function asks of it. */
export class FunctionMessages implements MessagePort {
  readonly #function: PciFunction;

  constructor(fn: PciFunction) {
    this.#function = fn;
  }

  enabled(): boolean {
    return this.#function.msixEnabled;
  }

  masked(): boolean {
    return this.#function.msixMasked;
  }

  busMaster(): boolean {
    return this.#function.busMaster;
  }

  send(addressLow: number, addressHigh: number, data: number): void {
    if (this.#function.plugged) this.#function.slot.sendMessage(addressLow, addressHigh, data);
  }

  elsewhere(): boolean {
    return this.#function.plugged && this.#function.slot.tableElsewhere;
  }

  sendVector(vector: number): void {
    this.#function.slot.sendVector(vector);
  }
}
