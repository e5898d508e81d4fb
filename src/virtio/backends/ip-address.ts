import { VirtiolabError } from '../../core/index.ts';

/** Text that is no IPv4 address. */
export class IpAddressError extends VirtiolabError {
  readonly text: string;

  constructor(text: string) {
    super(`IPv4 address ${JSON.stringify(text)}: wants four numbers of 0 to 255, such as 10.0.2.2`);
    this.text = text;
  }
}

/** An IPv4 address as a Number, first byte highest. @throws IpAddressError */
export function parseIpv4(text: string): number {
  const parts = text.split('.');
  const bytes = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) throw new IpAddressError(text);
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

export const formatIpv4 = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');

export const IPV4_BROADCAST = 0xffffffff;

/** Netmask of a prefix of so many bits. */
export const netmaskOf = (prefixLength: number): number =>
  prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) >>> 0;

/** An address that one station can have: neither "this network", loopback, multicast, reserved nor broadcast. */
export function isStation(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}
