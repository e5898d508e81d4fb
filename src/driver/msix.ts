import type { Bus, MessageTarget } from '../core/index.ts';
import {
  BAR_INDICATOR_MASK,
  capabilityId,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
  VECTOR_MASKED,
} from '../pci/layout/index.ts';
import type { FunctionConfig } from './function-config.ts';
import { configOf, type FoundFunction } from './pci.ts';

/** Where MSI-X has one of its two tables: BAR number, and offset in it in bytes. */
interface TablePlace {
  readonly bar: number;
  readonly offset: number;
}

/**
 * The MSI-X of a function, in the hands of its one owner. The table is looked up in configuration space where it is used,
 * so that it is found wherever its BAR has gone.
 */
export class DriverMsix {
  /** Entries of the table; 0 where the function has no MSI-X, and nothing that is done here does anything. */
  readonly vectors: number;
  readonly #config: FunctionConfig;
  readonly #at: number;
  readonly #messages: MessageTarget[] = [];
  /** The mask bit of each entry, as it is in the table. Every entry is masked until somebody lifts that. */
  readonly #masks: Uint8Array;

  constructor(config: FunctionConfig) {
    this.#config = config;
    this.#at = config.findCapability(capabilityId.msix);
    const control = this.#at === 0 ? 0 : config.read(msixCapability.messageControl, this.#at);
    this.vectors = this.#at === 0 ? 0 : (control & messageControl.tableSize) + 1;
    this.#masks = new Uint8Array(this.vectors).fill(VECTOR_MASKED);
  }

  /** @returns null where the function has no MSI-X, or its table no address or no room in its BAR. */
  static find(bus: Bus, fn: FoundFunction): DriverMsix | null {
    const msix = new DriverMsix(configOf(bus, fn));
    return msix.#usable(fn) ? msix : null;
  }

  /** BAR of the table. */
  get tableBar(): number {
    return this.#where(msixCapability.table).bar;
  }

  #where(register: typeof msixCapability.table): TablePlace {
    const where = this.#config.read(register, this.#at);
    return { bar: where & BAR_INDICATOR_MASK, offset: (where & ~BAR_INDICATOR_MASK) >>> 0 };
  }

  #usable(fn: FoundFunction): boolean {
    if (this.vectors === 0) return false;
    const { bar, offset } = this.#where(msixCapability.table);
    const found = fn.bars.find(({ index }) => index === bar);
    if (found === undefined || found.address === 0 || found.kind === 'io') return false;
    return offset + MSIX_ENTRY_BYTES * this.vectors <= found.size;
  }

  /** Address of the table, or of the pending bits; 0 where it is nowhere. */
  #place(register: typeof msixCapability.table): number {
    const { bar, offset } = this.#where(register);
    const { space, address } = this.#config.barPlace(bar);
    return space === 'io' || address === 0 ? 0 : address + offset;
  }

  /** Address of the table while messages of ours are in it, or 0. */
  #table(): number {
    return this.#messages.length === 0 ? 0 : this.#place(msixCapability.table);
  }

  /**
   * Aims the first entries at messages of their own, masked or not.
   * @param handler is told which vector's message arrived.
   */
  aim(vectors: number, masked: boolean, handler: (vector: number) => void): void {
    const { bus, address: fn } = this.#config;
    const table = this.#place(msixCapability.table);
    const mask = masked ? VECTOR_MASKED : 0;
    for (let vector = 0; vector < vectors; vector++) {
      const message = bus.interrupts.allocateMessage(() => handler(vector), { fn, entry: vector });
      this.#messages.push(message);
      this.#masks[vector] = mask;
      if (table === 0) continue;
      const entry = table + MSIX_ENTRY_BYTES * vector;
      bus.memoryWrite(entry + msixEntry.messageAddressLow.offset, 4, message.addressLow);
      bus.memoryWrite(entry + msixEntry.messageAddressHigh.offset, 4, message.addressHigh);
      bus.memoryWrite(entry + msixEntry.messageData.offset, 4, message.data);
      bus.memoryWrite(entry + msixEntry.vectorControl.offset, 4, mask);
    }
  }

  /** Takes the masks as they are in the table: after a load brought another machine's. */
  takeMasks(): void {
    const table = this.#table();
    if (table === 0) return;
    for (let vector = 0; vector < this.#messages.length; vector++) {
      const at = table + MSIX_ENTRY_BYTES * vector + msixEntry.vectorControl.offset;
      this.#masks[vector] = this.#config.bus.memoryRead(at, 4) & VECTOR_MASKED;
    }
  }

  /** The table holds our messages: it does not, once somebody else has reset the function. */
  get intact(): boolean {
    const [first] = this.#messages;
    if (first === undefined) return true;
    const table = this.#table();
    const { bus } = this.#config;
    return (
      table !== 0 &&
      bus.memoryRead(table + msixEntry.messageAddressLow.offset, 4) === first.addressLow &&
      bus.memoryRead(table + msixEntry.messageData.offset, 4) === first.data
    );
  }

  /** The configuration access also pushes the table's writes ahead of it. */
  enable(on: boolean): void {
    if (this.vectors > 0)
      this.#config.write(msixCapability.messageControl, on ? messageControl.enable : 0, this.#at);
  }

  /** Masks a vector or lifts its mask. What waited for that has been sent when this returns. */
  mask(vector: number, masked: boolean): void {
    const bit = masked ? VECTOR_MASKED : 0;
    if (this.#masks[vector] === bit) return;
    const table = this.#table();
    if (table === 0) return;
    const { bus } = this.#config;
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
    const place =
      8 * offset < this.vectors && this.#messages.length > 0 ? this.#place(msixCapability.pendingBits) : 0;
    return place === 0 ? 0 : this.#config.bus.memoryRead(place + offset, 4);
  }

  /** Messages that have arrived and that nobody was told of yet are of no use any more. */
  discard(): void {
    for (const message of this.#messages) message.discard();
  }

  /** Gives the messages back. Once more does nothing: a vector that was given back may be another's by then. */
  release(): void {
    for (const message of this.#messages.splice(0)) message.release();
  }
}
