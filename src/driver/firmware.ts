import { type Bus, FOUR_GIB, type FunctionAddress } from '../core/index.ts';
import { command, type0Header } from '../pci/layout/index.ts';
import { ResourceError } from './errors.ts';
import { enumerate, type FoundBar, type FoundFunction, setCommand } from './pci.ts';

/** Where a kind of BAR may be put: [start, end). */
export interface Window {
  readonly start: number;
  readonly end: number;
}

export interface FirmwareOptions {
  readonly io?: Window;
  readonly memory?: Window;
  readonly prefetchable64?: Window;
}

const defaults: Required<FirmwareOptions> = {
  io: { start: 0xc000, end: 0x10000 },
  memory: { start: 0xc0000000, end: 0xe0000000 },
  prefetchable64: { start: 0x80_0000_0000, end: 0x100_0000_0000 },
};

/** Hands out addresses of a window, each aligned to its size. */
class Allocator {
  readonly #window: Window;
  #next: number;

  constructor(window: Window) {
    this.#window = window;
    this.#next = window.start;
  }

  take(size: number, what: string): number {
    const at = Math.ceil(this.#next / size) * size;
    if (at + size > this.#window.end)
      throw new ResourceError(`${what} of ${size} bytes: no room below 0x${this.#window.end.toString(16)}`);
    this.#next = at + size;
    return at;
  }
}

function writeBar(bus: Bus, fn: FunctionAddress, bar: FoundBar, address: number): void {
  const at = type0Header.bar.offset + 4 * bar.index;
  bus.configWrite(fn, at, 4, address % FOUR_GIB);
  if (bar.kind === 'memory64') bus.configWrite(fn, at + 4, 4, Math.floor(address / FOUR_GIB));
  bar.address = address;
}

/**
 * What board firmware does before an operating system starts: finds every function of bus 0, gives its BARs addresses and
 * switches decoding on. Drivers switch bus mastering on themselves.
 * @throws ResourceError when a window is full.
 */
export function runFirmware(bus: Bus, options: FirmwareOptions = {}): FoundFunction[] {
  const windows = { ...defaults, ...options };
  const allocators = {
    io: new Allocator(windows.io),
    memory: new Allocator(windows.memory),
    prefetchable64: new Allocator(windows.prefetchable64),
  };
  const found = enumerate(bus);
  for (const fn of found) {
    for (const bar of fn.bars) {
      const pool =
        bar.kind === 'io' ? 'io' : bar.kind === 'memory64' && bar.prefetchable ? 'prefetchable64' : 'memory';
      writeBar(bus, fn.address, bar, allocators[pool].take(bar.size, `BAR${bar.index}`));
    }
    const kinds = new Set(fn.bars.map(({ kind }) => (kind === 'io' ? command.io : command.memory)));
    let bits = 0;
    for (const bit of kinds) bits |= bit;
    if (bits !== 0) setCommand(bus, fn.address, bits);
  }
  return found;
}
