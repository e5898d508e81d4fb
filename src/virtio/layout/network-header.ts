import { networkGsoType, networkHeader } from './network.ts';

const { flags, gsoType, headerLength, gsoSize, checksumStart, checksumOffset } = networkHeader;

/** A network header's fields in host terms, but for the number of buffers: what a frame's sender leaves to be done. */
export interface NetworkHeaderFields {
  /** Bits of {@link networkHeaderFlag}. */
  flags: number;
  /** One of {@link networkGsoType}. */
  gsoType: number;
  /** Bytes of headers, of payload a segment, and where the checksum starts and goes from there. */
  headerLength: number;
  gsoSize: number;
  checksumStart: number;
  checksumOffset: number;
}

/** The fields of a header that leaves nothing to be done. */
export const newNetworkHeader = (): NetworkHeaderFields => ({
  flags: 0,
  gsoType: networkGsoType.none,
  headerLength: 0,
  gsoSize: 0,
  checksumStart: 0,
  checksumOffset: 0,
});

/** Reads the header that begins at byte `at` of `view` into `fields`. */
export function readNetworkHeader(
  view: DataView,
  at: number,
  littleEndian: boolean,
  fields: NetworkHeaderFields,
): void {
  fields.flags = view.getUint8(at + flags.offset);
  fields.gsoType = view.getUint8(at + gsoType.offset);
  fields.headerLength = view.getUint16(at + headerLength.offset, littleEndian);
  fields.gsoSize = view.getUint16(at + gsoSize.offset, littleEndian);
  fields.checksumStart = view.getUint16(at + checksumStart.offset, littleEndian);
  fields.checksumOffset = view.getUint16(at + checksumOffset.offset, littleEndian);
}

/** Writes the header that begins at byte 0 of `view`; the number of buffers is the caller's. */
export function writeNetworkHeader(
  view: DataView,
  littleEndian: boolean,
  fields: Readonly<NetworkHeaderFields>,
): void {
  view.setUint8(flags.offset, fields.flags);
  view.setUint8(gsoType.offset, fields.gsoType);
  view.setUint16(headerLength.offset, fields.headerLength, littleEndian);
  view.setUint16(gsoSize.offset, fields.gsoSize, littleEndian);
  view.setUint16(checksumStart.offset, fields.checksumStart, littleEndian);
  view.setUint16(checksumOffset.offset, fields.checksumOffset, littleEndian);
}
