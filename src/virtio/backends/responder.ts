import { expectSame, Room, type State, type Stateful } from '../../core/index.ts';
import { ETHERNET_HEADER_BYTES, MAC_BYTES } from '../layout/network.ts';
import { addWords, checksumOf, fold, transportChecksumOf } from './checksum.ts';
import { DhcpServer, dhcpPort } from './dhcp.ts';
import {
  ARP_BYTES,
  arp,
  arpOperation,
  ethernet,
  etherType,
  get16,
  get32,
  ICMP_BYTES,
  IPV4_BYTES,
  icmp,
  icmpType,
  ipProtocol,
  ipv4,
  ipv4Fragment,
  put16,
  put32,
  UDP_BYTES,
  udp,
} from './ethernet.ts';
import { FrameQueue } from './frame-queue.ts';
import { IPV4_BROADCAST, isStation } from './ip-address.ts';
import type { NetworkLink, NetworkPort, Offload } from './network-link.ts';
import { MAX_FRAME_BYTES, Segmenter } from './offload.ts';
import { type ResponderOptions, responderSettings } from './responder-options.ts';
import { responderState } from './responder-state.ts';

/** Ports of the services beside DHCP: RFC 862 and RFC 863. */
export const responderPort = { echo: 7, discard: 9 } as const;

const TIME_TO_LIVE = 64;

/** What was answered, and what was thrown away by the discard service. */
export interface ResponderCounts {
  arp: number;
  echo: number;
  dhcp: number;
  udpEcho: number;
  discardedBytes: number;
  /** Frames that got no answer. */
  ignored: number;
}

/**
 * The other end of a cable: a station that answers ARP, pings, DHCP, and UDP sent to its echo port. It never speaks first,
 * and answers nothing that comes from, or pretends to come from, more than one station. Fragments are not put together.
 * Everything it says depends only on what it was told.
 */
export class Responder implements NetworkLink, Stateful {
  readonly record = responderState;
  readonly offloads: boolean;
  /** As a Number, first byte highest. */
  readonly address: number;
  readonly macAddress: Uint8Array;
  readonly dhcp: DhcpServer | null;
  readonly counts: ResponderCounts = {
    arp: 0,
    echo: 0,
    dhcp: 0,
    udpEcho: 0,
    discardedBytes: 0,
    ignored: 0,
  };
  readonly #broadcast: number;
  readonly #segmenter = new Segmenter();
  readonly #reply = new Room(MAX_FRAME_BYTES);
  #port: NetworkPort | null = null;
  readonly #queue = new FrameQueue<null>((_, bytes, offset, length, offload) => {
    if (offload === null) this.#answer(bytes, offset, length);
    else if (this.#segmenter.finish(bytes, offset, length, offload, this.#answer) !== null)
      this.counts.ignored++;
  });

  /** @throws ResponderOptionError, IpAddressError */
  constructor(options: ResponderOptions = {}) {
    const settings = responderSettings(options);
    this.address = settings.dhcp.address;
    this.macAddress = settings.macAddress;
    this.offloads = options.offloads ?? true;
    this.#broadcast = settings.broadcast;
    this.dhcp = settings.dhcp.count > 0 ? new DhcpServer(settings.dhcp) : null;
  }

  attach(port: NetworkPort): void {
    this.#port = port;
  }

  transmit(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    this.#queue.send(null, bytes, offset, length, offload);
  }

  readonly #answer = (bytes: Uint8Array, offset: number, length: number): void => {
    if (!this.#answered(bytes, offset, length)) this.counts.ignored++;
  };

  #answered(bytes: Uint8Array, offset: number, length: number): boolean {
    // A frame that says to come from several stations is a lie.
    if (length < ETHERNET_HEADER_BYTES || (bytes[offset + ethernet.source]! & 1) !== 0) return false;
    const group = (bytes[offset + ethernet.destination]! & 1) !== 0;
    if (!group && !same(bytes, offset + ethernet.destination, this.macAddress)) return false;
    const type = get16(bytes, offset + ethernet.type);
    if (type === etherType.arp) return this.#arp(bytes, offset, length);
    return type === etherType.ipv4 && this.#ipv4(bytes, offset, length, group);
  }

  /** Puts the Ethernet header of an answer to whoever sent the frame. */
  #begin(bytes: Uint8Array, offset: number, type: number): void {
    const reply = this.#reply.bytes;
    for (let i = 0; i < MAC_BYTES; i++) {
      reply[ethernet.destination + i] = bytes[offset + ethernet.source + i]!;
      reply[ethernet.source + i] = this.macAddress[i]!;
    }
    put16(reply, ethernet.type, type);
  }

  #send(length: number): true {
    this.#port?.receive(this.#reply.bytes, 0, length, null);
    return true;
  }

  #arp(bytes: Uint8Array, offset: number, length: number): boolean {
    const at = offset + ETHERNET_HEADER_BYTES;
    if (
      length < ETHERNET_HEADER_BYTES + ARP_BYTES ||
      get16(bytes, at + arp.hardwareType) !== 1 ||
      get16(bytes, at + arp.protocolType) !== etherType.ipv4 ||
      bytes[at + arp.hardwareLength] !== MAC_BYTES ||
      bytes[at + arp.protocolLength] !== 4 ||
      get16(bytes, at + arp.operation) !== arpOperation.request ||
      get32(bytes, at + arp.targetProtocol) !== this.address ||
      (bytes[at + arp.senderHardware]! & 1) !== 0
    )
      return false;
    // The sender of a probe has no address yet (RFC 5227).
    const sender = get32(bytes, at + arp.senderProtocol);
    if (sender !== 0 && !this.#isOther(sender)) return false;
    this.#begin(bytes, offset, etherType.arp);
    const reply = this.#reply.bytes;
    const to = ETHERNET_HEADER_BYTES;
    put16(reply, to + arp.hardwareType, 1);
    put16(reply, to + arp.protocolType, etherType.ipv4);
    reply[to + arp.hardwareLength] = MAC_BYTES;
    reply[to + arp.protocolLength] = 4;
    put16(reply, to + arp.operation, arpOperation.reply);
    for (let i = 0; i < MAC_BYTES; i++) {
      reply[to + arp.senderHardware + i] = this.macAddress[i]!;
      reply[to + arp.targetHardware + i] = bytes[at + arp.senderHardware + i]!;
    }
    put32(reply, to + arp.senderProtocol, this.address);
    put32(reply, to + arp.targetProtocol, sender);
    this.counts.arp++;
    return this.#send(ETHERNET_HEADER_BYTES + ARP_BYTES);
  }

  /** A station's address that is not our own. */
  #isOther(address: number): boolean {
    return isStation(address) && address !== this.address && address !== this.#broadcast;
  }

  /** @param group the frame was sent to more than us. */
  #ipv4(bytes: Uint8Array, offset: number, length: number, group: boolean): boolean {
    const at = offset + ETHERNET_HEADER_BYTES;
    if (length < ETHERNET_HEADER_BYTES + IPV4_BYTES) return false;
    const first = bytes[at + ipv4.versionAndLength]!;
    const headerBytes = (first & 15) * 4;
    const total = get16(bytes, at + ipv4.totalLength);
    if (
      first >> 4 !== 4 ||
      headerBytes < IPV4_BYTES ||
      total < headerBytes ||
      total > length - ETHERNET_HEADER_BYTES ||
      fold(addWords(0, bytes, at, headerBytes)) !== 0xffff ||
      (get16(bytes, at + ipv4.flagsAndOffset) & (ipv4Fragment.moreFragments | ipv4Fragment.offsetMask)) !== 0
    )
      return false;
    const carried = at + headerBytes;
    const size = total - headerBytes;
    const protocol = bytes[at + ipv4.protocol]!;
    if (protocol === ipProtocol.udp && this.#isDhcp(bytes, at, carried, size))
      return this.#dhcp(bytes, offset, carried, size);
    // Only what one station sent to us alone.
    const source = get32(bytes, at + ipv4.source);
    if (group || get32(bytes, at + ipv4.destination) !== this.address || !this.#isOther(source)) return false;
    if (protocol === ipProtocol.icmp) return this.#icmp(bytes, offset, carried, size, source);
    return protocol === ipProtocol.udp && this.#udp(bytes, offset, carried, size, source);
  }

  /** Puts the IPv4 header of an answer with `size` bytes behind it. @returns the answer's length. */
  #ipHeader(protocol: number, destination: number, size: number): number {
    const reply = this.#reply.bytes;
    const to = ETHERNET_HEADER_BYTES;
    reply.fill(0, to, to + IPV4_BYTES);
    reply[to + ipv4.versionAndLength] = 0x45;
    put16(reply, to + ipv4.totalLength, IPV4_BYTES + size);
    put16(reply, to + ipv4.flagsAndOffset, ipv4Fragment.dontFragment);
    reply[to + ipv4.timeToLive] = TIME_TO_LIVE;
    reply[to + ipv4.protocol] = protocol;
    put32(reply, to + ipv4.source, this.address);
    put32(reply, to + ipv4.destination, destination);
    put16(reply, to + ipv4.checksum, checksumOf(addWords(0, reply, to, IPV4_BYTES)));
    return to + IPV4_BYTES + size;
  }

  #icmp(bytes: Uint8Array, offset: number, at: number, size: number, source: number): boolean {
    if (
      size < ICMP_BYTES ||
      bytes[at + icmp.type] !== icmpType.echoRequest ||
      bytes[at + icmp.code] !== 0 ||
      fold(addWords(0, bytes, at, size)) !== 0xffff
    )
      return false;
    this.#begin(bytes, offset, etherType.ipv4);
    const length = this.#ipHeader(ipProtocol.icmp, source, size);
    const reply = this.#reply.bytes;
    const to = ETHERNET_HEADER_BYTES + IPV4_BYTES;
    for (let i = 0; i < size; i++) reply[to + i] = bytes[at + i]!;
    reply[to + icmp.type] = icmpType.echoReply;
    put16(reply, to + icmp.checksum, 0);
    put16(reply, to + icmp.checksum, checksumOf(addWords(0, reply, to, size)));
    this.counts.echo++;
    return this.#send(length);
  }

  /** Sum of the pseudo header and a datagram; all ones where its checksum holds. */
  #udpSum(bytes: Uint8Array, header: number, at: number, size: number): number {
    return addWords(addWords(ipProtocol.udp + size, bytes, header + ipv4.source, 8), bytes, at, size);
  }

  /** Bytes of a datagram with its header; 0 where it is none. A checksum of 0 says that there is none. */
  #udpBytes(bytes: Uint8Array, header: number, at: number, size: number): number {
    if (size < UDP_BYTES) return 0;
    const length = get16(bytes, at + udp.length);
    if (length < UDP_BYTES || length > size) return 0;
    const checked = get16(bytes, at + udp.checksum) !== 0;
    return checked && fold(this.#udpSum(bytes, header, at, length)) !== 0xffff ? 0 : length;
  }

  #udp(bytes: Uint8Array, offset: number, at: number, size: number, source: number): boolean {
    const length = this.#udpBytes(bytes, offset + ETHERNET_HEADER_BYTES, at, size);
    if (length === 0) return false;
    const [from, to] = [get16(bytes, at + udp.sourcePort), get16(bytes, at + udp.destinationPort)];
    if (to === responderPort.discard) {
      this.counts.discardedBytes += length - UDP_BYTES;
      return true;
    }
    // Two echo services would entertain each other for ever.
    if (to !== responderPort.echo || from === responderPort.echo) return false;
    const payload = ETHERNET_HEADER_BYTES + IPV4_BYTES + UDP_BYTES;
    for (let i = UDP_BYTES; i < length; i++) this.#reply.bytes[payload - UDP_BYTES + i] = bytes[at + i]!;
    this.counts.udpEcho++;
    this.#begin(bytes, offset, etherType.ipv4);
    return this.#sendUdp(source, responderPort.echo, from, length);
  }

  /** Sends the datagram whose payload stands in the reply already. @param length with the header. */
  #sendUdp(destination: number, from: number, to: number, length: number): true {
    const reply = this.#reply.bytes;
    const at = ETHERNET_HEADER_BYTES + IPV4_BYTES;
    const frame = this.#ipHeader(ipProtocol.udp, destination, length);
    put16(reply, at + udp.sourcePort, from);
    put16(reply, at + udp.destinationPort, to);
    put16(reply, at + udp.length, length);
    put16(reply, at + udp.checksum, 0);
    put16(
      reply,
      at + udp.checksum,
      transportChecksumOf(this.#udpSum(reply, ETHERNET_HEADER_BYTES, at, length)),
    );
    return this.#send(frame);
  }

  /** A client that has no address yet sends from 0.0.0.0 to everybody; one that has, to us. */
  #isDhcp(bytes: Uint8Array, header: number, at: number, size: number): boolean {
    const source = get32(bytes, header + ipv4.source);
    const destination = get32(bytes, header + ipv4.destination);
    return (
      this.dhcp !== null &&
      (source === 0 || this.#isOther(source)) &&
      (destination === IPV4_BROADCAST || destination === this.address) &&
      size >= UDP_BYTES &&
      get16(bytes, at + udp.destinationPort) === dhcpPort.server &&
      get16(bytes, at + udp.sourcePort) === dhcpPort.client
    );
  }

  #dhcp(bytes: Uint8Array, offset: number, at: number, size: number): boolean {
    const length = this.#udpBytes(bytes, offset + ETHERNET_HEADER_BYTES, at, size);
    if (length === 0) return false;
    const payload = ETHERNET_HEADER_BYTES + IPV4_BYTES + UDP_BYTES;
    const answer = this.dhcp!.answer(bytes, at + UDP_BYTES, length - UDP_BYTES, this.#reply.bytes, payload);
    if (answer === null) return false;
    this.#begin(bytes, offset, etherType.ipv4);
    if (answer.destination === IPV4_BROADCAST)
      this.#reply.bytes.fill(0xff, ethernet.destination, ethernet.destination + MAC_BYTES);
    this.counts.dhcp++;
    return this.#sendUdp(answer.destination, dhcpPort.server, dhcpPort.client, UDP_BYTES + answer.length);
  }

  save() {
    return responderState.save({ dhcp: this.dhcp?.save() ?? null, counts: { ...this.counts } });
  }

  check(state: State, path = 'responder') {
    const saved = responderState.parse(state, path);
    expectSame(`${path}.dhcp`, saved.dhcp !== null, this.dhcp !== null);
    this.dhcp?.check(saved.dhcp, `${path}.dhcp`);
    return saved;
  }

  load(state: State): void {
    const { dhcp, counts } = this.check(state);
    this.dhcp?.load(dhcp);
    Object.assign(this.counts, counts);
  }
}

function same(bytes: Uint8Array, at: number, address: Uint8Array): boolean {
  for (let i = 0; i < MAC_BYTES; i++) if (bytes[at + i] !== address[i]) return false;
  return true;
}
