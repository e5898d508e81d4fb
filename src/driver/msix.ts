import type { Bus, MessageTarget } from '../core/index.ts';
import {
  BAR_INDICATOR_MASK,
  capabilityId,
  command,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
} from '../pci/layout/index.ts';
import { type FoundFunction, setCommand } from './pci.ts';

/** MSI-X of a function, as its driver uses it: vectors with handlers. */
export class DriverMsix {
  readonly vectors: number;
  readonly #bus: Bus;
  readonly #fn: FoundFunction;
  readonly #at: number;
  readonly #table: number;
  readonly #messages: MessageTarget[] = [];

  private constructor(bus: Bus, fn: FoundFunction, at: number, table: number, vectors: number) {
    this.#bus = bus;
    this.#fn = fn;
    this.#at = at;
    this.#table = table;
    this.vectors = vectors;
  }

  /** @returns null where the function has no MSI-X, or its table no address or no room in its BAR. */
  static find(bus: Bus, fn: FoundFunction): DriverMsix | null {
    const at = fn.capabilities.find(({ id }) => id === capabilityId.msix)?.offset;
    if (at === undefined) return null;
    const control = bus.configRead(fn.address, at + msixCapability.messageControl.offset, 2);
    const where = bus.configRead(fn.address, at + msixCapability.table.offset, 4);
    const bar = fn.bars.find(({ index }) => index === (where & BAR_INDICATOR_MASK));
    if (bar === undefined || bar.address === 0 || bar.kind === 'io') return null;
    const vectors = (control & messageControl.tableSize) + 1;
    const offset = (where & ~BAR_INDICATOR_MASK) >>> 0;
    if (offset + MSIX_ENTRY_BYTES * vectors > bar.size) return null;
    return new DriverMsix(bus, fn, at, bar.address + offset, vectors);
  }

  /** Gives each of the first vectors a handler and switches MSI-X on, INTx off. */
  enable(handlers: readonly (() => void)[]): void {
    for (const [vector, handler] of handlers.entries()) {
      const message = this.#bus.interrupts.allocateMessage(handler, {
        fn: this.#fn.address,
        entry: vector,
      });
      this.#messages.push(message);
      const entry = this.#table + MSIX_ENTRY_BYTES * vector;
      this.#bus.memoryWrite(entry + msixEntry.messageAddressLow.offset, 4, message.addressLow);
      this.#bus.memoryWrite(entry + msixEntry.messageAddressHigh.offset, 4, message.addressHigh);
      this.#bus.memoryWrite(entry + msixEntry.messageData.offset, 4, message.data);
      this.#bus.memoryWrite(entry + msixEntry.vectorControl.offset, 4, 0);
    }
    this.#control(messageControl.enable);
    setCommand(this.#bus, this.#fn.address, command.interruptDisable);
  }

  disable(): void {
    this.#control(0);
    setCommand(this.#bus, this.#fn.address, 0, command.interruptDisable);
    for (const message of this.#messages) message.release();
    this.#messages.length = 0;
  }

  #control(value: number): void {
    this.#bus.configWrite(this.#fn.address, this.#at + msixCapability.messageControl.offset, 2, value);
  }
}
