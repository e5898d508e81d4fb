import type { Bus } from '../core/index.ts';
import {
  type BridgeWindowName,
  bridgeWindowNames,
  bridgeWindows,
  command,
  sriovControl,
  windowValues,
} from '../pci/layout/index.ts';
import { AddressPool, type Claim, type Window } from './address-pool.ts';
import { type FoundBus, takesHotPlug } from './bus-numbers.ts';
import { ResourceError } from './errors.ts';
import { type FoundBar, FunctionConfig } from './function-config.ts';
import type { FoundFunction } from './pci.ts';
import {
  barResources,
  commandOf,
  decodeBit,
  findWindows,
  type Resource,
  virtualResources,
  windowResource,
} from './resources.ts';
import type { DriverSriov } from './sriov.ts';

type Windows = Readonly<Record<BridgeWindowName, Window | null>>;
type Sizes = Readonly<Record<BridgeWindowName, number>>;
type Pools = Readonly<Record<'io' | 'memory', AddressPool>>;
type Chooses = (resource: Resource) => boolean;

const NO_WINDOWS: Windows = { io: null, memory: null, prefetchable: null };

const within = (outer: Window | null, { start, end }: Claim) =>
  outer !== null && start >= outer.start && end <= outer.end;

const alignUp = (value: number, to: number) => Math.ceil(value / to) * to;

/** The largest alignment first: nothing is lost between them. */
const byAlign = (resources: readonly Resource[]) => [...resources].sort((a, b) => b.align - a.align);

/** Moves the BARs of virtual functions, which are not decoded meanwhile. */
function placeVirtual(virtual: DriverSriov, bar: FoundBar, at: number): void {
  const { decodes } = virtual;
  if (decodes) virtual.setControl(0, sriovControl.memorySpace);
  virtual.placeBar(bar, at);
  if (decodes) virtual.setControl(sriovControl.memorySpace);
}

/** What all buses have in common. */
export interface RoomRules {
  readonly bus: Bus;
  /** Prefetchable BARs of 64 bits may get addresses beyond 4 GiB. */
  readonly beyond4GiB: boolean;
  /** Least size of the windows of a port that something may be plugged into later, in bytes. */
  readonly spare: Sizes;
  /** BARs of virtual functions get addresses too. */
  readonly virtual: boolean;
}

interface BridgeRoom {
  readonly fn: FoundFunction;
  readonly room: BusRoom;
  readonly windows: readonly Resource[];
}

/**
 * The addresses of one bus: what takes some, what is still free, and the same for the buses behind its bridges. A plan is
 * made in three sweeps: what stays where it is, how much the rest needs, and where that goes. Only then is anything written.
 */
export class BusRoom {
  readonly #rules: RoomRules;
  readonly #found: FoundBus;
  /** On a root bus what is placed already may be anywhere, behind a bridge in its windows only. */
  readonly #root: boolean;
  readonly #resources: Resource[] = [];
  readonly #bridges: BridgeRoom[] = [];
  readonly #pools: Pools;
  #windows: Windows;

  private constructor(
    rules: RoomRules,
    found: FoundBus,
    pools: Pools,
    windows: Windows | null,
    wide: boolean,
  ) {
    this.#rules = rules;
    this.#found = found;
    this.#root = windows !== null;
    this.#pools = pools;
    this.#windows = windows ?? NO_WINDOWS;
    const { bus } = rules;
    const behind = new Map(found.bridges.map((each) => [each.fn.address, each.behind]));
    for (const fn of found.functions) {
      const bits = commandOf(bus, fn);
      this.#resources.push(...barResources(fn, bits, wide));
      if (rules.virtual) this.#resources.push(...virtualResources(bus, fn, wide, this.#root));
      if (fn.bridge === null) continue;
      const has = findWindows(bus, fn);
      const windows = has.map((window) => windowResource(fn, window, bits));
      this.#resources.push(...windows);
      const secondary = behind.get(fn.address);
      if (secondary === undefined) continue;
      const reaches = has.some((each) => each.name === 'prefetchable' && (each.wide || !rules.beyond4GiB));
      const own = { io: new AddressPool(), memory: new AddressPool() };
      this.#bridges.push({ fn, room: new BusRoom(rules, secondary, own, null, wide && reaches), windows });
    }
  }

  static ofRoot(rules: RoomRules, found: FoundBus, pools: Pools, windows: Windows): BusRoom {
    return new BusRoom(rules, found, pools, windows, true);
  }

  /** Keeps what is where it can stay, of those that `may`: what is decoded goes first, then what is only written down. */
  keep(decoded: boolean, may: Chooses): void {
    for (const resource of this.#resources)
      if (resource.decoded === decoded && resource.at !== null && may(resource))
        this.#keepAt(resource, resource.at);
    if (decoded) return;
    for (const { room, windows } of this.#bridges) {
      const open = windows.filter(({ kept }) => kept).map(({ window, at }) => [window, at]);
      room.#windows = { ...NO_WINDOWS, ...Object.fromEntries(open) };
      room.keep(true, may);
      room.keep(false, may);
    }
  }

  #keepAt(resource: Resource, at: Claim): void {
    const pool = this.#pools[resource.space];
    const reached =
      this.#root ||
      (resource.space === 'io'
        ? within(this.#windows.io, at)
        : within(this.#windows.memory, at) || within(this.#windows.prefetchable, at));
    if (!reached || !(resource.decoded || pool.isFree(at))) return;
    pool.keep(at);
    resource.kept = true;
  }

  /** Works out how long the windows have to be for what behind them is to be placed. */
  size(places: Chooses): void {
    const { bus, spare } = this.#rules;
    for (const { fn, room, windows } of this.#bridges) {
      room.size(places);
      const hot = takesHotPlug(bus, fn);
      for (const window of windows) {
        const least = hot ? spare[window.window] : 0;
        const needs = room.#needs(window.window, places);
        window.align = Math.max(window.align, needs.align);
        window.size = alignUp(Math.max(needs.size, least), bridgeWindows[window.window].granuleBytes);
      }
    }
  }

  /** Those that are to be given addresses in windows of a kind. */
  #wanting(name: BridgeWindowName, places: Chooses): Resource[] {
    return this.#resources.filter(
      (each) => each.window === name && !each.kept && each.size > 0 && places(each),
    );
  }

  #needs(name: BridgeWindowName, places: Chooses): { readonly size: number; readonly align: number } {
    let [end, most] = [0, 0];
    for (const { size, align } of byAlign(this.#wanting(name, places))) {
      end = alignUp(end, align) + size;
      most = Math.max(most, align);
    }
    return { size: end, align: most };
  }

  /** Finds a place for each resource that is to have one. @throws ResourceError when a window is full, or there is none. */
  plan(places: Chooses): void {
    for (const name of bridgeWindowNames) {
      const wanting = this.#wanting(name, places);
      // On a root bus neighbours on the bus are neighbours in the space.
      for (const resource of this.#root ? wanting : byAlign(wanting)) this.#take(resource);
    }
    for (const { room, windows } of this.#bridges) {
      const opened = windows.flatMap(({ window, planned, size }) =>
        planned === null ? [] : [[window, { start: planned, end: planned + size }]],
      );
      room.#windows = { ...room.#windows, ...Object.fromEntries(opened) };
      room.plan(places);
    }
  }

  #take(resource: Resource): void {
    const { window, space, what, size, align } = resource;
    const from = this.#windows[window];
    if (from === null) throw new ResourceError(`${what} of ${size} bytes: no ${window} window leads there`);
    resource.planned = this.#pools[space].take(from, size, what, align);
  }

  /** Writes what was planned: windows before what is behind them. */
  write(): void {
    const ofFunction = new Map<FoundFunction, Resource[]>();
    for (const resource of this.#resources) {
      const others = ofFunction.get(resource.fn);
      if (others === undefined) ofFunction.set(resource.fn, [resource]);
      else others.push(resource);
    }
    const rooms = new Map(this.#bridges.map(({ fn, room }) => [fn, room]));
    for (const fn of this.#found.functions) {
      const resources = ofFunction.get(fn) ?? [];
      const room = rooms.get(fn);
      this.#writeBars(fn, resources);
      if (room === undefined) continue;
      this.#openWindows(fn, resources);
      room.write();
    }
  }

  /** Gives a function its addresses while it decodes nothing, and switches on the decoding that its BARs need. */
  #writeBars(fn: FoundFunction, resources: readonly Resource[]): void {
    const config = new FunctionConfig(this.#rules.bus, fn.address);
    for (const { bar, virtual, planned: at } of resources)
      if (virtual !== null && at !== null) placeVirtual(virtual, bar!, at);
    const bars = resources.filter(({ bar, virtual }) => bar !== null && virtual === null);
    const planned = bars.filter((each) => each.planned !== null);
    if (planned.length === 0) return;
    config.setCommand(0, command.io | command.memory);
    for (const { bar, planned: at } of planned) config.placeBar(bar!, at!);
    let bits = 0;
    for (const { space, kept, planned: at } of bars) if (kept || at !== null) bits |= decodeBit(space);
    config.setCommand(bits);
  }

  /** Opens the windows that are new, and closes those that would let through what a reset leaves in them. */
  #openWindows(fn: FoundFunction, resources: readonly Resource[]): void {
    const config = new FunctionConfig(this.#rules.bus, fn.address);
    for (const { bar, kept, window, planned, size } of resources) {
      if (bar !== null || kept) continue;
      const range = planned === null ? null : { start: planned, end: planned + size };
      for (const [register, value] of windowValues(bridgeWindows[window], range))
        if (config.read(register) !== value) config.write(register, value);
    }
    const bits = command.io | command.memory | command.busMaster;
    if ((commandOf(this.#rules.bus, fn) & bits) !== bits) config.setCommand(bits);
  }
}
