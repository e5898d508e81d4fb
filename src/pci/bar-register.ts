import { type AddressSpace, FOUR_GIB } from '../core/index.ts';
import type { ConfigSpace } from './config-space.ts';
import { type BarKind, barBits } from './layout/index.ts';

/** What happens to a BAR while it is decoded, so that what it covers meanwhile is anybody's guess. */
export type WhileDecoded = 'measured' | 'moved by halves';

/** The bits of a BAR's registers that software sets; `high` of a 64-bit one. */
const addressBits = (lengthBytes: number) => ({
  // The smallest BAR of either kind has no address bit among those that say what kind it is.
  low: -lengthBytes >>> 0,
  high: (FOUR_GIB - Math.max(1, lengthBytes / FOUR_GIB)) >>> 0,
});

/**
 * The registers of a BAR in configuration space: those of a header, or of its virtual functions. Of thousands of BARs each says
 * where they stand, and has nothing else for it.
 */
export interface BarRegisters {
  readonly space: ConfigSpace;
  /** Of the lower one, in bytes. */
  readonly offset: number;
  readonly kind: BarKind;
}

/** Lays them down: flags, and as many writable bits as the length leaves. */
export function layBar(
  { space, offset, kind }: BarRegisters,
  lengthBytes: number,
  prefetchable: boolean,
): void {
  const flags = kind === 'io' ? barBits.io : kind === 'memory64' ? barBits.memory64 : 0;
  space.set(offset, 4, flags | (prefetchable ? barBits.prefetchable : 0));
  const { low, high } = addressBits(lengthBytes);
  space.setMasks(offset, 4, low);
  if (kind === 'memory64') space.setMasks(offset + 4, 4, high);
}

/** Address that software programmed, whether or not it is decoded. */
export function barAddress({ space, offset, kind }: BarRegisters): number {
  const low = space.get(offset, 4);
  if (kind === 'io') return (low & barBits.ioAddressMask) >>> 0;
  const high = kind === 'memory64' ? space.get(offset + 4, 4) : 0;
  return high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0);
}

/** Every address bit is set, of one register at least: software measures the BAR. */
function isMeasured({ space, offset, kind }: BarRegisters, lengthBytes: number): boolean {
  const { low, high } = addressBits(lengthBytes);
  const all = (at: number, bits: number) => bits !== 0 && (space.get(at, 4) & bits) >>> 0 === bits;
  return all(offset, low) || (kind === 'memory64' && all(offset + 4, high));
}

/** Clears the address bits that a longer BAR leaves nobody to set. */
export function alignBar({ space, offset, kind }: BarRegisters, lengthBytes: number): void {
  const { low, high } = addressBits(lengthBytes);
  const flags = kind === 'io' ? ~barBits.ioAddressMask : ~barBits.memoryAddressMask;
  space.set(offset, 4, (space.get(offset, 4) & (low | flags)) >>> 0);
  if (kind === 'memory64') space.set(offset + 4, 4, (space.get(offset + 4, 4) & high) >>> 0);
}

/** So are the bits in a configuration space that is looked at. */
export function isAligned({ offset, kind }: BarRegisters, config: Uint8Array, lengthBytes: number): boolean {
  const { low, high } = addressBits(lengthBytes);
  const dword = (at: number) =>
    (config[at]! | (config[at + 1]! << 8) | (config[at + 2]! << 16) | (config[at + 3]! << 24)) >>> 0;
  const address = dword(offset) & (kind === 'io' ? barBits.ioAddressMask : barBits.memoryAddressMask);
  return (address & ~low) === 0 && (kind !== 'memory64' || (dword(offset + 4) & ~high) === 0);
}

/**
 * What happens to a BAR that is decoded at `mappedAt`; null for nothing of the kind. To be moved at once it need not be
 * switched off: Linux moves those of 32 bits so.
 */
export function whileDecoded(
  bar: BarRegisters,
  mappedAt: number | null,
  lengthBytes: number,
): WhileDecoded | null {
  if (mappedAt === null || mappedAt === barAddress(bar)) return null;
  if (isMeasured(bar, lengthBytes)) return 'measured';
  return bar.kind === 'memory64' ? 'moved by halves' : null;
}

/**
 * Where so many bytes are decoded in a space; null for nowhere. Address 0 and addresses that end at the top of what the
 * register can express count as unassigned: software writes them while it measures the BAR.
 */
export function barPlace(bar: BarRegisters, space: AddressSpace, lengthBytes: number): number | null {
  const at = barAddress(bar);
  const end = at + lengthBytes;
  const top = bar.kind === 'memory64' ? Number.MAX_SAFE_INTEGER : FOUR_GIB;
  return at !== 0 && end < top && end <= space.size ? at : null;
}
