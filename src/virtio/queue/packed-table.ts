import { descriptorFlag, PACKED_DESCRIPTOR_BYTES, packedDescriptor } from '../layout/index.ts';
import type { Chain } from './chain.ts';

const BYTES = PACKED_DESCRIPTOR_BYTES;
const ADDRESS_LOW = packedDescriptor.addressLow.offset;
const ADDRESS_HIGH = packedDescriptor.addressHigh.offset;
const LENGTH = packedDescriptor.length.offset;
const FLAGS = packedDescriptor.flags.offset;
const WRITE = descriptorFlag.write;

/**
 * Lengths and lower halves of the addresses of an indirect table, whose entries follow one another from byte `base` of
 * `view` on, into `chain`, which has room for them.
 * @returns how many are readable; ~index where that entry is readable after a writable one.
 */
export function readTable(view: DataView, base: number, entries: number, chain: Chain): number {
  const { lows, lengths } = chain;
  let readable = 0;
  for (let i = 0; i < entries; i++) {
    const at = base + BYTES * i;
    lengths[i] = view.getUint32(at + LENGTH, true);
    lows[i] = view.getUint32(at + ADDRESS_LOW, true);
    if ((view.getUint16(at + FLAGS, true) & WRITE) === 0 && readable++ !== i) return ~i;
  }
  return readable;
}

/**
 * Upper halves of the addresses of a chain whose descriptors follow one another in `view`, from place `first` of a ring or
 * a table of `size` entries that begins at byte `base`.
 */
export function readHighs(view: DataView, base: number, first: number, size: number, chain: Chain): void {
  const { highs, count } = chain;
  chain.far = true;
  for (let i = 0; i < count; i++)
    highs[i] = view.getUint32(base + BYTES * ((first + i) % size) + ADDRESS_HIGH, true);
}
