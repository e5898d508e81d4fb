import { type Bus, formatFunctionAddress } from '../core/index.ts';
import {
  capabilityId,
  express,
  expressCapabilities,
  expressSlot,
  extendedCapabilityId,
  type1Header,
} from '../pci/layout/index.ts';
import { ResourceError } from './errors.ts';
import { FunctionConfig } from './function-config.ts';
import { enumerate, type FoundBridge, type FoundFunction } from './pci.ts';
import { DriverSriov } from './sriov.ts';

/** A bridge as software finds it. */
export type FoundBridgeFunction = FoundFunction & { readonly bridge: FoundBridge };

/** A bus, and what is behind its bridges. */
export interface FoundBus {
  /** segment << 8 | bus. */
  readonly number: number;
  readonly functions: readonly FoundFunction[];
  readonly bridges: readonly { readonly fn: FoundBridgeFunction; readonly behind: FoundBus }[];
}

const MOST_BUS = 255;
/** Routing ids of one bus. */
const BUS_PLACES = 256;

/** Numbers of buses; both ends belong to it. */
interface BusRange {
  readonly first: number;
  readonly last: number;
}

const isBridge = (fn: FoundFunction): fn is FoundBridgeFunction => fn.bridge !== null;

/** Every function of a bus and of those behind it, each bridge before what is behind it. */
export function* functionsOf({ functions, bridges }: FoundBus): Generator<FoundFunction> {
  const behind = new Map(bridges.map((each) => [each.fn.address, each.behind]));
  for (const fn of functions) {
    yield fn;
    const bus = behind.get(fn.address);
    if (bus !== undefined) yield* functionsOf(bus);
  }
}

/**
 * A bus and what is behind it, as far as bridges lead there at the moment; touches nothing. `number` is segment << 8 | bus.
 * @param toward a bus number: follows only the bridges that lead there.
 */
export function findBuses(bus: Bus, number = 0, toward: number | null = null, last = MOST_BUS): FoundBus {
  const functions = enumerate(bus, number);
  const bridges: { fn: FoundBridgeFunction; behind: FoundBus }[] = [];
  const own = number & 0xff;
  for (const fn of functions.filter(isBridge)) {
    const { secondaryBus: first, subordinateBus } = fn.bridge;
    const end = Math.min(last, subordinateBus);
    if (first <= own || first > end || (toward !== null && (toward < first || toward > end))) continue;
    bridges.push({ fn, behind: findBuses(bus, number - own + first, toward, end) });
  }
  return { number, functions, bridges };
}

/** A port that something may be plugged into later. */
export function takesHotPlug(bus: Bus, { address, capabilities }: FoundFunction): boolean {
  const found = capabilities.find(({ id }) => id === capabilityId.express);
  if (found === undefined) return false;
  const config = new FunctionConfig(bus, address);
  const hasSlot = config.read(express.capabilities, found.offset) & expressCapabilities.slotImplemented;
  return (
    hasSlot !== 0 && (config.read(express.slotCapabilities, found.offset) & expressSlot.hotPlugCapable) !== 0
  );
}

/** How many numbers after that of its own bus the virtual functions of a function may have. */
function busesOfVirtual(bus: Bus, { address, extended }: FoundFunction): number {
  const found = extended.find(({ id }) => id === extendedCapabilityId.singleRootIov);
  if (found === undefined) return 0;
  const farthest = new DriverSriov(new FunctionConfig(bus, address), found.offset).farthest();
  return Math.floor(((address & 0xff) + farthest) / BUS_PLACES);
}

/** How buses are to be numbered. */
export interface NumberingRules {
  /** Numbers that are kept free behind a port that something may be plugged into later. */
  readonly spare: number;
  /** Gives every bus a new number. */
  readonly anew: boolean;
  /** Leaves numbers to virtual functions. */
  readonly virtual: boolean;
}

/**
 * Finds everything behind a root bus and numbers the buses, depth first. Bridges that lead somewhere sensible keep their
 * numbers; the others get what is still free between them. Numbers that virtual functions may have on the buses after that of
 * their physical function are left to them. All or nothing.
 */
class Numbering {
  readonly #bus: Bus;
  readonly #spare: number;
  readonly #anew: boolean;
  readonly #virtual: boolean;
  readonly #undo: (() => void)[] = [];

  constructor(bus: Bus, { spare, anew, virtual }: NumberingRules) {
    this.#bus = bus;
    this.#spare = spare;
    this.#anew = anew;
    this.#virtual = virtual;
  }

  /** @throws ResourceError where there are more buses than numbers. */
  root(segment: number): FoundBus {
    try {
      return this.#scan(segment << 8, MOST_BUS).found;
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    }
  }

  /** @returns the bus, and the highest number that it, those behind it and their virtual functions have. */
  #scan(number: number, last: number): { readonly found: FoundBus; readonly end: number } {
    const own = number & 0xff;
    const functions = enumerate(this.#bus, number);
    const found = functions.filter(isBridge);
    const virtual = this.#virtual ? functions.map((fn) => busesOfVirtual(this.#bus, fn)) : [];
    const taken: BusRange[] = [{ first: own, last: Math.min(last, own + Math.max(0, ...virtual)) }];
    const keeping = new Set<FoundBridgeFunction>();
    for (const fn of this.#anew ? [] : found) {
      const { secondaryBus: first, subordinateBus } = fn.bridge;
      const range = { first, last: subordinateBus };
      const sensible = first > own && first <= subordinateBus && subordinateBus <= last;
      const overlaps = (each: BusRange) => each.first <= range.last && range.first <= each.last;
      // What is used already stays, where virtual functions could be too.
      if (!sensible || taken.slice(1).some(overlaps)) continue;
      keeping.add(fn);
      taken.push(range);
    }
    // What leads nowhere sensible is in the way of what will.
    for (const fn of found) if (!keeping.has(fn)) this.#write(fn, number, { first: 0, last: 0 });
    const numbered = found.map((fn) => {
      if (keeping.has(fn)) {
        const { secondaryBus, subordinateBus } = fn.bridge;
        return { fn, behind: this.#scan((number & ~0xff) | secondaryBus, subordinateBus).found };
      }
      const gap = largestGap(taken, own + 1, last);
      if (gap === null)
        throw new ResourceError(
          `bus behind ${formatFunctionAddress(fn.address)}: no number is left in ${own + 1}..${last}`,
        );
      this.#write(fn, number, gap);
      const behind = this.#scan((number & ~0xff) | gap.first, gap.last);
      const spare = takesHotPlug(this.#bus, fn) ? gap.first + this.#spare : gap.first;
      const range = { first: gap.first, last: Math.min(gap.last, Math.max(spare, behind.end)) };
      this.#write(fn, number, range);
      taken.push(range);
      const bridge = { secondaryBus: range.first, subordinateBus: range.last };
      return { fn: { ...fn, bridge }, behind: behind.found };
    });
    const byAddress = new Map(numbered.map(({ fn }) => [fn.address, fn]));
    const all = functions.map((fn) => byAddress.get(fn.address) ?? fn);
    return {
      found: { number, functions: all, bridges: numbered },
      end: Math.max(...taken.map((range) => range.last)),
    };
  }

  #write({ address }: FoundFunction, number: number, { first, last }: BusRange): void {
    const config = new FunctionConfig(this.#bus, address);
    const { primaryBusNumber, secondaryBusNumber, subordinateBusNumber } = type1Header;
    const values = [
      [primaryBusNumber, number & 0xff],
      [secondaryBusNumber, first],
      [subordinateBusNumber, last],
    ] as const;
    for (const [register, value] of values) {
      const before = config.read(register);
      if (before === value) continue;
      this.#undo.push(() => config.write(register, before));
      config.write(register, value);
    }
  }
}

function largestGap(taken: readonly BusRange[], first: number, last: number): BusRange | null {
  let largest: BusRange | null = null;
  let from = first;
  const consider = (end: number) => {
    if (end >= from && (largest === null || end - from > largest.last - largest.first))
      largest = { first: from, last: end };
  };
  for (const range of [...taken].sort((a, b) => a.first - b.first)) {
    consider(range.first - 1);
    from = Math.max(from, range.last + 1);
  }
  consider(last);
  return largest;
}

/** @throws ResourceError where there are more buses than numbers; nothing has been changed then. */
export const numberBuses = (bus: Bus, segment: number, rules: NumberingRules): FoundBus =>
  new Numbering(bus, rules).root(segment);
