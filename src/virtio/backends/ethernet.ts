import { ETHERNET_HEADER_BYTES, VLAN_TAG_BYTES } from '../layout/network.ts';

/**
 * Frames of an Ethernet as tables: byte offsets of fields in each header, all big-endian. Sources: IEEE 802.3 and 802.1Q,
 * RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 792 (ICMP), 768 (UDP), 9293 (TCP).
 */
export const ethernet = { destination: 0, source: 6, type: 12 } as const;
export const etherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const;

export const ARP_BYTES = 28;
export const arp = {
  hardwareType: 0,
  protocolType: 2,
  hardwareLength: 4,
  protocolLength: 5,
  operation: 6,
  senderHardware: 8,
  senderProtocol: 14,
  targetHardware: 18,
  targetProtocol: 24,
} as const;
export const arpOperation = { request: 1, reply: 2 } as const;

export const IPV4_BYTES = 20;
export const ipv4 = {
  versionAndLength: 0,
  totalLength: 2,
  identification: 4,
  flagsAndOffset: 6,
  timeToLive: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
} as const;
/** Parts of `flagsAndOffset`; the offset counts units of 8 bytes. */
export const ipv4Fragment = { dontFragment: 0x4000, moreFragments: 0x2000, offsetMask: 0x1fff } as const;

export const IPV6_BYTES = 40;
export const ipv6 = { version: 0, payloadLength: 4, nextHeader: 6, source: 8, destination: 24 } as const;
export const IPV6_FRAGMENT_BYTES = 8;
/** The fragment header; its offset and flags are `8 * units | more`. */
export const ipv6Fragment = { nextHeader: 0, reserved: 1, offsetAndMore: 2, identification: 4 } as const;

export const ipProtocol = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  fragment: 44,
  destinationOptions: 60,
} as const;

export const ICMP_BYTES = 8;
export const icmp = { type: 0, code: 1, checksum: 2 } as const;
export const icmpType = { echoReply: 0, echoRequest: 8 } as const;

export const UDP_BYTES = 8;
export const udp = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6 } as const;

export const TCP_BYTES = 20;
export const tcp = {
  sequence: 4,
  dataOffset: 12,
  flags: 13,
  checksum: 16,
  urgentPointer: 18,
} as const;
export const tcpFlag = { fin: 0x01, push: 0x08, urgent: 0x20, congestionWindowReduced: 0x80 } as const;

export const get16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

export const get32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value);
}

/** Where the Ethernet payload begins, behind up to two VLAN tags; its type stands in the two bytes before. */
export function payloadOffset(bytes: Uint8Array, offset: number, length: number): number {
  let at = ETHERNET_HEADER_BYTES;
  for (let tags = 0; tags < 2 && length >= at + VLAN_TAG_BYTES; tags++) {
    const type = get16(bytes, offset + at - 2);
    if (type !== etherType.vlan && type !== etherType.serviceVlan) break;
    at += VLAN_TAG_BYTES;
  }
  return offset + at;
}

/** Where the headers of a frame lie: offsets into the array. Reused from frame to frame. */
export class FrameHeaders {
  version: 4 | 6 = 4;
  protocol = 0;
  network = 0;
  transport = 0;
  /** Behind the transport's header. */
  payload = 0;
  /** Behind the last byte of the frame. */
  end = 0;
  /** IPv6: where a fragment header goes, and which byte then names it. Hop-by-hop options stay before it. */
  fragmentAt = 0;
  fragmentLink = 0;

  /** Turns offsets into the array into offsets into the frame, for a copy of it that begins at 0. */
  relativeTo(offset: number): void {
    this.network -= offset;
    this.transport -= offset;
    this.payload -= offset;
    this.end -= offset;
    this.fragmentAt -= offset;
    this.fragmentLink -= offset;
  }

  /**
   * Finds TCP or UDP over IPv4 or IPv6 in `length` bytes from `offset`, unfragmented. What IP says about its length is not
   * looked at: a frame that wants to be segmented may be longer than the field can say.
   * @returns false where there is none, or where a header does not fit.
   */
  find(bytes: Uint8Array, offset: number, length: number): boolean {
    this.end = offset + length;
    if (length < ETHERNET_HEADER_BYTES) return false;
    this.network = payloadOffset(bytes, offset, length);
    const type = get16(bytes, this.network - 2);
    const found =
      type === etherType.ipv4
        ? this.#findIpv4(bytes)
        : type === etherType.ipv6
          ? this.#findIpv6(bytes)
          : false;
    return found && this.#findPayload(bytes);
  }

  #findIpv4(bytes: Uint8Array): boolean {
    const at = this.network;
    this.version = 4;
    if (at + IPV4_BYTES > this.end) return false;
    const first = bytes[at + ipv4.versionAndLength]!;
    const headerBytes = (first & 15) * 4;
    const fragment = get16(bytes, at + ipv4.flagsAndOffset);
    this.protocol = bytes[at + ipv4.protocol]!;
    this.transport = at + headerBytes;
    return (
      first >> 4 === 4 &&
      headerBytes >= IPV4_BYTES &&
      (fragment & (ipv4Fragment.moreFragments | ipv4Fragment.offsetMask)) === 0
    );
  }

  /** Routing headers are not passed: behind one, the destination is not what the checksum was made with. */
  #findIpv6(bytes: Uint8Array): boolean {
    this.version = 6;
    let at = this.network + IPV6_BYTES;
    if (at > this.end || bytes[this.network]! >> 4 !== 6) return false;
    let link = this.network + ipv6.nextHeader;
    this.fragmentAt = at;
    this.fragmentLink = link;
    for (;;) {
      const next = bytes[link]!;
      const hopByHop = next === ipProtocol.hopByHop;
      if (!hopByHop && next !== ipProtocol.destinationOptions) break;
      if (at + 8 > this.end) return false;
      link = at;
      at += 8 + 8 * bytes[at + 1]!;
      if (hopByHop) {
        this.fragmentAt = at;
        this.fragmentLink = link;
      }
    }
    this.protocol = bytes[link]!;
    this.transport = at;
    return true;
  }

  #findPayload(bytes: Uint8Array): boolean {
    const { transport, end } = this;
    if (this.protocol === ipProtocol.udp) this.payload = transport + UDP_BYTES;
    else if (this.protocol === ipProtocol.tcp && transport + TCP_BYTES <= end) {
      const headerBytes = (bytes[transport + tcp.dataOffset]! >> 4) * 4;
      if (headerBytes < TCP_BYTES) return false;
      this.payload = transport + headerBytes;
    } else return false;
    return this.payload <= end;
  }
}
