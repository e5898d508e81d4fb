/**
 * An independent reader of frames: plain loops over the RFCs' words, sharing nothing with what it judges. Understands
 * Ethernet with VLAN tags, IPv4 with options, IPv6 with hop-by-hop, destination options and fragment headers, TCP, UDP.
 */
export interface ReadFrame {
  readonly version: 4 | 6;
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  readonly identification: number;
  /** Of the fragment, in bytes; whether more follow. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  readonly dontFragment: boolean;
  /** What IP carries, from the transport header on; of a fragment, all that follows its header. */
  readonly carried: Uint8Array;
  /** Everything in front of that. */
  readonly headers: Uint8Array;
}

const words = (bytes: Uint8Array): number[] =>
  Array.from(
    { length: Math.ceil(bytes.length / 2) },
    (_, i) => bytes[2 * i]! * 256 + (bytes[2 * i + 1] ?? 0),
  );

/** Ones' complement sum, word for word with end-around carry: all ones where a checksum holds. */
export const onesSum = (...parts: readonly Uint8Array[]): number => {
  let sum = 0;
  for (const part of parts)
    for (const word of words(part)) {
      sum += word;
      if (sum > 0xffff) sum -= 0xffff;
    }
  return sum;
};

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const u16 = (bytes: Uint8Array, at: number) => bytes[at]! * 256 + bytes[at + 1]!;

/** @throws Error where a length or the IPv4 header's checksum is wrong. */
export function readFrame(frame: Uint8Array): ReadFrame {
  let at = 12;
  while ([0x8100, 0x88a8].includes(u16(frame, at))) at += 4;
  const type = u16(frame, at);
  const packet = frame.subarray(at + 2);
  if (type === 0x0800) {
    const headerBytes = (packet[0]! % 16) * 4;
    if (u16(packet, 2) !== packet.length)
      throw new Error(`total length ${u16(packet, 2)} of ${packet.length}`);
    if (onesSum(packet.subarray(0, headerBytes)) !== 0xffff) throw new Error('IPv4 header checksum');
    const flags = u16(packet, 6);
    return {
      version: 4,
      protocol: packet[9]!,
      source: hex(packet.subarray(12, 16)),
      destination: hex(packet.subarray(16, 20)),
      identification: u16(packet, 4),
      fragmentOffset: (flags % 0x2000) * 8,
      moreFragments: Math.floor(flags / 0x2000) % 2 === 1,
      dontFragment: Math.floor(flags / 0x4000) % 2 === 1,
      carried: packet.subarray(headerBytes),
      headers: frame.subarray(0, at + 2 + headerBytes),
    };
  }
  if (type !== 0x86dd) throw new Error(`Ethernet type ${type}`);
  if (u16(packet, 4) !== packet.length - 40) throw new Error(`payload length ${u16(packet, 4)}`);
  let protocol = packet[6]!;
  let behind = 40;
  let fragment = { identification: 0, fragmentOffset: 0, moreFragments: false };
  while ([0, 44, 60].includes(protocol)) {
    const header = packet.subarray(behind);
    const isFragment = protocol === 44;
    protocol = header[0]!;
    behind += isFragment ? 8 : 8 + 8 * header[1]!;
    if (!isFragment) continue;
    fragment = {
      identification: u16(header, 4) * 65536 + u16(header, 6),
      fragmentOffset: u16(header, 2) - (u16(header, 2) % 8),
      moreFragments: header[3]! % 2 === 1,
    };
    break;
  }
  return {
    version: 6,
    protocol,
    source: hex(packet.subarray(8, 24)),
    destination: hex(packet.subarray(24, 40)),
    ...fragment,
    dontFragment: false,
    carried: packet.subarray(behind),
    headers: frame.subarray(0, at + 2 + behind),
  };
}

/** What fragments in order were cut from. @throws Error where they do not fit together */
export function reassemble(frames: readonly ReadFrame[]): ReadFrame {
  const first = frames[0]!;
  let end = 0;
  for (const [index, { identification, fragmentOffset, moreFragments, carried }] of frames.entries()) {
    if (identification !== first.identification) throw new Error('another identification');
    if (fragmentOffset !== end) throw new Error(`offset ${fragmentOffset}, not ${end}`);
    if (moreFragments !== index < frames.length - 1) throw new Error('more fragments');
    if (moreFragments && carried.length % 8 !== 0) throw new Error(`a fragment of ${carried.length} bytes`);
    end += carried.length;
  }
  let carried = Uint8Array.from(frames.flatMap((frame) => [...frame.carried]));
  let { protocol } = first;
  // Destination options are cut along with the rest.
  while (first.version === 6 && protocol === 60) {
    protocol = carried[0]!;
    carried = carried.subarray(8 + 8 * carried[1]!);
  }
  return { ...first, protocol, carried };
}

/** Whether the checksum of the TCP segment or UDP datagram that an unfragmented frame carries holds. */
export function checksumHolds({ version, protocol, source, destination, carried }: ReadFrame): boolean {
  const length = carried.length;
  const pseudo = Uint8Array.of(
    0,
    protocol,
    Math.floor(length / 0x1000000),
    (length >> 16) & 255,
    (length >> 8) & 255,
    length & 255,
  );
  if (protocol === 17 && version === 6 && u16(carried, 6) === 0) return false;
  return onesSum(Buffer.from(source + destination, 'hex'), pseudo, carried) === 0xffff;
}
