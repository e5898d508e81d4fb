import { describe, expect, it } from 'vitest';
import { wrongChecksum } from '../../../src/conformance/watch/rules/checksums.ts';

const ETHERNET = [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9];
const IPV4 = [0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0x66, 0xce, 10, 0, 0, 1, 10, 0, 0, 2];
const DATAGRAM = [0, 7, 0, 9, 0, 9, 0x8a, 0xc9, 0x61];
/** Sums by hand and by a program of three lines, not by the code that is tested. */
const frames: Readonly<Record<string, readonly number[]>> = {
  'UDP over IPv4': [...ETHERNET, 8, 0, ...IPV4, ...DATAGRAM],
  'the same in a VLAN, with padding': [...ETHERNET, 0x81, 0, 0, 5, 8, 0, ...IPV4, ...DATAGRAM, 0, 0, 0],
  'UDP over IPv6': [
    ...ETHERNET,
    ...[0x86, 0xdd, 0x60, 0, 0, 0, 0, 9, 17, 64],
    ...[
      0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      2,
    ],
    ...[0, 7, 0, 9, 0, 9, 0xa1, 0xc7, 0x61],
  ],
};
const judged = (bytes: readonly number[]) => wrongChecksum((at) => bytes[at] ?? -1, bytes.length);

describe('the checksums of a frame', () => {
  it.each(Object.entries(frames))('are right: %s', (_, bytes) => {
    expect(judged(bytes)).toBe(null);
  });

  it('are wrong once any bit of a datagram or of a header differs', () => {
    const bytes = frames['UDP over IPv4']!;
    for (let bit = 8 * 14; bit < 8 * bytes.length; bit++) {
      const changed = bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)));
      // Version, length and a longer packet: another packet, that is not whole here.
      const [at] = [(bit >> 3) - 14];
      if (at === 0 || at === 2 || at === 3) continue;
      expect(judged(changed), `bit ${bit & 7} of byte ${at}`).toBe(at < 20 ? 'IPv4' : 'transport');
    }
  });

  it('are none of a datagram that has none, of a fragment, of what is not whole', () => {
    const bytes = frames['UDP over IPv4']!;
    expect(judged(bytes.with(40, 0).with(41, 0))).toBe(null);
    expect(judged(bytes.slice(0, -1))).toBe(null);
    // A fragment with the sum of its header as it has to be.
    expect(judged(bytes.with(20, 0x20).with(24, 0x46).with(42, 9))).toBe(null);
    expect(judged([...ETHERNET, 8, 6, ...Array<number>(28).fill(0)])).toBe(null);
  });
});
