import { lengthOf } from '../../core/index.ts';
import { packVendorHeader, unpackExtendedHeader, unpackVendorHeader } from '../../pci/layout/index.ts';
import { bareEncoding, type Draft, encodings, vendorHeaderEncoding } from './draft.ts';

/** A place in a BAR, in bytes. */
export interface BlockPlace {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** Bytes that a draft's capability takes. */
export const capabilityBytes = (draft: Draft) => lengthOf(encodings[draft.encoding]);

/** Little-endian bytes of a number, as [offset in the capability, byte] pairs. */
function bytesOf(at: number, value: number, width: number): [number, number][] {
  return Array.from({ length: width }, (_, i) => [at + i, Math.floor(value / 2 ** (8 * i)) & 0xff]);
}

/** The capability's bytes after its extended header, which the list fills in. */
export function encodeCapability(draft: Draft, place: BlockPlace): [offset: number, byte: number][] {
  const map = encodings[draft.encoding];
  const common = [
    ...bytesOf(map.bar.offset, place.bar, 1),
    ...bytesOf(map.offset.offset, place.offset, 4),
    ...bytesOf(map.length.offset, place.length, 4),
  ];
  if (draft.encoding === 'bare')
    return [...bytesOf(bareEncoding.cfgType.offset, draft.cfgType, 1), ...common];
  const header = packVendorHeader(draft.cfgType, 0, capabilityBytes(draft));
  return [...bytesOf(vendorHeaderEncoding.vendorHeader.offset, header, 4), ...common];
}

/**
 * Reads a capability as a draft has it. `dword` reads an aligned four bytes of it.
 * @returns the place it names, or null when its id or cfg_type is another.
 */
export function decodeCapability(draft: Draft, dword: (offset: number) => number): BlockPlace | null {
  const map = encodings[draft.encoding];
  const byte = (at: number) => (dword(at & ~3) >>> (8 * (at & 3))) & 0xff;
  const word = (at: number) => [0, 1, 2, 3].reduce((value, i) => value + byte(at + i) * 2 ** (8 * i), 0);
  if (unpackExtendedHeader(dword(0)).id !== draft.extendedCapabilityId) return null;
  const cfgType =
    draft.encoding === 'bare'
      ? byte(bareEncoding.cfgType.offset)
      : unpackVendorHeader(dword(vendorHeaderEncoding.vendorHeader.offset)).vsecId;
  if (cfgType !== draft.cfgType) return null;
  return { bar: byte(map.bar.offset), offset: word(map.offset.offset), length: word(map.length.offset) };
}
