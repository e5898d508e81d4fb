import {
  type Bus,
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  type Register,
  type Width,
} from '../core/index.ts';
import { barBits, command, headerType, type0Header, type1Header } from '../pci/layout/index.ts';
import { type FoundCapability, type ListEnd, walkCapabilities, walkExtended } from './capability-walk.ts';
import { FunctionGoneError } from './errors.ts';

/** A base address register as software finds it. `size` in bytes; `address` 0 while unassigned. */
export interface FoundBar {
  readonly index: number;
  readonly kind: 'io' | 'memory32' | 'memory64';
  readonly prefetchable: boolean;
  readonly size: number;
  address: number;
}

/** Where a BAR's registers say that it is, unmeasured. `address` 0 before one was assigned. */
export interface BarPlace {
  readonly space: 'io' | 'memory';
  readonly address: number;
}

/** Vendor id where there is no function: nobody answers, and the bus floats. */
const NO_FUNCTION = 0xffff;

/** Configuration space of one function, as software has it: reads and writes over a bus, at the time of the call. */
export class FunctionConfig {
  readonly bus: Bus;
  readonly address: FunctionAddress;

  constructor(bus: Bus, address: FunctionAddress) {
    this.bus = bus;
    this.address = address;
  }

  /** @param base of the capability that has the register, in bytes; the header's is 0. */
  read(register: Register, base = 0): number {
    return this.bus.configRead(this.address, base + register.offset, register.width as Width);
  }

  write(register: Register, value: number, base = 0): void {
    this.bus.configWrite(this.address, base + register.offset, register.width as Width, value);
  }

  readonly readAt = (offset: number, width: Width): number =>
    this.bus.configRead(this.address, offset, width);

  /** Somebody answers in its slot. */
  get present(): boolean {
    return this.read(type0Header.vendorId) !== NO_FUNCTION;
  }

  /** @throws FunctionGoneError where no function answers. */
  assertPresent(): void {
    if (!this.present) throw new FunctionGoneError(`configuration of ${formatFunctionAddress(this.address)}`);
  }

  /** It has the header of a bridge. */
  get isBridge(): boolean {
    return (this.read(type0Header.headerType) & headerType.mask) === headerType.bridge;
  }

  /** Sets and clears bits of the command register. */
  setCommand(set: number, clear = 0): void {
    this.write(type0Header.command, (this.read(type0Header.command) | set) & ~clear);
  }

  /** The ordinary capabilities, each read when it is asked for. */
  capabilities(): Generator<FoundCapability, ListEnd> {
    return walkCapabilities(this.readAt);
  }

  /** The extended capabilities, each read when it is asked for. */
  extendedCapabilities(): Generator<FoundCapability, ListEnd> {
    return walkExtended(this.readAt);
  }

  /** Offset of the first capability with that id, or 0. */
  findCapability(id: number): number {
    for (const capability of this.capabilities()) if (capability.id === id) return capability.offset;
    return 0;
  }

  #bar(index: number): number {
    return this.readAt(type0Header.bar.offset + 4 * index, 4);
  }

  /** Where a BAR is now. What is no BAR at all reads as memory without an address. */
  barPlace(index: number): BarPlace {
    const low = this.#bar(index);
    if ((low & barBits.io) !== 0) return { space: 'io', address: (low & barBits.ioAddressMask) >>> 0 };
    const high = (low & barBits.typeMask) === barBits.memory64 ? this.#bar(index + 1) : 0;
    return { space: 'memory', address: high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0) };
  }

  /** Writes an address into a BAR, while it is not decoded. */
  placeBar(bar: FoundBar, address: number): void {
    const at = type0Header.bar.offset + 4 * bar.index;
    this.bus.configWrite(this.address, at, 4, address % FOUR_GIB);
    if (bar.kind === 'memory64')
      this.bus.configWrite(this.address, at + 4, 4, Math.floor(address / FOUR_GIB));
    bar.address = address;
  }

  /** Measures BAR0 up to `last`, while nothing is decoded: what is being measured holds no address. */
  measureBars(last: number = type0Header.bar.count - 1): FoundBar[] {
    const before = this.read(type0Header.command);
    this.write(type0Header.command, before & ~(command.io | command.memory));
    const bars: FoundBar[] = [];
    const { count } = (this.isBridge ? type1Header : type0Header).bar;
    for (let index = 0; index <= Math.min(last, count - 1); index++) {
      const bar = this.#measure(index);
      if (bar === null) continue;
      bars.push(bar);
      if (bar.kind === 'memory64') index++;
    }
    this.write(type0Header.command, before);
    return bars;
  }

  /** Bytes that a BAR takes; 0 where that BAR is no one of that space, or the upper half of a 64-bit one. */
  barBytes(index: number, space: BarPlace['space']): number {
    const bar = this.measureBars(index).find((each) => each.index === index);
    return bar !== undefined && (bar.kind === 'io') === (space === 'io') ? bar.size : 0;
  }

  #measure(index: number): FoundBar | null {
    const low = this.#probe(index);
    if ((low.mask & barBits.io) !== 0) {
      const size = (-(low.mask & barBits.ioAddressMask) & 0xffff) >>> 0;
      const address = (low.before & barBits.ioAddressMask) >>> 0;
      return { index, kind: 'io', prefetchable: false, size, address };
    }
    const lowMask = (low.mask & barBits.memoryAddressMask) >>> 0;
    const prefetchable = (low.before & barBits.prefetchable) !== 0;
    const lowAddress = (low.before & barBits.memoryAddressMask) >>> 0;
    if ((low.before & barBits.typeMask) !== barBits.memory64)
      return lowMask === 0
        ? null
        : { index, kind: 'memory32', prefetchable, size: FOUR_GIB - lowMask, address: lowAddress };
    const high = this.#probe(index + 1);
    const size = (FOUR_GIB - high.mask) * FOUR_GIB - lowMask;
    return { index, kind: 'memory64', prefetchable, size, address: high.before * FOUR_GIB + lowAddress };
  }

  /** What a base address register holds, and the bits of it that can be set. */
  #probe(index: number): { before: number; mask: number } {
    const at = type0Header.bar.offset + 4 * index;
    const before = this.#bar(index);
    this.bus.configWrite(this.address, at, 4, 0xffffffff);
    const mask = this.#bar(index);
    this.bus.configWrite(this.address, at, 4, before);
    return { before, mask };
  }
}
