import { type Bus, FOUR_GIB, type FunctionAddress, formatFunctionAddress } from '../core/index.ts';
import { AddressPool, type Window } from './address-pool.ts';
import { followAlternativeRouting } from './alternative-routing.ts';
import { findBuses, functionsOf, numberBuses } from './bus-numbers.ts';
import { BusRoom, type RoomRules } from './bus-room.ts';
import { NoDeviceError } from './errors.ts';
import type { FoundFunction } from './pci.ts';

/** What is kept free behind each port with a slot for hot plug: bus numbers, and bytes of each kind of window. */
export interface HotPlugSpare {
  readonly buses?: number;
  readonly io?: number;
  readonly memory?: number;
  readonly prefetchable64?: number;
}

export interface FirmwareOptions {
  /** Null: no BAR is given I/O ports, as on a board that has none. */
  readonly io?: Window | null;
  readonly memory?: Window;
  readonly prefetchable64?: Window;
  /** By default nothing: windows are opened when something is plugged in and placed. */
  readonly spare?: HotPlugSpare;
  /** Segments that the board has, by default one. No register tells. */
  readonly segments?: number;
  /**
   * Leaves room for virtual functions, for as many as a function can ever have: addresses of their BARs, and numbers of the
   * buses that they are on. By default true; without it they cannot be enabled.
   */
  readonly virtualFunctions?: boolean;
  /**
   * Numbers every bus anew and gives every BAR a new address, those of functions in use too: whoever knows the old ones (a
   * driver, a translator) is wrong from then on. Default false: what has a number or an address keeps it.
   */
  readonly reassign?: boolean;
}

const defaults = {
  io: { start: 0xc000, end: 0x10000 },
  memory: { start: 0xc0000000, end: 0xe0000000 },
  prefetchable64: { start: 0x80_0000_0000, end: 0x100_0000_0000 },
} as const;

const rulesOf = (
  bus: Bus,
  { spare = {}, prefetchable64 = defaults.prefetchable64, virtualFunctions = true }: FirmwareOptions,
): RoomRules => ({
  bus,
  beyond4GiB: prefetchable64.end > FOUR_GIB,
  spare: { io: spare.io ?? 0, memory: spare.memory ?? 0, prefetchable: spare.prefetchable64 ?? 0 },
  virtual: virtualFunctions,
});

const windowsOf = (options: FirmwareOptions) => ({
  io: options.io === undefined ? defaults.io : options.io,
  memory: options.memory ?? defaults.memory,
  prefetchable: options.prefetchable64 ?? defaults.prefetchable64,
});

const poolsOf = (bus: Bus) => ({
  io: new AddressPool(),
  memory: new AddressPool(bus.ram.ranges.map(({ start, end }) => ({ start, end }))),
});

/**
 * What board firmware does before an operating system starts: finds every function, numbers the buses behind bridges depth
 * first, gives BARs addresses, opens the windows of bridges as far as that needs, and switches decoding on, and bus mastering
 * of bridges; ports forward alternative routing ids where the device behind them has such. Drivers switch that of functions on themselves. Run again, it leaves alone what has numbers and addresses, and
 * gives to the others what is still free. All or nothing.
 * @returns the functions, each bridge before those behind it.
 * @throws ResourceError when a window is full, or there are more buses than numbers.
 */
export function runFirmware(bus: Bus, options: FirmwareOptions = {}): FoundFunction[] {
  const { segments = 1, reassign = false, spare, virtualFunctions = true } = options;
  const numbering = { spare: spare?.buses ?? 0, anew: reassign, virtual: virtualFunctions };
  const roots = Array.from({ length: segments }, (_, segment) => numberBuses(bus, segment, numbering));
  for (const root of roots) followAlternativeRouting(bus, root);
  const [rules, windows, pools] = [rulesOf(bus, options), windowsOf(options), poolsOf(bus)];
  const rooms = roots.map((root) => BusRoom.ofRoot(rules, root, pools, windows));
  const places = ({ space }: { space: string }) => space !== 'io' || windows.io !== null;
  for (const decoded of [true, false]) for (const room of rooms) room.keep(decoded, () => !reassign);
  for (const room of rooms) room.size(places);
  for (const room of rooms) room.plan(places);
  for (const room of rooms) room.write();
  return roots.flatMap((root) => [...functionsOf(root)]);
}

/**
 * Gives addresses to one function that was plugged later, and touches no other: within the windows of the bridges above it,
 * where these are open, and else opening them. With `reassign` it is moved where it has some already.
 * @throws NoDeviceError where software finds no function; ResourceError when a window is full.
 */
export function placeFunction(
  bus: Bus,
  address: FunctionAddress,
  options: FirmwareOptions = {},
): FoundFunction {
  const root = findBuses(bus, (address >>> 16) << 8, (address >>> 8) & 0xff);
  const fn = [...functionsOf(root)].find((each) => each.address === address);
  if (fn === undefined) throw new NoDeviceError(`no function at ${formatFunctionAddress(address)}`);
  followAlternativeRouting(bus, root);
  const room = BusRoom.ofRoot(rulesOf(bus, options), root, poolsOf(bus), windowsOf(options));
  const { reassign = false, io } = options;
  for (const decoded of [true, false])
    room.keep(decoded, (each) => !(reassign && each.fn === fn && each.bar !== null));
  const places = (each: { space: string; fn: FoundFunction; bar: unknown }) =>
    (each.bar === null || each.fn === fn) && (each.space !== 'io' || io !== null);
  room.size(places);
  room.plan(places);
  room.write();
  return fn;
}
