import {
  ETHERNET_HEADER_BYTES,
  type NetworkHeaderFields,
  networkGsoType,
  networkHeaderFlag,
} from '../../../virtio/layout/index.ts';
import { join, pattern } from '../bytes.ts';

/** Of a protocol that nobody speaks (local experiments), of a VLAN's tag, and IPv4. */
const etherType = { experiment: 0x88b5, vlan: 0x8100, ipv4: 0x0800 } as const;
const protocol = { tcp: 6, udp: 17 } as const;
const IPV4_BYTES = 20;
const headerBytes = { [protocol.tcp]: 20, [protocol.udp]: 8 } as const;
/** Where the checksum stands in the transport's header. */
const checksumAt = { [protocol.tcp]: 16, [protocol.udp]: 6 } as const;

const big16 = (value: number) => Uint8Array.of(value >> 8, value & 0xff);

export const address = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
/** Nobody's addresses: other stations, a group of stations, everybody. */
export const stations = {
  peer: address(0x02, 0, 0, 0, 0, 0x99),
  stranger: address(0x02, 0, 0, 0, 0, 0x77),
  another: address(0x02, 0, 0, 0, 0, 0x55),
  group: address(0x33, 0x33, 0, 0, 0, 7),
  everybody: address(0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
} as const;

/** The shortest payload that a frame has on a wire. */
const LEAST_PAYLOAD = 46;

/** A frame for somebody. @param seed tells its payload from others. @param vlan id of its tag. */
export function frameTo(
  destination: Uint8Array,
  { length = LEAST_PAYLOAD, seed = 1, vlan }: { length?: number; seed?: number; vlan?: number } = {},
): Uint8Array {
  const tag = vlan === undefined ? [] : [big16(etherType.vlan), big16(vlan)];
  return join(destination, stations.peer, ...tag, big16(etherType.experiment), pattern(length, seed));
}

function sumWords(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

export interface Flow {
  readonly transport: 'tcp' | 'udp';
  /** Bytes behind the transport's header. */
  readonly length: number;
  /** Ports of either end. */
  readonly from?: number;
  readonly to?: number;
}

/** Ends of every flow. */
const ends = { near: address(10, 0, 0, 2), far: address(10, 0, 0, 1) } as const;

/** A packet of IPv4 without its transport's checksum, which has the sum over the pseudo-header only. */
export function packetTo(destination: Uint8Array, flow: Flow, outgoing = false): Uint8Array {
  const { transport, length, from = 1000, to = 2000 } = flow;
  const kind = protocol[transport];
  const segment = new Uint8Array(headerBytes[kind] + length);
  segment.set(join(big16(outgoing ? to : from), big16(outgoing ? from : to)));
  if (transport === 'tcp') segment.set([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0x20, 0], 4);
  else segment.set(big16(segment.length), 4);
  segment.set(pattern(length, 3), headerBytes[kind]);
  const [source, target] = outgoing ? [ends.near, ends.far] : [ends.far, ends.near];
  const pseudo = join(source, target, Uint8Array.of(0, kind), big16(segment.length));
  segment.set(big16(sumWords(pseudo)), checksumAt[kind]);
  const ip = new Uint8Array(IPV4_BYTES);
  ip.set([0x45, 0, ...big16(IPV4_BYTES + segment.length), 0, 1, 0x40, 0, 64, kind]);
  ip.set(join(source, target), 12);
  ip.set(big16(~sumWords(ip) & 0xffff), 10);
  return join(destination, stations.peer, big16(etherType.ipv4), ip, segment);
}

/** What is no packet of ours is read as if it were one. */
const transportOf = (frame: Uint8Array) =>
  frame[ETHERNET_HEADER_BYTES + 9] === protocol.tcp ? protocol.tcp : protocol.udp;
const transportAt = ETHERNET_HEADER_BYTES + IPV4_BYTES;

/** What is left to be done with a packet of {@link packetTo}. @param gsoSize payload of a segment, 0 for one that stays whole. */
export function leftToDo(frame: Uint8Array, gsoSize = 0, ecn = false): NetworkHeaderFields {
  const kind = transportOf(frame);
  return {
    flags: networkHeaderFlag.needsChecksum,
    gsoType: gsoSize === 0 ? networkGsoType.none : networkGsoType.tcp4 | (ecn ? networkGsoType.ecn : 0),
    headerLength: transportAt + headerBytes[kind],
    gsoSize,
    checksumStart: transportAt,
    checksumOffset: checksumAt[kind],
  };
}

/** The checksum of a packet's transport is whole and right. */
export function isFinished(frame: Uint8Array): boolean {
  const kind = transportOf(frame);
  const ip = frame.subarray(ETHERNET_HEADER_BYTES, transportAt);
  const segment = frame.subarray(transportAt, ETHERNET_HEADER_BYTES + ip[2]! * 256 + ip[3]!);
  const pseudo = join(ip.subarray(12, IPV4_BYTES), Uint8Array.of(0, kind), big16(segment.length));
  return sumWords(segment, sumWords(pseudo)) === 0xffff;
}
