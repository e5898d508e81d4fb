import {
  type AddressSpace,
  type BusTarget,
  FOUR_GIB,
  type FunctionAddress,
  readHalves,
  type TargetPart,
  VirtiolabError,
  type Width,
  writeHalves,
} from '../core/index.ts';
import type { WhileDecoded } from './bar-register.ts';
import { type BarIndex, type BarKind, MAX_IO_BYTES, type0Header } from './layout/index.ts';

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

/** @throws BarError where one of the registers that a BAR needs is another's. */
export function checkRegistersFree(
  bars: readonly Pick<BarOptions, 'index' | 'kind'>[],
  { index, kind }: Pick<BarOptions, 'index' | 'kind'>,
): void {
  const taken = (register: number) =>
    bars.some((bar) => bar.index === register || (bar.kind === 'memory64' && bar.index + 1 === register));
  if (taken(index) || (kind === 'memory64' && taken(index + 1)))
    throw new BarError(index, 'the register is taken already');
}

/** The regions of a BAR, ascending, and the reserved stretches between them, whose offsets count from the BAR's start. */
export function partsOf(regions: readonly BarRegion[], lengthBytes: number): TargetPart[] {
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

/**
 * What answers in a BAR, at every offset of its own. By itself it has no registers: those of a virtual function's stand in
 * its physical function, which decodes it.
 */
export class BarContents implements BusTarget {
  readonly index: BarIndex;
  readonly kind: BarKind;
  readonly lengthBytes: number;
  readonly prefetchable: boolean;
  /** In the order of their offsets. */
  readonly regions: readonly BarRegion[];

  /** @throws BarError */
  constructor(options: BarOptions) {
    checkBar(options);
    this.index = options.index;
    this.kind = options.kind;
    this.lengthBytes = options.lengthBytes;
    this.prefetchable = options.prefetchable ?? false;
    this.regions = ascending(options.regions);
  }

  /** Null for nothing of the kind. */
  get whileDecoded(): WhileDecoded | null {
    return null;
  }

  /** Address that software programmed, whether or not it is decoded; 0 where there is no register for that. */
  get address(): number {
    return 0;
  }

  /** Where the BAR is decoded now by its own registers, or null. */
  get mappedAt(): number | null {
    return null;
  }

  /**
   * Follows the registers, where it has any: moves, appears or disappears in `space`.
   * @param owner the function, at `address`
   * @returns whether anything changed.
   */
  decode(_space: AddressSpace, _on: boolean, _owner: object, _address: FunctionAddress): boolean {
    return false;
  }

  /** Takes the BAR out of its space. */
  release(): void {}

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
}
