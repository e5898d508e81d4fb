import { FOUR_GIB, type Register, type Width } from '../../core/index.ts';
import { type1Header } from './header.ts';

/** Bits of bridge control (PCI-to-PCI Bridge 1.2, section 3.2.5.18). */
export const bridgeControl = { isa: 0x0004, secondaryReset: 0x0040 } as const;

/**
 * With the ISA bit a bridge passes the first 256 of every 1024 ports on, and leaves the others, below 64 KiB, to ISA cards
 * on its primary side (section 3.2.5.18).
 */
export const isaPorts = { everyBytes: 0x400, passedBytes: 0x100, end: 0x10000 } as const;

/** What a bridge passes on to its secondary side: addresses from a base to a limit (sections 3.2.5.6 to 3.2.5.11). */
export interface BridgeWindow {
  readonly space: 'io' | 'memory';
  readonly base: Register;
  readonly limit: Register;
  /** Upper halves, where the window has any. */
  readonly upper: readonly [base: Register, limit: Register] | null;
  /** One bit of the base register, and of the limit register, in bytes of address. */
  readonly unitBytes: number;
  /** One of the upper halves' bits in bytes of address. */
  readonly upperUnitBytes: number;
  /** Windows begin and end at multiples of so many bytes. */
  readonly granuleBytes: number;
}

export const bridgeWindows = {
  io: {
    space: 'io',
    base: type1Header.ioBase,
    limit: type1Header.ioLimit,
    upper: [type1Header.ioBaseUpper16, type1Header.ioLimitUpper16],
    unitBytes: 0x100,
    upperUnitBytes: 0x10000,
    granuleBytes: 0x1000,
  },
  memory: {
    space: 'memory',
    base: type1Header.memoryBase,
    limit: type1Header.memoryLimit,
    upper: null,
    unitBytes: 0x10000,
    upperUnitBytes: FOUR_GIB,
    granuleBytes: 0x100000,
  },
  prefetchable: {
    space: 'memory',
    base: type1Header.prefetchableMemoryBase,
    limit: type1Header.prefetchableMemoryLimit,
    upper: [type1Header.prefetchableBaseUpper32, type1Header.prefetchableLimitUpper32],
    unitBytes: 0x10000,
    upperUnitBytes: FOUR_GIB,
    granuleBytes: 0x100000,
  },
} as const satisfies Record<string, BridgeWindow>;

export type BridgeWindowName = keyof typeof bridgeWindows;
export const bridgeWindowNames = Object.keys(bridgeWindows) as readonly BridgeWindowName[];

/** The low bits of base and limit: they say whether upper halves count. */
export const windowType = { mask: 0x0f, narrow: 0, wide: 1 } as const;

/** Addresses [start, end). */
export interface WindowRange {
  readonly start: number;
  readonly end: number;
}

type ReadRegister = (offset: number, width: Width) => number;

/** Where a window's registers say that it is; null for one that is closed, its limit below its base. */
export function windowRange(read: ReadRegister, window: BridgeWindow): WindowRange | null {
  const { unitBytes, upperUnitBytes, granuleBytes, upper } = window;
  const address = (register: Register, upperRegister: Register | undefined) => {
    const value = read(register.offset, register.width as Width);
    const wide = upperRegister !== undefined && (value & windowType.mask) === windowType.wide;
    const high = wide ? read(upperRegister.offset, upperRegister.width as Width) : 0;
    return (value & ~windowType.mask) * unitBytes + high * upperUnitBytes;
  };
  const start = address(window.base, upper?.[0]);
  const end = address(window.limit, upper?.[1]) + granuleBytes;
  return start < end ? { start, end } : null;
}

/**
 * What to write into which register in order to open a window over whole granules, or with null to close it: with a
 * base above every limit.
 */
export function windowValues(window: BridgeWindow, range: WindowRange | null): [Register, number][] {
  const { base, limit, upper, unitBytes, upperUnitBytes, granuleBytes } = window;
  const mask = base.writable;
  const [first, last] = range === null ? [mask * unitBytes, 0] : [range.start, range.end - granuleBytes];
  const halves = (address: number) => [
    Math.floor((address % upperUnitBytes) / unitBytes) & mask,
    Math.floor(address / upperUnitBytes),
  ];
  const [low, high] = halves(first);
  const [lowLast, highLast] = halves(last);
  const uppers: [Register, number][] =
    upper === null
      ? []
      : [
          [upper[0], high!],
          [upper[1], highLast!],
        ];
  return [...uppers, [base, low!], [limit, lowLast!]];
}
