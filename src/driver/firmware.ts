import { type Bus, FOUR_GIB, type FunctionAddress, formatFunctionAddress } from '../core/index.ts';
import { command, type0Header } from '../pci/layout/index.ts';
import { AddressPool, type Claim, type Window } from './address-pool.ts';
import { NoDeviceError } from './errors.ts';
import type { FoundBar } from './function-config.ts';
import { enumerate, type FoundFunction, setCommand } from './pci.ts';

export interface FirmwareOptions {
  readonly io?: Window;
  readonly memory?: Window;
  readonly prefetchable64?: Window;
  /**
   * Gives every BAR a new address, those of functions in use too: whoever knows the old ones (a driver, a translator) is
   * wrong from then on. Default false: what has an address keeps it.
   */
  readonly reassign?: boolean;
}

type Windows = Required<Omit<FirmwareOptions, 'reassign'>>;

const defaults: Windows = {
  io: { start: 0xc000, end: 0x10000 },
  memory: { start: 0xc0000000, end: 0xe0000000 },
  prefetchable64: { start: 0x80_0000_0000, end: 0x100_0000_0000 },
};

/** Last byte that a BAR of each kind can end with: at the top of memory stands what measuring a BAR leaves in it. */
const lastByte = { io: 0xffff, memory32: FOUR_GIB - 2, memory64: Number.MAX_SAFE_INTEGER - 2 } as const;

const decodeBit = (bar: FoundBar) => (bar.kind === 'io' ? command.io : command.memory);
const claimOf = ({ address, size }: FoundBar): Claim => ({ start: address, end: address + size });

/** Somebody gave the BAR an address at which it can stand. 0 counts as none: that is what a reset leaves. */
const hasAddress = (bar: FoundBar) => bar.address !== 0 && bar.address + bar.size - 1 <= lastByte[bar.kind];

/** A BAR that is to have a place, and the place. */
interface Plan {
  readonly bar: FoundBar;
  readonly at: number;
}

/** The two address spaces of a bus, with what is taken in them. */
class Board {
  readonly #bus: Bus;
  readonly #windows: Windows;
  readonly #io: AddressPool;
  readonly #memory: AddressPool;

  constructor(bus: Bus, options: FirmwareOptions) {
    this.#bus = bus;
    this.#windows = {
      io: options.io ?? defaults.io,
      memory: options.memory ?? defaults.memory,
      prefetchable64: options.prefetchable64 ?? defaults.prefetchable64,
    };
    this.#io = new AddressPool();
    this.#memory = new AddressPool(bus.ram.ranges.map(({ start, end }) => ({ start, end })));
  }

  #pool(bar: FoundBar): AddressPool {
    return bar.kind === 'io' ? this.#io : this.#memory;
  }

  #window(bar: FoundBar): Window {
    if (bar.kind === 'io') return this.#windows.io;
    return bar.kind === 'memory64' && bar.prefetchable ? this.#windows.prefetchable64 : this.#windows.memory;
  }

  /**
   * The BARs that have no place of their own yet; those that have keep it. What is decoded goes first: it is in use, and an
   * address that is only written down gives way to it.
   */
  unplaced(functions: readonly FoundFunction[]): Set<FoundBar> {
    const unplaced = new Set<FoundBar>();
    const bars = functions.flatMap(({ address, bars: each }) => {
      const bits = this.#bus.configRead(address, type0Header.command.offset, 2);
      return each.map((bar) => ({ bar, decoded: (bits & decodeBit(bar)) !== 0 }));
    });
    for (const { bar, decoded } of bars) {
      if (decoded && hasAddress(bar)) this.#pool(bar).keep(claimOf(bar));
      else unplaced.add(bar);
    }
    for (const bar of [...unplaced])
      if (hasAddress(bar) && this.#pool(bar).isFree(claimOf(bar))) {
        this.#pool(bar).keep(claimOf(bar));
        unplaced.delete(bar);
      }
    return unplaced;
  }

  /** @returns what is planned for each function. @throws ResourceError when a window is full; nothing has been written then. */
  plan(functions: readonly FoundFunction[], unplaced: ReadonlySet<FoundBar>): Plan[][] {
    return functions.map(({ address, bars }) =>
      bars
        .filter((bar) => unplaced.has(bar))
        .map((bar) => {
          const what = `BAR${bar.index} of ${formatFunctionAddress(address)}`;
          return { bar, at: this.#pool(bar).take(this.#window(bar), bar.size, what) };
        }),
    );
  }

  /** Writes the planned addresses of one function while it decodes nothing, and switches on the decoding that its BARs need. */
  place(fn: FoundFunction, plans: readonly Plan[]): void {
    if (plans.length === 0) return;
    setCommand(this.#bus, fn.address, 0, command.io | command.memory);
    for (const { bar, at } of plans) this.#write(fn.address, bar, at);
    let bits = 0;
    for (const bar of fn.bars) bits |= decodeBit(bar);
    setCommand(this.#bus, fn.address, bits);
  }

  #write(fn: FunctionAddress, bar: FoundBar, address: number): void {
    const at = type0Header.bar.offset + 4 * bar.index;
    this.#bus.configWrite(fn, at, 4, address % FOUR_GIB);
    if (bar.kind === 'memory64') this.#bus.configWrite(fn, at + 4, 4, Math.floor(address / FOUR_GIB));
    bar.address = address;
  }
}

/**
 * What board firmware does before an operating system starts: finds every function of bus 0, gives its BARs addresses and
 * switches decoding on. Drivers switch bus mastering on themselves. Run again, it leaves functions alone whose BARs all
 * have addresses, and gives to the others what is still free. All or nothing.
 * @throws ResourceError when a window is full.
 */
export function runFirmware(bus: Bus, options: FirmwareOptions = {}): FoundFunction[] {
  const board = new Board(bus, options);
  const found = enumerate(bus);
  const unplaced =
    options.reassign === true ? new Set(found.flatMap(({ bars }) => bars)) : board.unplaced(found);
  const plans = board.plan(found, unplaced);
  for (const [index, fn] of found.entries()) board.place(fn, plans[index]!);
  return found;
}

/**
 * Gives addresses to one function that was plugged later, and touches no other. With `reassign` it is moved where it has
 * some already.
 * @throws NoDeviceError where software finds no function; ResourceError when a window is full.
 */
export function placeFunction(
  bus: Bus,
  address: FunctionAddress,
  options: FirmwareOptions = {},
): FoundFunction {
  const found = enumerate(bus, address >> 8);
  const fn = found.find((each) => each.address === address);
  if (fn === undefined) throw new NoDeviceError(`no function at ${formatFunctionAddress(address)}`);
  const board = new Board(bus, options);
  const others = options.reassign === true ? found.filter((each) => each !== fn) : found;
  const unplaced = board.unplaced(others);
  if (options.reassign === true) for (const bar of fn.bars) unplaced.add(bar);
  board.place(fn, board.plan([fn], unplaced)[0]!);
  return fn;
}
