import type { Bus, FunctionAddress, Register } from '../../core/index.ts';
import { FOUR_GIB } from '../../core/index.ts';
import {
  barBits,
  capabilityHeader,
  command,
  EXTENDED_START,
  type0Header,
  unpackExtendedHeader,
} from '../../pci/layout/index.ts';
import { TranslatorError } from './backend.ts';

/** What the vendor id reads where no function answers. */
const NOBODY = 0xffff;

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

  /** Somebody answers in its slot. */
  get present(): boolean {
    return this.read(type0Header.vendorId) !== NOBODY;
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
    if (((low & barBits.io) !== 0) !== (kind === 'io'))
      throw new TranslatorError(`BAR${index} of the function is not ${kind} space`);
    const address = this.barPlace(index);
    if (address === 0)
      throw new TranslatorError(`BAR${index} of the function has no address: run the firmware first`);
    return address;
  }

  /** Address in a BAR's register, of either kind; 0 before one was assigned. */
  barPlace(index: number): number {
    const low = this.bus.configRead(this.address, type0Header.bar.offset + 4 * index, 4);
    if ((low & barBits.io) !== 0) return (low & barBits.ioAddressMask) >>> 0;
    const wide = (low & barBits.typeMask) === barBits.memory64;
    const high = wide ? this.bus.configRead(this.address, type0Header.bar.offset + 4 * index + 4, 4) : 0;
    return high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0);
  }

  /**
   * Bytes that a memory BAR takes, measured while nothing is decoded; 0 for what is no memory BAR: I/O, no BAR at all, or
   * the upper half of a 64-bit one.
   */
  memoryBarBytes(index: number): number {
    return this.#undecoded(() => {
      for (let at = 0; at <= index && at < type0Header.bar.count; at++) {
        const low = this.#probe(at);
        if ((low & barBits.io) !== 0) continue;
        const wide = (low & barBits.typeMask) === barBits.memory64;
        const lowMask = (low & barBits.memoryAddressMask) >>> 0;
        const high = wide ? FOUR_GIB - this.#probe(at + 1) : lowMask === 0 ? 0 : 1;
        if (at === index) return high * FOUR_GIB - lowMask;
        if (wide) at++;
      }
      return 0;
    });
  }

  /** Bytes that an I/O BAR takes, measured while nothing is decoded. */
  ioBarBytes(index: number): number {
    return this.#undecoded(() => -(this.#probe(index) & barBits.ioAddressMask));
  }

  /** While a BAR is measured it holds no address: nobody is to be answered there. */
  #undecoded<T>(measure: () => T): T {
    const before = this.read(type0Header.command);
    this.setCommand(0, command.io | command.memory);
    const measured = measure();
    this.write(type0Header.command, before);
    return measured;
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
