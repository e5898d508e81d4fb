import {
  type AddressSpace,
  type BusTarget,
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  readHalves,
  type TargetPart,
  VirtiolabError,
  type Width,
  writeHalves,
} from '../core/index.ts';
import type { ConfigSpace } from './config-space.ts';
import { type BarIndex, type BarKind, barBits, MAX_IO_BYTES, type0Header } from './layout/index.ts';

/** What stands in a BAR: `offset` and `length` in bytes from its start. */
export interface BarRegion {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly target: BusTarget;
}

/** One base address register. `lengthBytes` is a power of two, at least 4 (I/O) or 16 (memory). */
export interface BarOptions {
  readonly index: BarIndex;
  readonly kind: BarKind;
  readonly lengthBytes: number;
  readonly prefetchable?: boolean;
  readonly regions: readonly BarRegion[];
}

/** A BAR of impossible size or place. */
export class BarError extends VirtiolabError {
  readonly index: number;
  readonly reason: string;

  constructor(index: number, reason: string) {
    super(`BAR${index}: ${reason}`);
    this.index = index;
    this.reason = reason;
  }
}

/** Bytes of a memory BAR in which nothing stands read 0. */
const reserved: BusTarget = { read: () => 0, write: () => {} };

/**
 * Least and largest size of a BAR in bytes. I/O: PCI Local Bus 3.0, section 6.2.5.1. Memory: at twice the largest size ends
 * what the register holds, and with 64 bits what a Number holds exactly.
 */
const sizes = {
  io: { least: 4, most: MAX_IO_BYTES },
  memory32: { least: 16, most: FOUR_GIB / 2 },
  memory64: { least: 16, most: 2 ** 51 },
} as const;

const ascending = <R extends { readonly offset: number }>(regions: readonly R[]) =>
  [...regions].sort((a, b) => a.offset - b.offset);

/** A BAR as it is planned: what answers in its regions does not matter yet. */
interface PlannedBar extends Omit<BarOptions, 'regions'> {
  readonly regions: readonly Omit<BarRegion, 'target'>[];
}

/** @throws BarError */
export function checkBar({ index, kind, lengthBytes, prefetchable, regions }: PlannedBar): void {
  if (!Number.isInteger(index) || index < 0 || index >= type0Header.bar.count)
    throw new BarError(index, `wants an index of 0..${type0Header.bar.count - 1}`);
  const limits = sizes[kind] as (typeof sizes)[BarKind] | undefined;
  if (limits === undefined) throw new BarError(index, `kind ${kind}; wants ${Object.keys(sizes).join(', ')}`);
  if (kind === 'memory64' && index === type0Header.bar.count - 1)
    throw new BarError(index, 'a 64-bit BAR needs the next register too');
  const isPower = Number.isInteger(Math.log2(lengthBytes));
  if (!isPower || lengthBytes < limits.least || lengthBytes > limits.most)
    throw new BarError(
      index,
      `${lengthBytes} bytes; wants a power of two, at least ${limits.least} and at most ${limits.most} (${kind})`,
    );
  if (kind === 'io' && prefetchable === true) throw new BarError(index, 'I/O cannot be prefetchable');
  let before: Omit<BarRegion, 'target'> | null = null;
  for (const region of ascending(regions)) {
    const { name, offset, length } = region;
    if (!Number.isInteger(offset) || offset < 0 || !Number.isInteger(length) || length <= 0)
      throw new BarError(index, `${name} at ${offset}, ${length} bytes: wants whole bytes, at least one`);
    if (before !== null && offset < before.offset + before.length)
      throw new BarError(index, `${name} at ${offset} overlaps ${before.name}`);
    if (offset + length > lengthBytes)
      throw new BarError(index, `${name} ends outside its ${lengthBytes} bytes`);
    before = region;
  }
}

/** The bits of a BAR's registers that software sets; `high` of a 64-bit one. */
const addressBits = (lengthBytes: number) => ({
  // The smallest BAR of either kind has no address bit among those that say what kind it is.
  low: -lengthBytes >>> 0,
  high: (FOUR_GIB - Math.max(1, lengthBytes / FOUR_GIB)) >>> 0,
});

/** The regions of a BAR, ascending, and the reserved stretches between them, whose offsets count from the BAR's start. */
function partsOf(regions: readonly BarRegion[], lengthBytes: number): TargetPart[] {
  const parts: TargetPart[] = [];
  let at = 0;
  const rest = (end: number) => {
    if (end > at) parts.push({ name: 'reserved', offset: at, length: end - at, base: 0, target: reserved });
  };
  for (const region of regions) {
    rest(region.offset);
    const { name, offset, length, target } = region;
    parts.push({ name, offset, length, base: offset, target });
    at = region.offset + region.length;
  }
  rest(lengthBytes);
  return parts;
}

/** A base address register and what stands behind it. As a target it answers at every offset of its own. */
export class Bar implements BusTarget {
  readonly index: BarIndex;
  readonly kind: BarKind;
  readonly lengthBytes: number;
  readonly prefetchable: boolean;
  /** In the order of their offsets. */
  readonly regions: readonly BarRegion[];
  readonly offset: number;
  #unmap: (() => void) | null = null;
  #mappedAt: number | null = null;

  readonly space: ConfigSpace;

  /** @throws BarError */
  constructor(space: ConfigSpace, options: BarOptions) {
    this.space = space;
    checkBar(options);
    const { index, kind, lengthBytes } = options;
    this.index = index;
    this.kind = kind;
    this.lengthBytes = lengthBytes;
    this.prefetchable = options.prefetchable ?? false;
    this.regions = ascending(options.regions);
    this.offset = type0Header.bar.offset + 4 * index;
    const flags = kind === 'io' ? barBits.io : kind === 'memory64' ? barBits.memory64 : 0;
    space.set(this.offset, 4, flags | (this.prefetchable ? barBits.prefetchable : 0));
    const { low, high } = addressBits(lengthBytes);
    space.setMasks(this.offset, 4, low);
    if (kind === 'memory64') space.setMasks(this.offset + 4, 4, high);
  }

  /** Address that software programmed, whether or not it is decoded. */
  get address(): number {
    const low = this.space.get(this.offset, 4);
    if (this.kind === 'io') return (low & barBits.ioAddressMask) >>> 0;
    const high = this.kind === 'memory64' ? this.space.get(this.offset + 4, 4) : 0;
    return high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0);
  }

  /** Every address bit is set, of one register at least: software measures the BAR. */
  #measured(): boolean {
    const { offset, kind, lengthBytes } = this;
    const { low, high } = addressBits(lengthBytes);
    const all = (at: number, bits: number) => bits !== 0 && (this.space.get(at, 4) & bits) >>> 0 === bits;
    return all(offset, low) || (kind === 'memory64' && all(offset + 4, high));
  }

  /**
   * What happens to it while it is decoded, so that what it covers meanwhile is anybody's guess; null for nothing of the
   * kind. To be moved at once it need not be switched off: Linux moves those of 32 bits so.
   */
  get whileDecoded(): 'measured' | 'moved by halves' | null {
    if (this.#mappedAt === null || this.#mappedAt === this.address) return null;
    if (this.#measured()) return 'measured';
    return this.kind === 'memory64' ? 'moved by halves' : null;
  }

  /** Where the BAR is decoded now, or null. */
  get mappedAt(): number | null {
    return this.#mappedAt;
  }

  /**
   * Follows the registers: moves, appears or disappears in `space`. Address 0 and addresses that end at the top of
   * what the register can express count as unassigned: software writes them while it measures the BAR.
   * @param owner the function, at `address`
   * @returns whether anything changed.
   */
  decode(space: AddressSpace, on: boolean, owner: object, address: FunctionAddress): boolean {
    const at = this.address;
    const end = at + this.lengthBytes;
    const top = this.kind === 'memory64' ? Number.MAX_SAFE_INTEGER : FOUR_GIB;
    const wanted = on && at !== 0 && end < top && end <= space.size ? at : null;
    if (wanted === this.#mappedAt) return false;
    this.release();
    if (wanted === null) return true;
    this.#mappedAt = wanted;
    this.#unmap = space.map({
      name: `${formatFunctionAddress(address)} BAR${this.index}`,
      start: wanted,
      length: this.lengthBytes,
      target: this,
      // Made where software puts the BAR: one that nobody has placed needs none.
      parts: partsOf(this.regions, this.lengthBytes),
      owner,
      // Where BARs overlap, the lower function and the lower BAR answer.
      priority: -(address * type0Header.bar.count + this.index),
    });
    return true;
  }

  /** The region at an offset; undefined where nothing stands, and outside the BAR. */
  regionAt(offset: number): BarRegion | undefined {
    const { regions } = this;
    let low = 0;
    let high = regions.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const region = regions[middle]!;
      if (offset < region.offset) high = middle - 1;
      else if (offset >= region.offset + region.length) low = middle + 1;
      else return region;
    }
    return undefined;
  }

  /** The region that all of an access reaches. */
  #whole(offset: number, width: Width): BarRegion | undefined {
    const region = this.regionAt(offset);
    return region !== undefined && offset + width <= region.offset + region.length ? region : undefined;
  }

  /** Offset from the BAR's start; an access over the edge of a region is carried out as aligned pieces. */
  read(offset: number, width: Width): number {
    const region = this.#whole(offset, width);
    if (region !== undefined) return region.target.read(offset - region.offset, width);
    return width === 1 ? 0 : readHalves(this, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    const region = this.#whole(offset, width);
    if (region !== undefined) region.target.write(offset - region.offset, width, value);
    else if (width !== 1) writeHalves(this, offset, width, value);
  }

  widthAt(offset: number): Width {
    const region = this.regionAt(offset);
    return region?.target.widthAt?.(offset - region.offset) ?? 1;
  }

  /** Takes the BAR out of its space. */
  release(): void {
    this.#unmap?.();
    this.#unmap = null;
    this.#mappedAt = null;
  }
}
