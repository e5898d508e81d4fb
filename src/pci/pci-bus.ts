import { type AddressSpace, type FunctionAddress, formatFunctionAddress } from '../core/index.ts';
import type { PciFunction } from './function.ts';
import {
  BUS_PLACES,
  FUNCTIONS,
  functionZero,
  PlaceError,
  whyMisplaced,
  whyNeeded,
  whyNoPlace,
  whyUnfindable,
} from './places.ts';
import { type BusKind, SlotError, type Upstream } from './slot.ts';

/** A bridge as the routing of configuration accesses needs it: what software wrote into it. */
export interface BusBridge extends Upstream {
  readonly kind: string;
  readonly segment: number;
  readonly secondaryBus: number;
  readonly subordinateBus: number;
  /** Configuration accesses reach its secondary side. */
  readonly passesConfig: boolean;
  /** Devices of its secondary bus other than device 0 can be reached: a link has none, but function numbers may look so (ARI). */
  readonly reachesDevices: boolean;
  readonly secondary: PciBus;
  /** Its place in the tree, as in `00:02.0`, or `00:02.0/00.0` behind another. */
  readonly path: string;
  /** There are functions behind it, or none any more. */
  set occupied(present: boolean);
}

/**
 * Functions that are made when software first touches them: virtual functions, of which there may be thousands. They are not
 * plugged, but stand in slots that their directory gives them; it resets them, and saves them with what they belong to.
 */
export interface FunctionDirectory {
  /**
   * @param place device << 3 | function on the bus that the directory belongs to; from 256 on, on those whose numbers follow
   * and that no bridge leads to: a function may have more addresses than its bus has places.
   */
  at(place: number): PciFunction | undefined;
  /** Those that it has made and not taken back. */
  readonly made: Iterable<PciFunction>;
}

/** A place behind a bridge, whatever number its bus has. */
export interface PlaceBehind {
  readonly behind: BusBridge;
  readonly device?: number;
  readonly function?: number;
}

/**
 * One bus: the functions on it by place, device << 3 | function, and the spaces in which they answer. Says to each whether
 * it shares its device with others.
 */
export class PciBus {
  readonly functions = new Map<number, PciFunction>();
  /** Asked in turn where nobody was plugged. */
  readonly directories: FunctionDirectory[] = [];
  /** Ascending by place. */
  #bridges: readonly BusBridge[] = [];
  readonly #segment: number;
  /** Null for a root bus, whose number is 0. */
  readonly bridge: BusBridge | null;
  readonly io: AddressSpace;
  readonly memory: AddressSpace;

  /** @param above the bridge that leads to it; for a root bus, its segment. */
  constructor(above: BusBridge | number, io: AddressSpace, memory: AddressSpace) {
    this.#segment = typeof above === 'number' ? above : 0;
    this.bridge = typeof above === 'number' ? null : above;
    this.io = io;
    this.memory = memory;
  }

  get segment(): number {
    return this.bridge?.segment ?? this.#segment;
  }

  get number(): number {
    return this.bridge?.secondaryBus ?? 0;
  }

  get kind(): BusKind {
    return this.bridge?.leadsTo ?? 'root';
  }

  get bridges(): readonly BusBridge[] {
    return this.#bridges;
  }

  /** Where software finds a place of it at the moment. */
  addressOf(place: number): FunctionAddress {
    return (((this.segment << 16) | (this.number << 8)) + place) >>> 0;
  }

  /** The place in words that stay true whatever numbers software gives to buses. */
  pathOf(place: number): string {
    const own = formatFunctionAddress(place);
    return this.bridge === null
      ? formatFunctionAddress(this.addressOf(place))
      : `${this.bridge.path}/${own.slice(own.indexOf(':') + 1)}`;
  }

  /**
   * Who answers for a bus number: a bus at or below this one, also for numbers after its own that no bridge on it has; null
   * where a bridge does not pass anything on.
   */
  find(number: number): PciBus | null {
    if (number === this.number) return this;
    for (const { secondaryBus, subordinateBus, passesConfig, secondary } of this.#bridges)
      if (secondaryBus !== 0 && secondaryBus <= number && number <= subordinateBus)
        return passesConfig ? secondary.find(number) : null;
    return this;
  }

  /** The function at a place: the one that was plugged there, or else one that a directory knows. */
  at(place: number): PciFunction | undefined {
    const fn = this.functions.get(place);
    if (fn !== undefined || this.directories.length === 0) return fn;
    // Buses after its own are for the device there to know.
    if (place >= FUNCTIONS && place < BUS_PLACES && this.bridge?.reachesDevices === false) return undefined;
    for (const directory of this.directories) {
      const found = directory.at(place);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Lets a directory answer. @returns a function that ends it. */
  addDirectory(directory: FunctionDirectory): () => void {
    this.directories.push(directory);
    return () => {
      const index = this.directories.indexOf(directory);
      if (index >= 0) this.directories.splice(index, 1);
    };
  }

  /** Its functions by place, each followed by those behind it. */
  *all(): Generator<readonly [bus: PciBus, place: number, fn: PciFunction]> {
    for (const place of [...this.functions.keys()].sort((a, b) => a - b)) {
      const fn = this.functions.get(place)!;
      yield [this, place, fn];
      if (fn.bridge !== null) yield* fn.bridge.secondary.all();
    }
  }

  /** Those that stand on it, and those that directories have made. */
  *present(): Generator<PciFunction> {
    yield* this.functions.values();
    for (const { made } of this.directories) yield* made;
  }

  /** Resets what stands on it. */
  reset(): void {
    for (const fn of this.functions.values()) fn.reset();
  }

  readonly #has = (place: number) => this.functions.has(place);

  #refuse(place: number, reason: string | undefined): void {
    if (reason !== undefined) throw new PlaceError(this.addressOf(place), reason, this.pathOf(place));
  }

  /** @throws PlaceError where none can be put; SlotError where the function sits somewhere already. */
  checkFree(fn: PciFunction, place: number): void {
    this.#refuse(place, whyUnfindable(place, this.#has));
    this.#refuse(place, whyNoPlace(place, this.kind));
    this.#refuse(place, whyMisplaced(fn.bridge?.kind ?? null, this.kind));
    const other = this.functions.get(place);
    if (other !== undefined) this.#refuse(place, `is taken by ${other.name}`);
    if (fn.plugged)
      throw new SlotError(`${fn.name} sits in slot ${formatFunctionAddress(fn.slot.address)} already`);
  }

  /** @throws PlaceError */
  checkRemovable(place: number): void {
    this.#refuse(place, whyNeeded(place, this.#has));
    const [behind] = this.functions.get(place)?.bridge?.secondary.functions.values() ?? [];
    if (behind !== undefined) this.#refuse(place, `${behind.name} stands behind it: unplug that one first`);
  }

  add(place: number, fn: PciFunction): void {
    this.functions.set(place, fn);
    this.#changed(place, fn);
  }

  remove(place: number): void {
    const fn = this.functions.get(place);
    if (fn !== undefined) fn.multiFunction = false;
    this.functions.delete(place);
    this.#changed(place, fn);
  }

  #changed(place: number, fn: PciFunction | undefined): void {
    this.#mark(place);
    if ((fn?.bridge ?? null) !== null)
      this.#bridges = [...this.functions].sort(([a], [b]) => a - b).flatMap(([, { bridge }]) => bridge ?? []);
    if (this.bridge !== null) this.bridge.occupied = this.functions.size > 0;
  }

  /** Every function of the device is told: the bit is recommended to be set in each (PCI Express 5.0, 7.5.1.1.9). */
  #mark(place: number): void {
    const zero = functionZero(place);
    const present: PciFunction[] = [];
    for (let fn = 0; fn < FUNCTIONS; fn++) {
      const found = this.functions.get(zero + fn);
      if (found !== undefined) present.push(found);
    }
    for (const fn of present) fn.multiFunction = present.length > 1;
  }
}
