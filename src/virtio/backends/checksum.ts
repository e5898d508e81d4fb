import type { FrameHeaders } from './ethernet.ts';
import { ipv4, ipv6 } from './ethernet.ts';

/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of big-endian 16-bit words. Sums are
 * kept unfolded in Numbers; 2^53 holds those of any frame.
 */

/** Adds `length` bytes from `offset` to a sum; an odd last byte counts as if a zero followed. */
export function addWords(sum: number, bytes: Uint8Array, offset: number, length: number): number {
  const even = offset + (length & ~1);
  for (let at = offset; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  return (length & 1) === 0 ? sum : sum + (bytes[even]! << 8);
}

/** Copies bytes and adds them to a sum, in one pass. */
export function copyWords(
  sum: number,
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  length: number,
): number {
  const even = length & ~1;
  for (let i = 0; i < even; i += 2) {
    const high = source[from + i]!;
    const low = source[from + i + 1]!;
    target[to + i] = high;
    target[to + i + 1] = low;
    sum += (high << 8) | low;
  }
  if ((length & 1) === 0) return sum;
  target[to + even] = source[from + even]!;
  return sum + (source[from + even]! << 8);
}

/** The ones' complement sum of 16 bits. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

/** What goes into the checksum field of IP and ICMP. */
export const checksumOf = (sum: number): number => fold(sum) ^ 0xffff;

/** The same for TCP and UDP: zero, which for UDP means that there is none, is sent as its other form (RFC 768). */
export const transportChecksumOf = (sum: number): number => checksumOf(sum) || 0xffff;

/** Sum of the pseudo header in front of a transport header and its payload of `length` bytes (RFC 9293, RFC 8200). */
export function pseudoHeaderSum(bytes: Uint8Array, headers: FrameHeaders, length: number): number {
  const { network, version, protocol } = headers;
  const addresses =
    version === 4
      ? addWords(0, bytes, network + ipv4.source, 8)
      : addWords(0, bytes, network + ipv6.source, 32);
  return addresses + protocol + (length % 0x10000) + Math.floor(length / 0x10000);
}
