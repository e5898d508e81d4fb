import {
  type AddressSpace,
  alignedPiece,
  anyState,
  type DmaDomain,
  type EventSink,
  expectSame,
  type Finding,
  FOUR_GIB,
  type FunctionAddress,
  type FunctionWatcher,
  group,
  list,
  maskOf,
  type Scheduler,
  type State,
  u53,
  type ValueOf,
  type Width,
  wanting,
} from '../core/index.ts';
import { BoardSlot, NO_PIN } from './board-slot.ts';
import { readConfigPieces } from './config-space.ts';
import type { PciFunction } from './function.ts';
import type { ConfigAccess } from './host-bridge.ts';
import { MESSAGE_WINDOW } from './interrupts.ts';
import { bounded, tellConfig } from './observed.ts';
import type { FunctionDirectory } from './pci-bus.ts';
import { PlaceError } from './places.ts';
import type { Slot } from './slot.ts';
import { type Place, Topology } from './topology.ts';

/** What a host gives to all functions of its board. */
export interface BoardWiring {
  readonly io: AddressSpace;
  readonly memory: AddressSpace;
  /** Segments, each with a root bus of its own; by default one. */
  readonly segments?: number;
  readonly scheduler: Scheduler;
  /** A message to the interrupt controllers' addresses. */
  message(source: FunctionAddress, addressLow: number, addressHigh: number, data: number): void;
  /** For a host that keeps the MSI-X tables itself: a function's vector, sent whatever the function's own table says. */
  vector?(source: FunctionAddress, vector: number): void;
  /** Hears of every finding, besides whoever watches the board. */
  finding?(finding: Finding): void;
  /** Memory writes on their way to a function arrive: before it is configured, or taken away. */
  arrive?(fn: PciFunction): void;
}

/** Where the pin of one function leads. */
export interface PinWiring {
  /** The line that board firmware would write down; null where the function has no pin, or nobody has routed it. */
  readonly line: number | null;
  set(asserted: boolean): void;
}

/**
 * The state of a board's functions, each in its slot. On a root bus it bears its address; the buses behind bridges are
 * numbered in the order of the tree, whatever numbers software gave them.
 */
export const functionsState = list(group({ address: u53, state: anyState }));

export type SavedFunctions = ValueOf<typeof functionsState>;

/**
 * Slots, and the functions in them: plugging and unplugging, configuration accesses, messages, reset, and what is told to
 * whoever watches. The in-process machine has one, and so has every host that shows functions to software of its own.
 */
export class Board implements ConfigAccess {
  /** Whoever hears of accesses with their bounds, of interrupts, and of findings. */
  accesses: EventSink | null = null;
  interrupts: EventSink | null = null;
  findings: EventSink | null = null;
  readonly #topology: Topology;
  readonly #watchers = new Map<PciFunction, FunctionWatcher>();
  #halted = false;
  readonly wiring: BoardWiring;

  constructor(wiring: BoardWiring) {
    this.wiring = wiring;
    this.#topology = new Topology(wiring.segments ?? 1, wiring.io, wiring.memory);
  }

  /** The functions that software reaches, by their addresses of the moment. */
  get functions(): ReadonlyMap<FunctionAddress, PciFunction> {
    return this.#topology.functions;
  }

  /** The function that configuration accesses to an address reach. */
  at(address: FunctionAddress): PciFunction | undefined {
    return this.#topology.at(address);
  }

  /** The slots that are taken, in the order of the tree and in words: what a state is compared by. */
  get slots(): string[] {
    return Array.from(this.#topology.all(), ([, fn]) => fn.slot.path);
  }

  /** Who is told of events from now on, as far as the sink wants them; null ends it. */
  watch(sink: EventSink | null): void {
    this.accesses = wanting(sink, 'access', 'enter', 'leave');
    this.interrupts = wanting(sink, 'interrupt');
    this.findings = wanting(sink, 'finding');
  }

  /** @throws SlotError where the function sits somewhere already; PlaceError where none can be put. */
  checkFree(fn: PciFunction, place: Place): void {
    const site = this.#topology.resolve(place);
    site.bus.checkFree(fn, site.place);
  }

  /** Device and pin (1..4) of a root bus at which an interrupt pin (1..4) of a place arrives. @throws PlaceError */
  rootPin(place: Place, pin: number): { readonly device: number; readonly pin: number } {
    return this.#topology.rootPin(this.#topology.resolve(place), pin);
  }

  /**
   * Puts a function into a slot, or throws and changes nothing. `dma` is what it may reach. Function 0 of a device comes
   * before its others; while there are several, each says so in its header.
   * @throws SlotError; PlaceError where software could not find it, or the place is taken.
   */
  plug(fn: PciFunction, place: Place, dma: DmaDomain, pin: PinWiring): void {
    const site = this.#topology.resolve(place);
    site.bus.checkFree(fn, site.place);
    fn.plug(new BoardSlot(this, site, dma, pin));
    this.#topology.add(fn, site);
  }

  /**
   * Lets a directory answer for places of a bus where nobody is plugged.
   * @param beside a place of that bus. @param make is given a way to slots for the functions that it makes.
   * @returns a function that ends it. @throws PlaceError
   */
  addDirectory(
    beside: Place,
    make: (slotAt: (place: number, dma: DmaDomain) => Slot) => FunctionDirectory,
  ): () => void {
    const { bus } = this.#topology.resolve(beside);
    return bus.addDirectory(make((place, dma) => new BoardSlot(this, { bus, place }, dma, NO_PIN)));
  }

  /**
   * Takes a function away, and its view of memory. @returns it, or undefined where there is none.
   * @throws PlaceError for function 0 while the device has others, and for a bridge with functions behind it.
   */
  unplug(which: FunctionAddress | PciFunction): PciFunction | undefined {
    const fn = typeof which === 'number' ? this.at(which) : which;
    const site = fn === undefined ? undefined : this.#topology.siteOf(fn);
    if (fn === undefined || site === undefined) return undefined;
    site.bus.checkRemovable(site.place);
    this.wiring.arrive?.(fn);
    const { dma } = fn.slot;
    fn.unplug();
    dma.release();
    this.#topology.remove(fn);
    this.left(fn);
    return fn;
  }

  /** A function was taken away: whoever watches it hears of it. */
  left(fn: PciFunction): void {
    const watcher = this.#watchers.get(fn);
    this.#watchers.delete(fn);
    watcher?.removed();
  }

  isWatched(fn: PciFunction): boolean {
    return this.#watchers.has(fn);
  }

  /** @throws PlaceError when nothing is there, or somebody watches it already. */
  watchFunction(address: FunctionAddress, watcher: FunctionWatcher): () => void {
    const fn = this.at(address);
    if (fn === undefined) throw new PlaceError(address, 'it is empty: nothing to watch');
    if (this.#watchers.has(fn)) throw new PlaceError(address, `other software watches ${fn.name} already`);
    const moved = () => watcher.moved();
    fn.onDecode.push(moved);
    this.#watchers.set(fn, watcher);
    return () => {
      const index = fn.onDecode.indexOf(moved);
      if (index >= 0) fn.onDecode.splice(index, 1);
      if (this.#watchers.get(fn) === watcher) this.#watchers.delete(fn);
    };
  }

  /** Those who watch functions. */
  get watchers(): Iterable<FunctionWatcher> {
    return this.#watchers.values();
  }

  /** A message is a memory write of the function: to the interrupt controller, or to whatever RAM it was aimed at. */
  message(source: FunctionAddress, dma: DmaDomain, low: number, high: number, data: number): void {
    if (high === 0 && low >= MESSAGE_WINDOW.start && low < MESSAGE_WINDOW.end) {
      this.wiring.message(source, low, high, data);
      return;
    }
    const bytes = Uint8Array.of(data, data >>> 8, data >>> 16, data >>> 24);
    dma.write(high * FOUR_GIB + low, bytes, 0, 4);
  }

  /** All ones where there is no function. */
  configRead(address: FunctionAddress, offset: number, width: Width): number {
    const fn = this.at(address);
    return fn === undefined ? maskOf(width) : this.readConfigOf(fn, address, offset, width);
  }

  configWrite(address: FunctionAddress, offset: number, width: Width, value: number): void {
    const fn = this.at(address);
    if (fn !== undefined) this.writeConfigOf(fn, address, offset, width, value);
  }

  /** A read of a function that is about to be plugged, or is there. */
  readConfigOf(fn: PciFunction, address: FunctionAddress, offset: number, width: Width): number {
    const sink = this.accesses;
    if (sink === null) return this.#read(fn, address, offset, width);
    return bounded(sink, () => {
      const value = this.#read(fn, address, offset, width);
      tellConfig(sink, 'read', address, fn.name, offset, width, value);
      return value;
    });
  }

  writeConfigOf(
    fn: PciFunction,
    address: FunctionAddress,
    offset: number,
    width: Width,
    value: number,
  ): void {
    const sink = this.accesses;
    if (sink === null) this.#write(fn, address, offset, width, value);
    else
      bounded(sink, () => {
        tellConfig(sink, 'write', address, fn.name, offset, width, (value & maskOf(width)) >>> 0);
        this.#write(fn, address, offset, width, value);
      });
  }

  #read(fn: PciFunction, address: FunctionAddress, offset: number, width: Width): number {
    this.wiring.arrive?.(fn.physical);
    return offset % width === 0
      ? this.#still(fn, address).configRead(offset, width)
      : readConfigPieces((at, piece) => this.#still(fn, address).configRead(at, piece), offset, width);
  }

  #write(fn: PciFunction, address: FunctionAddress, offset: number, width: Width, value: number): void {
    this.wiring.arrive?.(fn.physical);
    for (let done = 0; done < width; ) {
      const piece = alignedPiece(offset + done, width - done);
      const part = ((value >>> (8 * done)) & maskOf(piece)) >>> 0;
      this.#still(fn, address).configWrite(offset + done, piece, part);
      done += piece;
    }
  }

  /** The function, as an object that is in use: what arrives first may have had a virtual one put away, which comes back as another. */
  #still(fn: PciFunction, address: FunctionAddress): PciFunction {
    return fn.physical === fn || fn.plugged ? fn : (this.at(address) ?? fn);
  }

  /** The machine is reset: every function is as after power-on. */
  reset(): void {
    this.#topology.reset();
  }

  save(): SavedFunctions {
    return Array.from(this.#topology.all(), ([address, fn]) => ({ address, state: fn.save() }));
  }

  /** The number that stands for a function in a state; -1 for what is none of the board's. */
  savedAddressOf(owner: object): number {
    for (const [number, fn] of this.#topology.all()) if (fn === owner) return number;
    return -1;
  }

  /** Functions by the numbers that stand for them in a state. */
  get saved(): ReadonlyMap<number, PciFunction> {
    return new Map(this.#topology.all());
  }

  manifest(): State {
    return Array.from(this.#topology.all(), ([address, fn]) => ({ address, function: fn.manifest() }));
  }

  /** @throws StateMismatchError where a function's state is another's, or none that it can have. */
  check(saved: SavedFunctions, path = 'functions'): void {
    const own = [...this.#topology.all()];
    expectSame(`${path}.length`, saved.length, own.length);
    for (const [i, [address, fn]] of own.entries()) {
      expectSame(`${path}[${i}].address`, saved[i]!.address, address);
      fn.check(saved[i]!.state, `${path}[${i}].state`);
    }
  }

  /** `loaded` is called for each function as soon as its state is there. */
  load(saved: SavedFunctions, loaded: (address: FunctionAddress, fn: PciFunction) => void = () => {}): void {
    const functions = this.saved;
    for (const { address, state } of saved) {
      const fn = functions.get(address)!;
      fn.load(state);
      loaded(fn.slot.address, fn);
      for (const each of fn.virtualFunctions?.made ?? []) loaded(each.slot.address, each);
    }
  }

  /** The machine stands still. */
  get halted(): boolean {
    return this.#halted;
  }

  /**
   * Until it is taken back no device touches memory, whatever its registers say: what back ends finish meanwhile waits, as where
   * software has switched bus mastering off. So a machine is stopped for its state and its memory to belong together.
   */
  halt(on: boolean): void {
    if (on === this.#halted) return;
    this.#halted = on;
    for (const [, fn] of this.#topology.all()) {
      fn.haltChanged();
      for (const each of fn.virtualFunctions?.made ?? []) each.haltChanged();
    }
  }

  /** Lets functions go on with what was in flight; those that are watched, when their software says so. */
  resume(): void {
    for (const [, fn] of this.#topology.all()) {
      this.#resume(fn);
      for (const each of fn.virtualFunctions?.made ?? []) this.#resume(each);
    }
  }

  #resume(fn: PciFunction): void {
    const watcher = this.#watchers.get(fn);
    if (watcher === undefined) fn.resume();
    else watcher.resume(() => fn.resume());
  }
}
