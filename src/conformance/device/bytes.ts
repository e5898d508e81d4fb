/*
 * Integers of requests. The suite is a little-endian guest: what a legacy device has in the guest's order is little-endian
 * here, as everything of virtio 1.x is.
 */

/** An integer of some bytes, little-endian. */
export function le(width: 1 | 2 | 4 | 8, value: number): Uint8Array {
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++) bytes[i] = Math.floor(value / 2 ** (8 * i)) % 256;
  return bytes;
}

/** An integer at byte `at`, little-endian. */
export function readLe(bytes: Uint8Array, at: number, width: 1 | 2 | 4): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

/** Pieces one after the other. */
export function join(...pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Bytes that are told apart from others by their seed. */
export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (seed + 7 * i) & 0xff);

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
