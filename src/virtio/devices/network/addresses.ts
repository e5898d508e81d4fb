import { MAC_BYTES } from '../../layout/index.ts';

/** Addresses that one table holds; with more than that the device takes every address of the kind. */
export const MAC_TABLE_ENTRIES = 64;

/** True for an address of many stations. */
export const isGroupAddress = (bytes: Uint8Array, at: number): boolean => (bytes[at]! & 1) !== 0;

export function sameAddress(a: Uint8Array, at: number, b: Uint8Array, other: number): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (a[at + i] !== b[other + i]) return false;
  return true;
}

export function isBroadcast(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (bytes[at + i] !== 0xff) return false;
  return true;
}
