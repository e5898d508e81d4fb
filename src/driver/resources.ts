import { type Bus, FOUR_GIB, formatFunctionAddress } from '../core/index.ts';
import {
  type BridgeWindowName,
  bridgeWindowNames,
  bridgeWindows,
  command,
  extendedCapabilityId,
  type0Header,
  windowRange,
  windowType,
} from '../pci/layout/index.ts';
import type { Claim } from './address-pool.ts';
import { type FoundBar, FunctionConfig } from './function-config.ts';
import type { FoundFunction } from './pci.ts';
import { DriverSriov } from './sriov.ts';

/** Something that takes addresses of a bus: a BAR, one of all virtual functions together, or a window of a bridge. */
export interface Resource {
  readonly fn: FoundFunction;
  readonly space: 'io' | 'memory';
  /** The kind of window that it belongs into. */
  readonly window: BridgeWindowName;
  /** As it stands in an error. */
  readonly what: string;
  /** Null for a window. */
  readonly bar: FoundBar | null;
  /** Where BARs of virtual functions have their registers; null for what is none. */
  readonly virtual: DriverSriov | null;
  /** Where its registers say that it is; null for nowhere, and for what they hold while nobody has written them. */
  readonly at: Claim | null;
  /** It answers there now. What does not gives way to it. */
  readonly decoded: boolean;
  /** Bytes that it takes. */
  size: number;
  align: number;
  /** It stays where it is. */
  kept: boolean;
  /** Where it is to be from now on. */
  planned: number | null;
}

const decodeBits = { io: command.io, memory: command.memory } as const;
export const decodeBit = (space: 'io' | 'memory') => decodeBits[space];

/** Last byte that a BAR of each kind can end with: at the top of memory stands what measuring a BAR leaves in it. */
const lastByte = { io: 0xffff, memory32: FOUR_GIB - 2, memory64: Number.MAX_SAFE_INTEGER - 2 } as const;

/** Where somebody put a BAR, or `count` of them in a row. 0 counts as nowhere: that is what a reset leaves. */
function placeOfBar({ kind, address, size }: FoundBar, count = 1): Claim | null {
  const end = address + count * size;
  return address !== 0 && end - 1 <= lastByte[kind] ? { start: address, end } : null;
}

/** @param prefetchable there is a window for prefetchable BARs of 64 bits. */
export function barResources(fn: FoundFunction, bits: number, prefetchable: boolean): Resource[] {
  return fn.bars.map((bar) => {
    const space = bar.kind === 'io' ? 'io' : 'memory';
    const wide = bar.kind === 'memory64' && bar.prefetchable && prefetchable;
    return {
      fn,
      space,
      window: wide ? 'prefetchable' : space,
      what: `BAR${bar.index} of ${formatFunctionAddress(fn.address)}`,
      bar,
      virtual: null,
      at: placeOfBar(bar),
      decoded: (bits & decodeBit(space)) !== 0,
      size: bar.size,
      align: bar.size,
      kept: false,
      planned: null,
    };
  });
}

/**
 * The BARs of a function's virtual functions, each with room for as many of them as there can ever be.
 * @param wide there is a window for prefetchable BARs of 64 bits. @param root no bridge is above: then one that is not
 * prefetchable may go there too, as thousands have to, for whom there is no room below 4 GiB.
 */
export function virtualResources(bus: Bus, fn: FoundFunction, wide: boolean, root: boolean): Resource[] {
  const found = fn.extended.find(({ id }) => id === extendedCapabilityId.singleRootIov);
  if (found === undefined) return [];
  const virtual = new DriverSriov(new FunctionConfig(bus, fn.address), found.offset);
  const { totalVfs, decodes: decoded } = virtual;
  virtual.settlePageSize();
  return virtual.measureBars().map((bar) => ({
    fn,
    space: 'memory',
    window: bar.kind === 'memory64' && wide && (bar.prefetchable || root) ? 'prefetchable' : 'memory',
    what: `BAR${bar.index} of ${totalVfs} virtual functions of ${formatFunctionAddress(fn.address)}`,
    bar,
    virtual,
    at: placeOfBar(bar, totalVfs),
    decoded,
    size: totalVfs * bar.size,
    align: bar.size,
    kept: false,
    planned: null,
  }));
}

/** A window that a bridge has, whether or not it is open. */
export interface FoundWindow {
  readonly name: BridgeWindowName;
  readonly at: Claim | null;
  /** It reaches beyond 4 GiB, or of I/O beyond 64 KiB. */
  readonly wide: boolean;
}

/** The windows of a bridge. Those that are optional read 0 for ever where there are none (PCI-to-PCI Bridge 1.2, 3.2.5). */
export function findWindows(bus: Bus, fn: FoundFunction): FoundWindow[] {
  const config = new FunctionConfig(bus, fn.address);
  return bridgeWindowNames.flatMap((name) => {
    const window = bridgeWindows[name];
    const { base, limit } = window;
    const before = config.read(base);
    if (before === 0 && config.read(limit) === 0 && name !== 'memory') {
      config.write(base, base.writable);
      const there = config.read(base) !== 0;
      config.write(base, before);
      if (!there) return [];
    }
    const range = windowRange(config.readAt, window);
    // At 0 stands what a reset leaves.
    const at = range === null || range.start === 0 ? null : range;
    return { name, at, wide: (before & windowType.mask) === windowType.wide };
  });
}

export function windowResource(fn: FoundFunction, { name, at }: FoundWindow, bits: number): Resource {
  const { space, granuleBytes } = bridgeWindows[name];
  return {
    fn,
    space,
    window: name,
    what: `${name} window of ${formatFunctionAddress(fn.address)}`,
    bar: null,
    virtual: null,
    at,
    decoded: (bits & decodeBit(space)) !== 0,
    size: 0,
    align: granuleBytes,
    kept: false,
    planned: null,
  };
}

export const commandOf = (bus: Bus, { address }: FoundFunction): number =>
  bus.configRead(address, type0Header.command.offset, 2);
