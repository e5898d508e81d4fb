import { type Bus, type FunctionAddress, formatFunctionAddress } from '../core/index.ts';
import { sriovControl } from '../pci/layout/index.ts';
import { whyOutOfReach } from './bus-reach.ts';
import { type FoundBar, FunctionConfig } from './function-config.ts';
import { type FoundFunction, findFunction } from './pci.ts';
import { DriverSriov, farthestOf, VIRTUAL_DECODED, type VirtualRouting } from './sriov.ts';
import {
  NoVirtualFunctionsError,
  SriovRegisterError,
  VirtualBarError,
  VirtualFunctionCountError,
  VirtualFunctionIndexError,
  VirtualFunctionsEnabledError,
  VirtualRoutingError,
} from './sriov-errors.ts';
import type { VirtualOwner } from './virtual-config.ts';
import { type WaitOptions, Waits } from './waits.ts';

export interface EnableOptions extends WaitOptions {
  /**
   * Sets the bit that says that routing ids are taken as ARI has them, whatever device that makes of them: for a function
   * below a port that forwards by them. By default it stays as it is.
   */
  readonly alternativeRouting?: boolean;
}

const LAST_ROUTING_ID = 0xffff;

/** The virtual functions of one physical function, while they are enabled: where each is, and its BARs. They count from 1. */
export class EnabledVirtualFunctions {
  readonly bus: Bus;
  readonly physical: FunctionAddress;
  readonly count: number;
  /** BARs of the first; those of each other follow by their size. */
  readonly bars: readonly FoundBar[];
  readonly routing: VirtualRouting;
  readonly #owner: Omit<VirtualOwner, 'index'>;

  /** @param count of those that are enabled. */
  constructor(sriov: DriverSriov, count: number, routing: VirtualRouting, bars: readonly FoundBar[]) {
    const { bus, address: physical, vendorId } = sriov.config;
    this.bus = bus;
    this.physical = physical;
    this.count = count;
    this.routing = routing;
    this.bars = bars;
    this.#owner = { physical, capability: sriov.at, vendorId, deviceId: sriov.vfDeviceId, bars };
  }

  #check(index: number): void {
    if (!Number.isInteger(index) || index < 1 || index > this.count)
      throw new VirtualFunctionIndexError(index, this.count);
  }

  /** Where configuration accesses reach one. @throws VirtualFunctionIndexError */
  addressOf(index: number): FunctionAddress {
    this.#check(index);
    return this.physical + this.routing.offset + (index - 1) * this.routing.stride;
  }

  /** Where a BAR of one is; 0 for a BAR that they do not have. @throws VirtualFunctionIndexError */
  barAddress(index: number, bar: number): number {
    this.#check(index);
    const found = this.bars.find((each) => each.index === bar);
    return found === undefined ? 0 : found.address + (index - 1) * found.size;
  }

  /**
   * One of them as software finds it, its ids and BARs those that its owner tells.
   * @returns null where it does not answer. @throws VirtualFunctionIndexError
   */
  find(index: number): FoundFunction | null {
    return findFunction(this.bus, this.addressOf(index), { ...this.#owner, index });
  }
}

/** @throws NoVirtualFunctionsError */
function requireSriov(bus: Bus, physical: FunctionAddress): DriverSriov {
  const sriov = DriverSriov.find(bus, physical);
  if (sriov === null) throw new NoVirtualFunctionsError(physical);
  return sriov;
}

/** @throws VirtualRoutingError */
function checkRouting(bus: Bus, physical: FunctionAddress, routing: VirtualRouting, count: number): void {
  const refuse = (why: string) => {
    throw new VirtualRoutingError(physical, routing, count, why);
  };
  if (routing.offset === 0)
    refuse('the first is the physical function itself, wants an offset of 1 at least');
  if (count > 1 && routing.stride === 0) refuse('all have one address, wants a stride of 1 at least');
  const last = (physical & LAST_ROUTING_ID) + farthestOf(routing, count);
  if (last > LAST_ROUTING_ID)
    refuse(
      `the last has routing id 0x${last.toString(16)}, a segment has no more than 0x${LAST_ROUTING_ID.toString(16)}`,
    );
  const why = whyOutOfReach(bus, physical, routing, count);
  if (why !== null) refuse(why);
}

/** A BAR without an address. @throws VirtualBarError */
function checkBars(physical: FunctionAddress, bars: readonly FoundBar[]): void {
  for (const { index, address, size } of bars)
    if (address === 0) throw new VirtualBarError(physical, index, size);
}

/**
 * Enables virtual functions, as the driver of a physical function does: NumVFs is set, where they are is read again, since it
 * depends on that, and then they are switched on and their BARs decoded. When this returns the first of them answers; what
 * is refused leaves none. A virtio driver has accepted SR_IOV before (RF-11).
 * @param count of 1 up to as many as the function has.
 * @throws NoVirtualFunctionsError, VirtualFunctionsEnabledError, VirtualFunctionCountError, VirtualBarError, VirtualRoutingError,
 * SriovRegisterError; NoAnswerError where the first never answers
 */
export function enableVirtualFunctions(
  bus: Bus,
  physical: FunctionAddress,
  count: number,
  options: EnableOptions = {},
): EnabledVirtualFunctions {
  const sriov = requireSriov(bus, physical);
  if (sriov.enabled) throw new VirtualFunctionsEnabledError(physical, sriov.numVfs);
  const { availableVfs } = sriov;
  if (!Number.isInteger(count) || count < 1 || count > availableVfs)
    throw new VirtualFunctionCountError(count, availableVfs);
  const bars = sriov.measureBars();
  checkBars(physical, bars);
  const { alternativeRouting } = options;
  const ari = sriovControl.alternativeRoutingHierarchy;
  if (alternativeRouting !== undefined)
    sriov.setControl(alternativeRouting ? ari : 0, alternativeRouting ? 0 : ari);
  sriov.numVfs = count;
  try {
    const kept = sriov.numVfs;
    if (kept !== count) throw new SriovRegisterError(physical, 'NumVFs', count, kept);
    const { routing } = sriov;
    checkRouting(bus, physical, routing, count);
    switchOn(sriov, physical + routing.offset, new Waits(bus, options));
    return new EnabledVirtualFunctions(sriov, count, routing, bars);
  } catch (error) {
    sriov.setControl(0, VIRTUAL_DECODED);
    sriov.numVfs = 0;
    throw error;
  }
}

function switchOn(sriov: DriverSriov, first: FunctionAddress, waits: Waits): void {
  sriov.setControl(VIRTUAL_DECODED);
  const { control } = sriov;
  if ((control & VIRTUAL_DECODED) !== VIRTUAL_DECODED)
    throw new SriovRegisterError(sriov.config.address, 'SR-IOV control', control | VIRTUAL_DECODED, control);
  // They are not to be accessed for 100 ms (PCI Express 5.0, section 9.3.3.3.1).
  waits.bus.pause();
  const config = new FunctionConfig(waits.bus, first);
  waits.handshake(`virtual function 1 at ${formatFunctionAddress(first)} to answer`, () => config.answers);
}

/**
 * Takes all virtual functions of a physical function away, whoever uses them: from then on they read all ones.
 * @throws NoVirtualFunctionsError; VirtualFunctionsEnabledError where there are none; NoAnswerError where the first still answers
 */
export function disableVirtualFunctions(
  bus: Bus,
  physical: FunctionAddress,
  options: WaitOptions = {},
): void {
  const sriov = requireSriov(bus, physical);
  if (!sriov.enabled) throw new VirtualFunctionsEnabledError(physical, 0);
  const first = new FunctionConfig(bus, physical + sriov.routing.offset);
  sriov.setControl(0, VIRTUAL_DECODED);
  const waits = new Waits(bus, options);
  bus.pause();
  waits.handshake(
    `virtual function 1 at ${formatFunctionAddress(first.address)} to be gone`,
    () => !first.answers,
  );
  sriov.numVfs = 0;
}

/**
 * The virtual functions that somebody has enabled.
 * @returns null where there are none. @throws NoVirtualFunctionsError, VirtualRoutingError
 */
export function findVirtualFunctions(bus: Bus, physical: FunctionAddress): EnabledVirtualFunctions | null {
  const sriov = requireSriov(bus, physical);
  const { enabled, numVfs: count, routing } = sriov;
  if (!enabled || count === 0) return null;
  checkRouting(bus, physical, routing, count);
  return new EnabledVirtualFunctions(sriov, count, routing, sriov.measureBars());
}
