import {
  type Bus,
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  functionAddress,
  type Width,
} from '../core/index.ts';
import {
  barBits,
  capabilityHeader,
  command,
  EXTENDED_START,
  MULTI_FUNCTION,
  status,
  type0Header,
  unpackExtendedHeader,
} from '../pci/layout/index.ts';
import { FunctionGoneError } from './errors.ts';

/** A base address register as software finds it. `size` in bytes; `address` 0 while unassigned. */
export interface FoundBar {
  readonly index: number;
  readonly kind: 'io' | 'memory32' | 'memory64';
  readonly prefetchable: boolean;
  readonly size: number;
  address: number;
}

export interface FoundCapability {
  readonly id: number;
  readonly offset: number;
}

/** A function as software finds it. */
export interface FoundFunction {
  readonly address: FunctionAddress;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;
  readonly classCode: number;
  readonly subsystemId: number;
  readonly interruptLine: number;
  readonly interruptPin: number;
  readonly bars: readonly FoundBar[];
  readonly capabilities: readonly FoundCapability[];
  readonly extended: readonly FoundCapability[];
}

/** Vendor id where there is no function: nobody answers, and the bus floats. */
const NO_FUNCTION = 0xffff;

const get = (bus: Bus, fn: FunctionAddress, name: keyof typeof type0Header) =>
  bus.configRead(fn, type0Header[name].offset, type0Header[name].width as Width);

/** Measures one BAR; decoding is off meanwhile. */
function probeBar(bus: Bus, fn: FunctionAddress, index: number): FoundBar | null {
  const at = type0Header.bar.offset + 4 * index;
  const probe = (offset: number) => {
    const before = bus.configRead(fn, offset, 4);
    bus.configWrite(fn, offset, 4, 0xffffffff);
    const mask = bus.configRead(fn, offset, 4);
    bus.configWrite(fn, offset, 4, before);
    return { before, mask };
  };
  const low = probe(at);
  if ((low.mask & barBits.io) !== 0) {
    const size = (-(low.mask & barBits.ioAddressMask) & 0xffff) >>> 0;
    return {
      index,
      kind: 'io',
      prefetchable: false,
      size,
      address: (low.before & barBits.ioAddressMask) >>> 0,
    };
  }
  const lowMask = (low.mask & barBits.memoryAddressMask) >>> 0;
  const prefetchable = (low.before & barBits.prefetchable) !== 0;
  const lowAddress = (low.before & barBits.memoryAddressMask) >>> 0;
  if ((low.before & barBits.typeMask) !== barBits.memory64)
    return lowMask === 0
      ? null
      : { index, kind: 'memory32', prefetchable, size: FOUR_GIB - lowMask, address: lowAddress };
  const high = probe(at + 4);
  const size = (FOUR_GIB - high.mask) * FOUR_GIB - lowMask;
  return { index, kind: 'memory64', prefetchable, size, address: high.before * FOUR_GIB + lowAddress };
}

function probeBars(bus: Bus, fn: FunctionAddress): FoundBar[] {
  const before = get(bus, fn, 'command');
  bus.configWrite(fn, type0Header.command.offset, 2, before & ~(command.io | command.memory));
  const bars: FoundBar[] = [];
  for (let index = 0; index < type0Header.bar.count; index++) {
    const bar = probeBar(bus, fn, index);
    if (bar === null) continue;
    bars.push(bar);
    if (bar.kind === 'memory64') index++;
  }
  bus.configWrite(fn, type0Header.command.offset, 2, before);
  return bars;
}

/** Walks the ordinary list; a list that loops or leaves its space ends. */
function walkCapabilities(bus: Bus, fn: FunctionAddress): FoundCapability[] {
  const found: FoundCapability[] = [];
  const seen = new Set<number>();
  if ((get(bus, fn, 'status') & status.capabilities) === 0) return found;
  let at = get(bus, fn, 'capabilitiesPointer') & ~3;
  while (at >= 0x40 && !seen.has(at)) {
    seen.add(at);
    found.push({ id: bus.configRead(fn, at + capabilityHeader.capabilityId.offset, 1), offset: at });
    at = bus.configRead(fn, at + capabilityHeader.nextPointer.offset, 1) & ~3;
  }
  return found;
}

/** Walks the extended list in the same way. Conventional functions have none. */
function walkExtended(bus: Bus, fn: FunctionAddress): FoundCapability[] {
  const found: FoundCapability[] = [];
  const seen = new Set<number>();
  let at = EXTENDED_START;
  while (at >= EXTENDED_START && !seen.has(at)) {
    seen.add(at);
    const header = bus.configRead(fn, at, 4);
    if (header === 0 || header === 0xffffffff) break;
    const { id, next } = unpackExtendedHeader(header);
    found.push({ id, offset: at });
    at = next & ~3;
  }
  return found;
}

/** @throws FunctionGoneError where no function answers at an address. */
export function assertPresent(bus: Bus, fn: FunctionAddress): void {
  if (get(bus, fn, 'vendorId') === NO_FUNCTION)
    throw new FunctionGoneError(`configuration of ${formatFunctionAddress(fn)}`);
}

/** Looks at one function. @returns null where there is none. */
export function findFunction(bus: Bus, fn: FunctionAddress): FoundFunction | null {
  const vendorId = get(bus, fn, 'vendorId');
  if (vendorId === NO_FUNCTION) return null;
  return {
    address: fn,
    vendorId,
    deviceId: get(bus, fn, 'deviceId'),
    revisionId: get(bus, fn, 'revisionId'),
    classCode:
      (get(bus, fn, 'baseClass') << 16) |
      (get(bus, fn, 'subClass') << 8) |
      get(bus, fn, 'programmingInterface'),
    subsystemId: get(bus, fn, 'subsystemId'),
    interruptLine: get(bus, fn, 'interruptLine'),
    interruptPin: get(bus, fn, 'interruptPin'),
    bars: probeBars(bus, fn),
    capabilities: walkCapabilities(bus, fn),
    extended: walkExtended(bus, fn),
  };
}

/**
 * Every function of a bus. A device without function 0 has none, and one whose function 0 does not say that there are
 * others is asked for no others (PCI Local Bus 3.0, section 6.2.1).
 */
export function enumerate(bus: Bus, busNumber = 0): FoundFunction[] {
  const found: FoundFunction[] = [];
  for (let device = 0; device < 32; device++) {
    const zero = functionAddress(busNumber, device);
    const first = findFunction(bus, zero);
    if (first === null) continue;
    found.push(first);
    if ((get(bus, zero, 'headerType') & MULTI_FUNCTION) === 0) continue;
    for (let fn = 1; fn < 8; fn++) {
      const each = findFunction(bus, functionAddress(busNumber, device, fn));
      if (each !== null) found.push(each);
    }
  }
  return found;
}

/** Sets and clears bits of the command register. */
export function setCommand(bus: Bus, fn: FunctionAddress, set: number, clear = 0): void {
  const before = get(bus, fn, 'command');
  bus.configWrite(fn, type0Header.command.offset, 2, (before | set) & ~clear);
}
