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

/** Where a base address register at an offset says that it is, by the one after it where it has 64 bits. */
export function barPlaceAt(read: (offset: number, width: Width) => number, at: number): BarPlace {
  const low = read(at, 4);
  if ((low & barBits.io) !== 0) return { space: 'io', address: (low & barBits.ioAddressMask) >>> 0 };
  const high = (low & barBits.typeMask) === barBits.memory64 ? read(at + 4, 4) : 0;
  return { space: 'memory', address: high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0) };
}

/** Vendor id where there is no function: nobody answers, and the bus floats. */
const NO_FUNCTION = 0xffff;
/** Command and status of such a place: in status, some bits are never set. */
const NOBODY = 0xffffffff;

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

  get vendorId(): number {
    return this.read(type0Header.vendorId);
  }

  get deviceId(): number {
    return this.read(type0Header.deviceId);
  }

  /** Somebody answers in its slot. */
  get present(): boolean {
    return this.vendorId !== NO_FUNCTION;
  }

  /** Somebody answers, who may be a virtual function: it reads no ids. */
  get answers(): boolean {
    return this.readAt(type0Header.command.offset, 4) !== NOBODY;
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

  /** Offset of the first extended capability with that id, or 0. */
  findExtended(id: number): number {
    for (const capability of this.extendedCapabilities()) if (capability.id === id) return capability.offset;
    return 0;
  }

  /** Offset of the first capability with that id, or 0. */
  findCapability(id: number): number {
    for (const capability of this.capabilities()) if (capability.id === id) return capability.offset;
    return 0;
  }

  /** Where a BAR is now. What is no BAR at all reads as memory without an address. */
  barPlace(index: number): BarPlace {
    return barPlaceAt(this.readAt, type0Header.bar.offset + 4 * index);
  }

  /** BARs of a space are decoded. */
  decodes(space: BarPlace['space']): boolean {
    return (this.read(type0Header.command) & command[space]) !== 0;
  }

  /** Writes an address into a BAR, while it is not decoded. `registers` is where BAR0 stands, in bytes. */
  placeBar(bar: FoundBar, address: number, registers: number = type0Header.bar.offset): void {
    const at = registers + 4 * bar.index;
    this.bus.configWrite(this.address, at, 4, address % FOUR_GIB);
    if (bar.kind === 'memory64')
      this.bus.configWrite(this.address, at + 4, 4, Math.floor(address / FOUR_GIB));
    bar.address = address;
  }

  /** Measures BAR0 up to `last`, while nothing is decoded: what is being measured holds no address. */
  measureBars(last: number = type0Header.bar.count - 1): FoundBar[] {
    const before = this.read(type0Header.command);
    this.write(type0Header.command, before & ~(command.io | command.memory));
    const { offset, count } = (this.isBridge ? type1Header : type0Header).bar;
    const bars = this.measureAt(offset, Math.min(last + 1, count));
    this.write(type0Header.command, before);
    return bars;
  }

  /** Measures `count` base address registers from an offset on, which nobody decodes meanwhile. */
  measureAt(registers: number, count: number): FoundBar[] {
    const bars: FoundBar[] = [];
    for (let index = 0; index < count; index++) {
      const bar = this.#measure(registers, index);
      if (bar === null) continue;
      bars.push(bar);
      if (bar.kind === 'memory64') index++;
    }
    return bars;
  }

  /** Bytes that a BAR takes; 0 where that BAR is no one of that space, or the upper half of a 64-bit one. */
  barBytes(index: number, space: BarPlace['space']): number {
    const bar = this.measureBars(index).find((each) => each.index === index);
    return bar !== undefined && (bar.kind === 'io') === (space === 'io') ? bar.size : 0;
  }

  #measure(registers: number, index: number): FoundBar | null {
    const low = this.#probe(registers + 4 * index);
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
    const high = this.#probe(registers + 4 * (index + 1));
    const size = (FOUR_GIB - high.mask) * FOUR_GIB - lowMask;
    return { index, kind: 'memory64', prefetchable, size, address: high.before * FOUR_GIB + lowAddress };
  }

  /** What a base address register holds, and the bits of it that can be set. */
  #probe(at: number): { before: number; mask: number } {
    const before = this.readAt(at, 4);
    this.bus.configWrite(this.address, at, 4, 0xffffffff);
    const mask = this.readAt(at, 4);
    this.bus.configWrite(this.address, at, 4, before);
    return { before, mask };
  }
}
