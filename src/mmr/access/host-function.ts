import type { Bus, FunctionAddress, MessageTarget, Register } from '../../core/index.ts';
import { FOUR_GIB } from '../../core/index.ts';
import {
  BAR_INDICATOR_MASK,
  barBits,
  capabilityHeader,
  capabilityId,
  command,
  EXTENDED_START,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
  type0Header,
  unpackExtendedHeader,
} from '../../pci/layout/index.ts';
import { TranslatorError } from './backend.ts';

/** An ordinary capability list is this long at most: 192 bytes, four each. */
const MAX_CAPABILITIES = 48;

/** The host's view of the function behind the translator: configuration space through the bus, nothing else. */
export class HostFunction {
  readonly bus: Bus;
  readonly address: FunctionAddress;

  constructor(bus: Bus, address: FunctionAddress) {
    this.bus = bus;
    this.address = address;
  }

  read(register: Register, base = 0): number {
    return this.bus.configRead(this.address, base + register.offset, register.width as 1 | 2 | 4);
  }

  write(register: Register, value: number, base = 0): void {
    this.bus.configWrite(this.address, base + register.offset, register.width as 1 | 2 | 4, value);
  }

  /** Sets and clears bits of the command register. */
  setCommand(set: number, clear: number): void {
    this.write(type0Header.command, (this.read(type0Header.command) | set) & ~clear);
  }

  /** Offset of the first capability with that id, or 0. Lists that loop end. */
  findCapability(id: number): number {
    let at = this.read(type0Header.capabilitiesPointer) & ~3;
    for (let seen = 0; at !== 0 && seen < MAX_CAPABILITIES; seen++) {
      if (this.read(capabilityHeader.capabilityId, at) === id) return at;
      at = this.read(capabilityHeader.nextPointer, at) & ~3;
    }
    return 0;
  }

  /** Offsets of the extended capabilities with that id, in list order. Lists that loop end. */
  findExtended(id: number): number[] {
    const found: number[] = [];
    const seen = new Set<number>();
    for (let at = EXTENDED_START; at >= EXTENDED_START && !seen.has(at); ) {
      seen.add(at);
      const header = this.bus.configRead(this.address, at, 4);
      if (header === 0 || header === 0xffffffff) break;
      const { id: each, next } = unpackExtendedHeader(header);
      if (each === id) found.push(at);
      at = next & ~3;
    }
    return found;
  }

  /** Where a BAR is. @throws TranslatorError when it is not of that kind or was never assigned. */
  barAddress(index: number, kind: 'io' | 'memory'): number {
    const low = this.bus.configRead(this.address, type0Header.bar.offset + 4 * index, 4);
    const isIo = (low & barBits.io) !== 0;
    if (isIo !== (kind === 'io'))
      throw new TranslatorError(`BAR${index} of the function is not ${kind} space`);
    if (isIo) return low & barBits.ioAddressMask;
    const wide = (low & barBits.typeMask) === barBits.memory64;
    const high = wide ? this.bus.configRead(this.address, type0Header.bar.offset + 4 * index + 4, 4) : 0;
    const address = high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0);
    if (address === 0)
      throw new TranslatorError(`BAR${index} of the function has no address: run the firmware first`);
    return address;
  }

  /**
   * Bytes that a memory BAR takes, measured while nothing is decoded; 0 for what is no memory BAR: I/O, no BAR at all, or
   * the upper half of a 64-bit one.
   */
  memoryBarBytes(index: number): number {
    const decoding = this.read(type0Header.command);
    this.setCommand(0, command.io | command.memory);
    let bytes = 0;
    for (let at = 0; at <= index && at < type0Header.bar.count; at++) {
      const low = this.#probe(at);
      if ((low & barBits.io) !== 0) continue;
      const wide = (low & barBits.typeMask) === barBits.memory64;
      const lowMask = (low & barBits.memoryAddressMask) >>> 0;
      const high = wide ? FOUR_GIB - this.#probe(at + 1) : lowMask === 0 ? 0 : 1;
      if (at === index) bytes = high * FOUR_GIB - lowMask;
      if (wide) at++;
    }
    this.write(type0Header.command, decoding);
    return bytes;
  }

  /** The bits of a base address register that can be set. */
  #probe(index: number): number {
    const at = type0Header.bar.offset + 4 * index;
    const before = this.bus.configRead(this.address, at, 4);
    this.bus.configWrite(this.address, at, 4, 0xffffffff);
    const mask = this.bus.configRead(this.address, at, 4);
    this.bus.configWrite(this.address, at, 4, before);
    return mask;
  }
}

/** The function's MSI-X, owned by the host: every vector ends in a handler of ours. */
export class HostMessages {
  readonly vectors: number;
  readonly #host: HostFunction;
  readonly #at: number;
  readonly #messages: MessageTarget[] = [];

  /** @param handler is told which vector's message arrived. */
  constructor(host: HostFunction, handler: (vector: number) => void) {
    this.#host = host;
    this.#at = host.findCapability(capabilityId.msix);
    const control = this.#at === 0 ? 0 : host.read(msixCapability.messageControl, this.#at);
    this.vectors = this.#at === 0 ? 0 : (control & messageControl.tableSize) + 1;
    if (this.vectors === 0) return;
    const table = host.read(msixCapability.table, this.#at);
    const base = host.barAddress(table & BAR_INDICATOR_MASK, 'memory') + (table & ~BAR_INDICATOR_MASK);
    for (let vector = 0; vector < this.vectors; vector++) {
      const message = host.bus.interrupts.allocateMessage(() => handler(vector));
      this.#messages.push(message);
      const entry = base + MSIX_ENTRY_BYTES * vector;
      host.bus.memoryWrite(entry + msixEntry.messageAddressLow.offset, 4, message.addressLow);
      host.bus.memoryWrite(entry + msixEntry.messageAddressHigh.offset, 4, message.addressHigh);
      host.bus.memoryWrite(entry + msixEntry.messageData.offset, 4, message.data);
      host.bus.memoryWrite(entry + msixEntry.vectorControl.offset, 4, 0);
    }
  }

  /** The configuration access also pushes the table's writes ahead of it. */
  enable(on: boolean): void {
    if (this.vectors > 0)
      this.#host.write(msixCapability.messageControl, on ? messageControl.enable : 0, this.#at);
  }

  /** Once more does nothing: a vector that was given back may be another's by then. */
  release(): void {
    this.enable(false);
    for (const message of this.#messages.splice(0)) message.release();
  }
}
