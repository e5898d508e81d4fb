import { FOUR_GIB, type Register } from '../../core/index.ts';

type Fields = readonly (readonly [register: Register, value: number])[];

/** Little-endian bytes of a structure: the fields that are given, and zeros (ADM-01); what follows it is `tail`. */
export function adminData(lengthBytes: number, fields: Fields, tail: ArrayLike<number> = []): Uint8Array {
  const bytes = new Uint8Array(lengthBytes + tail.length);
  const view = new DataView(bytes.buffer);
  for (const [{ offset, width }, value] of fields)
    if (width === 1) view.setUint8(offset, value);
    else if (width === 2) view.setUint16(offset, value, true);
    else {
      view.setUint32(offset, value % FOUR_GIB, true);
      if (width === 8) view.setUint32(offset + 4, Math.floor(value / FOUR_GIB), true);
    }
  bytes.set(Uint8Array.from(tail), lengthBytes);
  return bytes;
}

/** Numbers of the bits of a little-endian bitmap that are set, ascending. */
export function bitsOf(bitmap: Uint8Array): number[] {
  return Array.from({ length: 8 * bitmap.length }, (_, bit) => bit).filter(
    (bit) => ((bitmap[bit >> 3]! >>> (bit & 7)) & 1) !== 0,
  );
}

/** A little-endian bitmap, of whole words of 64 bits. */
export function bitmapOf(bits: readonly number[]): Uint8Array {
  const words = Math.floor(Math.max(0, ...bits) / 64) + 1;
  const bitmap = new Uint8Array(8 * words);
  for (const bit of bits) bitmap[bit >> 3]! |= 1 << (bit & 7);
  return bitmap;
}
