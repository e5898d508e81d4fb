import { OptionError } from '../../core/index.ts';
import { MAC_BYTES } from '../layout/network.ts';
import type { DhcpOptions } from './dhcp.ts';
import { isStation, netmaskOf, parseIpv4 } from './ip-address.ts';

/** Addresses of a responder that do not go together. */
export class ResponderOptionError extends OptionError {}

export interface ResponderOptions {
  /** By default 10.0.2.2. */
  readonly address?: string;
  /** Bits of the subnet, 8 to 30; by default 24. */
  readonly prefixLength?: number;
  /** 6 bytes, by default 52:55:0a:00:02:02. */
  readonly macAddress?: Uint8Array;
  /** The first address that is given out, by default 10.0.2.15, and how many; 0 for no DHCP server. */
  readonly firstLease?: string;
  readonly leases?: number;
  readonly leaseSeconds?: number;
  /** Takes frames whose checksums and segments are not done yet, so that devices offer such offloads. Default true. */
  readonly offloads?: boolean;
}

/** Options of a responder, checked. */
export interface ResponderSettings {
  readonly macAddress: Uint8Array;
  readonly broadcast: number;
  readonly dhcp: DhcpOptions;
}

/** @throws ResponderOptionError, IpAddressError */
export function responderSettings(options: ResponderOptions): ResponderSettings {
  const { prefixLength = 24, firstLease = '10.0.2.15', leases = 100, leaseSeconds = 86_400 } = options;
  const address = parseIpv4(options.address ?? '10.0.2.2');
  const macAddress = options.macAddress?.slice() ?? Uint8Array.of(0x52, 0x55, 0x0a, 0x00, 0x02, 0x02);
  if (macAddress.length !== MAC_BYTES || (macAddress[0]! & 1) !== 0)
    throw new ResponderOptionError('macAddress', macAddress, 'the 6 bytes of an address of one station');
  if (!(prefixLength >= 8 && prefixLength <= 30 && Number.isInteger(prefixLength)))
    throw new ResponderOptionError('prefixLength', prefixLength, '8 to 30');
  if (!isStation(address))
    throw new ResponderOptionError('address', options.address, 'an address of one station');
  const mask = netmaskOf(prefixLength);
  const broadcast = (address | ~mask) >>> 0;
  const first = parseIpv4(firstLease);
  const outside = first <= (address & mask) >>> 0 || first + leases > broadcast;
  const own = address >= first && address < first + leases;
  if (leases !== 0 && (outside || own || !(leases > 0 && Number.isInteger(leases))))
    throw new ResponderOptionError(
      'leases',
      leases,
      `a number of addresses from ${firstLease} on that lie in the subnet and leave out the responder's own`,
    );
  if (!(leaseSeconds > 0 && leaseSeconds < 2 ** 32 && Number.isInteger(leaseSeconds)))
    throw new ResponderOptionError('leaseSeconds', leaseSeconds, 'a whole number of 1 to 4294967295');
  return { macAddress, broadcast, dhcp: { address, prefixLength, first, count: leases, leaseSeconds } };
}
