/**
 * Internet checksums of a frame that is read byte by byte: what a driver without CSUM has to fill in (NET-TX-05). Formats by
 * RFC 791, 768, 793, 8200 and 1071.
 */

/** A byte of the frame; -1 where it has none, or nobody knows it. */
export type Octets = (at: number) => number;

const ETHERNET_TYPE = 12;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const IPV6_HEADER_BYTES = 40;
/** Of the transports with a checksum over their packet: where it stands, and whether zero says that there is none. */
const TRANSPORTS: Readonly<Record<number, { readonly at: number; readonly optional: boolean }>> = {
  6: { at: 16, optional: false },
  17: { at: 6, optional: true },
};

const word = (octets: Octets, at: number): number => {
  const [high, low] = [octets(at), octets(at + 1)];
  return high < 0 || low < 0 ? -1 : 256 * high + low;
};

/** The ones' complement sum of `length` bytes, and of what was summed before; -1 where one is not known. */
function summed(octets: Octets, at: number, length: number, before: number): number {
  let sum = before;
  for (let i = 0; i < length; i += 2) {
    const value = i + 1 < length ? word(octets, at + i) : 256 * octets(at + i);
    if (value < 0) return -1;
    sum += value;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Where a frame's checksum is wrong: in its IPv4 header, or in its transport's; null where it is not, or none is known. */
export function wrongChecksum(octets: Octets, length: number): 'IPv4' | 'transport' | null {
  let at = ETHERNET_TYPE;
  // One tag of a VLAN.
  if (word(octets, at) === 0x8100) at += 4;
  const type = word(octets, at);
  at += 2;
  if (type !== IPV4 && type !== IPV6) return null;
  const four = type === IPV4;
  const headerBytes = four ? 4 * (octets(at) & 15) : IPV6_HEADER_BYTES;
  const totalBytes = four ? word(octets, at + 2) : IPV6_HEADER_BYTES + word(octets, at + 4);
  if (octets(at) < 0 || headerBytes < 20 || totalBytes < headerBytes || at + totalBytes > length) return null;
  if (four) {
    const sum = summed(octets, at, headerBytes, 0);
    if (sum >= 0 && sum !== 0xffff) return 'IPv4';
    // Of a fragment nobody has the whole.
    if ((word(octets, at + 6) & 0x3fff) !== 0) return null;
  }
  const protocol = octets(at + (four ? 9 : 6));
  const transport = TRANSPORTS[protocol];
  const bytes = totalBytes - headerBytes;
  if (transport === undefined || bytes < transport.at + 2) return null;
  const start = at + headerBytes;
  if (four && transport.optional && word(octets, start + transport.at) === 0) return null;
  // The pseudo header: addresses, length, protocol.
  const addresses = four ? summed(octets, at + 12, 8, 0) : summed(octets, at + 8, 32, 0);
  if (addresses < 0) return null;
  const sum = summed(octets, start, bytes, addresses + bytes + protocol);
  return sum >= 0 && sum !== 0xffff ? 'transport' : null;
}
