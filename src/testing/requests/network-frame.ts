import type { Arbitrary } from 'fast-check';
import {
  ETHERNET_HEADER_BYTES,
  MAC_BYTES,
  type NetworkHeaderFields,
  networkGsoType,
  networkHeaderFlag,
  newNetworkHeader,
  USUAL_NETWORK_FRAME_BYTES,
  VLAN_IDS,
  VLAN_TAG_BYTES,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { printed } from '../printed.ts';
import { patternBytes } from './chain.ts';

/** What stands in a frame: nothing that anybody speaks (EtherType 0x88b5), or TCP or UDP over IPv4 or IPv6. */
export type NetworkPayload = 'experimental' | 'tcp4' | 'udp4' | 'tcp6' | 'udp6';

/** An Ethernet frame, in a few words. */
export interface NetworkFrame {
  /** Destination: `ff:ff:ff:ff:ff:ff`. */
  readonly to: string;
  /** VLAN that it is tagged for; null for none. */
  readonly vlan: number | null;
  readonly payload: NetworkPayload;
  /** Bytes behind all headers. */
  readonly length: number;
}

/** What the device is asked to do to a frame that is sent: add its checksum, or cut it into segments of so many bytes, too. */
export type NetworkOffload =
  | { readonly does: 'checksum' }
  | { readonly does: 'segment'; readonly segmentBytes: number };

/** Destinations: everybody, a group, somebody, and the address of many devices. */
export const networkAddresses = [
  'ff:ff:ff:ff:ff:ff',
  '01:00:5e:00:00:01',
  '02:01:01:01:01:01',
  '52:54:00:12:34:56',
] as const;

const SOURCE = '02:09:09:09:09:09';
const EXPERIMENTAL = [0x88, 0xb5];

/** Bytes of an address. */
export const macBytes = (address: string): Uint8Array =>
  Uint8Array.from(address.split(':'), (byte) => Number.parseInt(byte, 16));

interface PayloadRow {
  readonly etherType: readonly number[];
  readonly ipBytes: number;
  readonly transportBytes: number;
  /** Where the checksum stands in the transport's header. */
  readonly checksumOffset: number;
  readonly gsoType: number;
}

const row = (six: boolean, tcp: boolean): PayloadRow => ({
  etherType: six ? [0x86, 0xdd] : [0x08, 0x00],
  ipBytes: six ? 40 : 20,
  transportBytes: tcp ? 20 : 8,
  checksumOffset: tcp ? 16 : 6,
  gsoType: !tcp ? networkGsoType.udpL4 : six ? networkGsoType.tcp6 : networkGsoType.tcp4,
});

const payloads: Readonly<Record<Exclude<NetworkPayload, 'experimental'>, PayloadRow>> = {
  tcp4: row(false, true),
  udp4: row(false, false),
  tcp6: row(true, true),
  udp6: row(true, false),
};
const rowOf = (payload: NetworkPayload) => (payload === 'experimental' ? null : payloads[payload]);

const headBytes = ({ vlan }: NetworkFrame) => ETHERNET_HEADER_BYTES + (vlan === null ? 0 : VLAN_TAG_BYTES);

/** Headers of IP and of what it carries, as far as anybody looks at them; checksums are left out. */
function ipHeaders(payload: NetworkPayload, length: number): number[] {
  const found = rowOf(payload);
  if (found === null) return [];
  const { ipBytes, transportBytes } = found;
  const protocol = payload.startsWith('tcp') ? 6 : 17;
  const [ip, transport] = [new Uint8Array(ipBytes), new Uint8Array(transportBytes)];
  const [ipView, view] = [new DataView(ip.buffer), new DataView(transport.buffer)];
  const inside = transportBytes + length;
  if (payload.endsWith('6')) {
    ip.set([0x60]);
    ipView.setUint16(4, inside);
    ip.set([protocol, 64], 6);
    ip.set([0xfd], 8);
    ip.set([0xfd], 24);
  } else {
    ip.set([0x45]);
    ipView.setUint16(2, ipBytes + inside);
    ip.set([64, protocol], 8);
    ip.set([10, 0, 0, 1, 10, 0, 0, 2], 12);
  }
  view.setUint16(0, 1000);
  view.setUint16(2, 2000);
  if (protocol === 6) transport.set([5 << 4, 0x10], 12);
  else view.setUint16(4, inside);
  return [...ip, ...transport];
}

/** The frame itself, from its destination on. */
export function networkFrameBytes(frame: NetworkFrame): Uint8Array {
  const { to, vlan, payload, length } = frame;
  const tag = vlan === null ? [] : [0x81, 0x00, vlan >> 8, vlan & 0xff];
  const etherType = rowOf(payload)?.etherType ?? EXPERIMENTAL;
  const addresses = [...macBytes(to), ...macBytes(SOURCE)];
  const headers = [...addresses, ...tag, ...etherType, ...ipHeaders(payload, length)];
  return Uint8Array.from([...headers, ...patternBytes(length, MAC_BYTES)]);
}

/** The header's fields for what is left to the device. Of a payload without a checksum nothing can be left. */
export function offloadHeader(frame: NetworkFrame, offload: NetworkOffload | null): NetworkHeaderFields {
  const fields = newNetworkHeader();
  const found = rowOf(frame.payload);
  if (offload === null || found === null) return fields;
  const start = headBytes(frame) + found.ipBytes;
  fields.flags = networkHeaderFlag.needsChecksum;
  fields.checksumStart = start;
  fields.checksumOffset = found.checksumOffset;
  if (offload.does === 'segment') {
    fields.gsoType = found.gsoType;
    fields.gsoSize = offload.segmentBytes;
    fields.headerLength = start + found.transportBytes;
  }
  return fields;
}

/** `frame to ff:ff:ff:ff:ff:ff, VLAN 5, tcp4, 100 bytes behind its headers`. */
export function formatNetworkFrame({ to, vlan, payload, length }: NetworkFrame): string {
  return `frame to ${to}${vlan === null ? '' : `, VLAN ${vlan}`}, ${payload}, ${length} bytes behind its headers`;
}

/** `checksum offloaded`, `segments of 1460 bytes offloaded`. */
export const formatOffload = (offload: NetworkOffload): string =>
  offload.does === 'checksum' ? 'checksum offloaded' : `segments of ${offload.segmentBytes} bytes offloaded`;

/** Bytes of the longest headers. */
const HEADERS = ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES + 40 + 20;

/** Frames of at most `most` bytes with all headers; by default of what fits without segmentation. */
export const networkFrames = (most = USUAL_NETWORK_FRAME_BYTES): Arbitrary<NetworkFrame> =>
  fc
    .record({
      to: fc.constantFrom(...networkAddresses),
      vlan: fc.option(fc.nat(VLAN_IDS - 1), { freq: 3 }),
      payload: fc.constantFrom<NetworkPayload>('experimental', 'tcp4', 'udp4', 'tcp6', 'udp6'),
      length: fc.nat(Math.max(0, most - HEADERS)),
    })
    .map((frame) => printed(frame, formatNetworkFrame));

/** What may be left to the device: nothing, as often as not. */
export const networkOffloads: Arbitrary<NetworkOffload | null> = fc.option(
  fc
    .oneof<Arbitrary<NetworkOffload>[]>(
      fc.constant({ does: 'checksum' }),
      fc.integer({ min: 1, max: 1460 }).map((segmentBytes) => ({ does: 'segment', segmentBytes })),
    )
    .map((offload) => printed({ ...offload }, formatOffload)),
  { freq: 2 },
);
