import type { AddressSpace, FunctionAddress } from '../core/index.ts';
import { Bridge } from './bridge.ts';
import type { PciFunction } from './function.ts';
import { PciBus, type PlaceBehind } from './pci-bus.ts';
import { BUS_PLACES, DEVICES, FUNCTIONS, PlaceError } from './places.ts';

/**
 * A place for a function: an address, of a bus that bridges lead to as software has programmed them, or one behind a bridge,
 * whatever number its bus has.
 */
export type Place = FunctionAddress | PlaceBehind;

/** A place on a bus, device << 3 | function. */
export interface Site {
  readonly bus: PciBus;
  readonly place: number;
}

const MOST_ADDRESS = 0xffffffff;
const PINS = 4;

/** The buses of a board, a root bus for each segment and those behind bridges, and where on them functions are. */
export class Topology {
  readonly #roots: readonly PciBus[];
  readonly #sites = new Map<unknown, Site>();
  /** The bus of each number that was asked for since software changed what the bridges say. */
  readonly #routes = new Map<number, PciBus | null>();

  constructor(segments: number, io: AddressSpace, memory: AddressSpace) {
    this.#roots = Array.from({ length: segments }, (_, segment) => new PciBus(segment, io, memory));
  }

  /** The bus that answers for segment << 8 | bus; null where there is none. */
  #busAt(number: number): PciBus | null {
    let bus = this.#routes.get(number);
    if (bus === undefined) {
      bus = this.#roots[number >>> 8]?.find(number & 0xff) ?? null;
      this.#routes.set(number, bus);
    }
    return bus;
  }

  /** The function that configuration accesses to an address reach. */
  at(address: FunctionAddress): PciFunction | undefined {
    const bus = this.#busAt(address >>> 8);
    return bus === null ? undefined : bus.at((address & 0xffff) - bus.number * BUS_PLACES);
  }

  /** @throws PlaceError where there is no such place. */
  resolve(place: Place): Site {
    if (typeof place === 'number') {
      if (!Number.isInteger(place) || place < 0 || place > MOST_ADDRESS)
        throw new PlaceError(place, 'wants an address of segment, bus, device and function');
      const bus = this.#busAt(place >>> 8);
      if (bus?.number !== ((place >>> 8) & 0xff)) throw new PlaceError(place, 'no bridge leads to its bus');
      return { bus, place: place & 0xff };
    }
    const { behind, device = 0, function: fn = 0 } = place;
    const digits = Number.isInteger(device) ? device.toString(16).padStart(2, '0') : `${device}`;
    const name = `${behind.path}/${digits}.${fn}`;
    if (!this.#sites.has(behind)) throw new PlaceError(Number.NaN, 'the bridge is not plugged in here', name);
    // Fractions and what is out of range might add up to a place that there is.
    if (!Number.isInteger(device) || device < 0 || device >= DEVICES)
      throw new PlaceError(Number.NaN, `wants devices 0..${DEVICES - 1}`, name);
    if (!Number.isInteger(fn) || fn < 0 || fn >= FUNCTIONS)
      throw new PlaceError(Number.NaN, `wants functions 0..${FUNCTIONS - 1}`, name);
    return { bus: behind.secondary, place: FUNCTIONS * device + fn };
  }

  siteOf(fn: PciFunction): Site | undefined {
    return this.#sites.get(fn);
  }

  add(fn: PciFunction, site: Site): void {
    this.#sites.set(fn, site);
    site.bus.add(site.place, fn);
    if (fn instanceof Bridge) fn.onRoutes = () => this.#routes.clear();
    this.#routes.clear();
  }

  remove(fn: PciFunction): void {
    const site = this.#sites.get(fn);
    this.#sites.delete(fn);
    site?.bus.remove(site.place);
  }

  /**
   * Device and pin (1..4) of a root bus at which an interrupt pin of a function at a site arrives: each bridge on the way
   * turns pins by the device number (PCI-to-PCI Bridge 1.2, section 9.1).
   */
  rootPin({ bus, place }: Site, pin: number): { readonly device: number; readonly pin: number } {
    let at = { bus, place };
    while (at.bus.bridge !== null) {
      pin = ((pin - 1 + (at.place >> 3)) % PINS) + 1;
      at = this.#sites.get(at.bus.bridge)!;
    }
    return { device: at.place >> 3, pin };
  }

  /**
   * Every function, each bridge before those behind it, with a number that depends on nothing but the tree: the address of
   * a root bus's, and behind bridges what it were if buses were numbered in this order.
   */
  *all(): Generator<readonly [number: number, fn: PciFunction]> {
    for (const root of this.#roots) {
      let buses = 0;
      const numbers = new Map([[root, 0]]);
      for (const [bus, place, fn] of root.all()) {
        yield [root.segment * 2 ** 24 + numbers.get(bus)! * 256 + place, fn];
        if (fn.bridge !== null) numbers.set(fn.bridge.secondary, ++buses);
      }
    }
  }

  /** The functions that software reaches, by their addresses of the moment. */
  get functions(): ReadonlyMap<FunctionAddress, PciFunction> {
    const [root] = this.#roots;
    // Also where it is asked for often: most boards have one bus.
    if (this.#roots.length === 1 && root!.bridges.length === 0) return root!.functions;
    const functions = new Map<FunctionAddress, PciFunction>();
    for (const [, fn] of this.all()) if (this.at(fn.slot.address) === fn) functions.set(fn.slot.address, fn);
    return functions;
  }

  reset(): void {
    for (const root of this.#roots) root.reset();
  }
}
