import { lengthOf, type Register, sizeOf } from '../../core/index.ts';
import {
  packVendorHeader,
  unpackExtendedHeader,
  unpackVendorHeader,
  vendorSpecificExtended,
} from '../../pci/layout/index.ts';
import { type Draft, encodingOf } from './draft.ts';

/** A place in a BAR, in bytes. */
export interface BlockPlace {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** Bytes that a draft's capability takes. */
export const capabilityBytes = (draft: Draft) => lengthOf(encodingOf(draft).map);

/** Little-endian bytes of a number, as [offset in the capability, byte] pairs. */
function bytesOf(field: Register, value: number): [number, number][] {
  return Array.from({ length: sizeOf(field) }, (_, i) => [
    field.offset + i,
    Math.floor(value / 2 ** (8 * i)) & 0xff,
  ]);
}

/** The capability's bytes after its extended header, which the list fills in. */
export function encodeCapability(draft: Draft, place: BlockPlace): [offset: number, byte: number][] {
  const { map, vendorHeader } = encodingOf(draft);
  const common = [
    ...bytesOf(map.bar, place.bar),
    ...bytesOf(map.offset, place.offset),
    ...bytesOf(map.length, place.length),
  ];
  const { cfgType } = map;
  if (!vendorHeader) return cfgType === undefined ? common : [...bytesOf(cfgType, draft.cfgType), ...common];
  const header = packVendorHeader(draft.cfgType, 0, capabilityBytes(draft));
  return [...bytesOf(vendorSpecificExtended.vendorHeader, header), ...common];
}

/**
 * Reads a capability as a draft has it. `dword` reads an aligned four bytes of it.
 * @returns the place it names, or null when its id or cfg_type is another.
 */
export function decodeCapability(draft: Draft, dword: (offset: number) => number): BlockPlace | null {
  const { map, vendorHeader } = encodingOf(draft);
  const byte = (at: number) => (dword(at & ~3) >>> (8 * (at & 3))) & 0xff;
  const value = (field: Register) =>
    Array.from({ length: sizeOf(field) }, (_, i) => byte(field.offset + i) * 2 ** (8 * i)).reduce(
      (sum, each) => sum + each,
      0,
    );
  if (unpackExtendedHeader(dword(0)).id !== draft.extendedCapabilityId) return null;
  const { cfgType = null } = map;
  const found = vendorHeader
    ? unpackVendorHeader(dword(vendorSpecificExtended.vendorHeader.offset)).vsecId
    : cfgType === null
      ? draft.cfgType
      : value(cfgType);
  if (found !== draft.cfgType) return null;
  return { bar: value(map.bar), offset: value(map.offset), length: value(map.length) };
}
