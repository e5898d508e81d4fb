import type { MessageTarget } from '../../core/index.ts';
import {
  BAR_INDICATOR_MASK,
  capabilityId,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
  VECTOR_MASKED,
} from '../../pci/layout/index.ts';
import type { HostFunction } from './host-function.ts';

/** The function's MSI-X, owned by the host: every vector ends in a handler of ours. */
export class HostMessages {
  readonly vectors: number;
  readonly #host: HostFunction;
  readonly #at: number;
  readonly #messages: MessageTarget[] = [];
  /** The mask bit of each vector, as the table has it. */
  readonly #masks: Uint8Array;

  /**
   * Every vector starts masked, and MSI-X off.
   * @param handler is told which vector's message arrived.
   * @throws TranslatorError when the table's BAR has no address.
   */
  constructor(host: HostFunction, handler: (vector: number) => void) {
    this.#host = host;
    this.#at = host.findCapability(capabilityId.msix);
    const control = this.#at === 0 ? 0 : host.read(msixCapability.messageControl, this.#at);
    this.vectors = this.#at === 0 ? 0 : (control & messageControl.tableSize) + 1;
    this.#masks = new Uint8Array(this.vectors);
    if (this.vectors === 0) return;
    this.enable(false);
    host.barAddress(host.read(msixCapability.table, this.#at) & BAR_INDICATOR_MASK, 'memory');
    for (let vector = 0; vector < this.vectors; vector++)
      this.#messages.push(
        host.bus.interrupts.allocateMessage(() => handler(vector), { fn: host.address, entry: vector }),
      );
    this.#program();
    this.takeMasks();
    this.maskAll(() => true);
  }

  /** Writes every vector's message into the table. Where a state is loaded, the machine aims them anew. */
  #program(): void {
    const { bus } = this.#host;
    const table = this.#place(msixCapability.table);
    if (table === 0) return;
    for (const [vector, message] of this.#messages.entries()) {
      const entry = table + MSIX_ENTRY_BYTES * vector;
      bus.memoryWrite(entry + msixEntry.messageAddressLow.offset, 4, message.addressLow);
      bus.memoryWrite(entry + msixEntry.messageAddressHigh.offset, 4, message.addressHigh);
      bus.memoryWrite(entry + msixEntry.messageData.offset, 4, message.data);
    }
  }

  /** Takes the masks as they are in the table: at first, and after a load brought another machine's. */
  takeMasks(): void {
    const { bus } = this.#host;
    const table = this.#place(msixCapability.table);
    if (table === 0) return;
    for (let vector = 0; vector < this.vectors; vector++) {
      const at = table + MSIX_ENTRY_BYTES * vector + msixEntry.vectorControl.offset;
      this.#masks[vector] = bus.memoryRead(at, 4) & VECTOR_MASKED;
    }
  }

  /** Address of the table, or of the pending bits, wherever their BAR is now; 0 where it is nowhere, or nothing is ours. */
  #place(register: typeof msixCapability.table): number {
    if (this.#messages.length === 0) return 0;
    const place = this.#host.read(register, this.#at);
    const bar = this.#host.barPlace(place & BAR_INDICATOR_MASK);
    return bar === 0 ? 0 : bar + (place & ~BAR_INDICATOR_MASK);
  }

  /** The table holds our messages: it does not, once somebody else has reset the function. */
  get intact(): boolean {
    const [first] = this.#messages;
    if (first === undefined) return true;
    const table = this.#place(msixCapability.table);
    const { bus } = this.#host;
    return (
      table !== 0 &&
      bus.memoryRead(table + msixEntry.messageAddressLow.offset, 4) === first.addressLow &&
      bus.memoryRead(table + msixEntry.messageData.offset, 4) === first.data
    );
  }

  /** The configuration access also pushes the table's writes ahead of it. */
  enable(on: boolean): void {
    if (this.vectors > 0)
      this.#host.write(msixCapability.messageControl, on ? messageControl.enable : 0, this.#at);
  }

  /** The function has MSI-X enabled: it is not, once somebody has reset the function. */
  get enabled(): boolean {
    if (this.vectors === 0) return false;
    return (this.#host.read(msixCapability.messageControl, this.#at) & messageControl.enable) !== 0;
  }

  /** Masks a vector or lifts its mask. What waited for that has been sent when this returns. */
  mask(vector: number, masked: boolean): void {
    const bit = masked ? VECTOR_MASKED : 0;
    if (this.#masks[vector] === bit) return;
    const table = this.#place(msixCapability.table);
    if (table === 0) return;
    const { bus } = this.#host;
    const at = table + MSIX_ENTRY_BYTES * vector + msixEntry.vectorControl.offset;
    this.#masks[vector] = bit;
    bus.memoryWrite(at, 4, bit);
    // The write is posted: the read pushes it.
    bus.memoryRead(at, 4);
  }

  /** Gives every vector the mask that `masked` says. */
  maskAll(masked: (vector: number) => boolean): void {
    for (let vector = 0; vector < this.vectors; vector++) this.mask(vector, masked(vector));
  }

  /** Some vector is masked. */
  get anyMasked(): boolean {
    return this.#masks.includes(VECTOR_MASKED);
  }

  /** Four bytes of the pending bits; `offset` in bytes, a multiple of 4. */
  pendingBits(offset: number): number {
    const place = 8 * offset < this.vectors ? this.#place(msixCapability.pendingBits) : 0;
    return place === 0 ? 0 : this.#host.bus.memoryRead(place + offset, 4);
  }

  /** Messages that have arrived and that nobody was told of yet are of no use any more. */
  discard(): void {
    for (const message of this.#messages) message.discard();
  }

  /** Once more does nothing: a vector that was given back may be another's by then. */
  release(): void {
    for (const message of this.#messages.splice(0)) message.release();
  }
}
