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

/** The registers of a BAR in configuration space, wherever there: those of a header, or of its virtual functions. */
export class BarRegister {
  readonly space: ConfigSpace;
  readonly offset: number;
  readonly kind: BarKind;

  /** Lays them down: flags, and as many writable bits as the length leaves. */
  constructor(space: ConfigSpace, offset: number, kind: BarKind, lengthBytes: number, prefetchable: boolean) {
    this.space = space;
    this.offset = offset;
    this.kind = kind;
    const flags = kind === 'io' ? barBits.io : kind === 'memory64' ? barBits.memory64 : 0;
    space.set(offset, 4, flags | (prefetchable ? barBits.prefetchable : 0));
    const { low, high } = addressBits(lengthBytes);
    space.setMasks(offset, 4, low);
    if (kind === 'memory64') space.setMasks(offset + 4, 4, high);
  }

  /** Address that software programmed, whether or not it is decoded. */
  get address(): number {
    const low = this.space.get(this.offset, 4);
    if (this.kind === 'io') return (low & barBits.ioAddressMask) >>> 0;
    const high = this.kind === 'memory64' ? this.space.get(this.offset + 4, 4) : 0;
    return high * FOUR_GIB + ((low & barBits.memoryAddressMask) >>> 0);
  }

  /** Every address bit is set, of one register at least: software measures the BAR. */
  #measured(lengthBytes: number): boolean {
    const { offset, kind } = this;
    const { low, high } = addressBits(lengthBytes);
    const all = (at: number, bits: number) => bits !== 0 && (this.space.get(at, 4) & bits) >>> 0 === bits;
    return all(offset, low) || (kind === 'memory64' && all(offset + 4, high));
  }

  /** Clears the address bits that a longer BAR leaves nobody to set. */
  align(lengthBytes: number): void {
    const { space, offset, kind } = this;
    const { low, high } = addressBits(lengthBytes);
    const flags = kind === 'io' ? ~barBits.ioAddressMask : ~barBits.memoryAddressMask;
    space.set(offset, 4, (space.get(offset, 4) & (low | flags)) >>> 0);
    if (kind === 'memory64') space.set(offset + 4, 4, (space.get(offset + 4, 4) & high) >>> 0);
  }

  /** So are the bits in a configuration space that is looked at. */
  isAligned(config: Uint8Array, lengthBytes: number): boolean {
    const { offset, kind } = this;
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
  whileDecoded(mappedAt: number | null, lengthBytes: number): WhileDecoded | null {
    if (mappedAt === null || mappedAt === this.address) return null;
    if (this.#measured(lengthBytes)) return 'measured';
    return this.kind === 'memory64' ? 'moved by halves' : null;
  }

  /**
   * Where so many bytes are decoded in a space; null for nowhere. Address 0 and addresses that end at the top of what the
   * register can express count as unassigned: software writes them while it measures the BAR.
   */
  place(space: AddressSpace, lengthBytes: number): number | null {
    const at = this.address;
    const end = at + lengthBytes;
    const top = this.kind === 'memory64' ? Number.MAX_SAFE_INTEGER : FOUR_GIB;
    return at !== 0 && end < top && end <= space.size ? at : null;
  }
}
