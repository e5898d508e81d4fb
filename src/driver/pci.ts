import { type Bus, type FunctionAddress, functionAddress } from '../core/index.ts';
import { MULTI_FUNCTION, type0Header, type1Header } from '../pci/layout/index.ts';
import type { FoundCapability } from './capability-walk.ts';
import { type FoundBar, FunctionConfig } from './function-config.ts';
import { VirtualFunctionConfig, type VirtualOwner } from './virtual-config.ts';

/** Buses that a bridge leads to, from its secondary one up to the subordinate one; 0 before it was given numbers. */
export interface FoundBridge {
  readonly secondaryBus: number;
  readonly subordinateBus: number;
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
  /** Null for what is no bridge. */
  readonly bridge: FoundBridge | null;
  /** Who tells ids and BARs of a virtual function; null for what tells them itself. */
  readonly owner: VirtualOwner | null;
}

const configAt = (bus: Bus, address: FunctionAddress, owner: VirtualOwner | null): FunctionConfig =>
  owner === null ? new FunctionConfig(bus, address) : new VirtualFunctionConfig(bus, address, owner);

/** A function that was found, or where one is looked for. Of a virtual one its address is not enough. */
export type FunctionReference = FoundFunction | FunctionAddress;

/** Configuration space of a function: that of a virtual one is completed by its owner. */
export const configOf = (bus: Bus, fn: FunctionReference): FunctionConfig =>
  typeof fn === 'number' ? configAt(bus, fn, null) : configAt(bus, fn.address, fn.owner);

/** Looks at one function. @param owner of a virtual one. @returns null where there is none. */
export function findFunction(
  bus: Bus,
  fn: FunctionAddress,
  owner: VirtualOwner | null = null,
): FoundFunction | null {
  const config = configAt(bus, fn, owner);
  if (!config.present) return null;
  const get = (name: keyof typeof type0Header) => config.read(type0Header[name]);
  const { isBridge } = config;
  return {
    address: fn,
    vendorId: config.vendorId,
    deviceId: config.deviceId,
    revisionId: get('revisionId'),
    classCode: (get('baseClass') << 16) | (get('subClass') << 8) | get('programmingInterface'),
    subsystemId: isBridge ? 0 : get('subsystemId'),
    interruptLine: get('interruptLine'),
    interruptPin: get('interruptPin'),
    bars: config.measureBars(),
    capabilities: [...config.capabilities()],
    extended: [...config.extendedCapabilities()],
    bridge: isBridge
      ? {
          secondaryBus: config.read(type1Header.secondaryBusNumber),
          subordinateBus: config.read(type1Header.subordinateBusNumber),
        }
      : null,
    owner,
  };
}

/**
 * Every function of a bus, segment << 8 | bus. A device without function 0 has none, and one whose function 0 does not say that there are
 * others is asked for no others (PCI Local Bus 3.0, section 6.2.1).
 */
export function enumerate(bus: Bus, busNumber = 0): FoundFunction[] {
  const found: FoundFunction[] = [];
  for (let device = 0; device < 32; device++) {
    const zero = functionAddress(busNumber & 0xff, device, 0, busNumber >>> 8);
    const first = findFunction(bus, zero);
    if (first === null) continue;
    found.push(first);
    if ((new FunctionConfig(bus, zero).read(type0Header.headerType) & MULTI_FUNCTION) === 0) continue;
    for (let fn = 1; fn < 8; fn++) {
      const each = findFunction(bus, zero + fn);
      if (each !== null) found.push(each);
    }
  }
  return found;
}

/** Sets and clears bits of the command register. */
export function setCommand(bus: Bus, fn: FunctionAddress, set: number, clear = 0): void {
  new FunctionConfig(bus, fn).setCommand(set, clear);
}

/** @throws FunctionGoneError where a function does not answer any more. */
export function assertPresent(bus: Bus, fn: FoundFunction): void {
  configOf(bus, fn).assertPresent();
}
