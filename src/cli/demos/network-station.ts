import type { FrameHeader, NetworkDriver } from '../../driver/index.ts';
import { addWords, checksumOf, fold } from '../../virtio/backends/checksum.ts';
import {
  DHCP_COOKIE,
  dhcp,
  dhcpMessage,
  dhcpOperation,
  dhcpOption,
  dhcpPort,
} from '../../virtio/backends/dhcp.ts';
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
  put16,
  put32,
  TCP_BYTES,
  tcp,
  tcpFlag,
  UDP_BYTES,
  udp,
} from '../../virtio/backends/ethernet.ts';
import { IPV4_BROADCAST } from '../../virtio/backends/ip-address.ts';
import { ETHERNET_HEADER_BYTES, MAC_BYTES, networkGsoType, networkHeaderFlag } from '../../virtio/index.ts';

const IP = ETHERNET_HEADER_BYTES;
const TRANSPORT = IP + IPV4_BYTES;
const TRANSACTION = 0x76697274;
const EVERYBODY = new Uint8Array(MAC_BYTES).fill(0xff);

/** What a DHCP server said: the message's type, and the address that it is about. */
export interface DhcpReply {
  readonly type: number;
  readonly address: number;
  readonly leaseSeconds: number;
}

/** Just enough of a network stack to talk through a driver: frames are made here, and what comes back is looked at. */
export class DemoStation {
  readonly mac: Uint8Array;
  /** Its own IPv4 address, once it has one. */
  address = 0;
  readonly #driver: NetworkDriver;
  readonly #received: Uint8Array[];

  /** @param received where the driver's `onFrame` puts what it gets. */
  constructor(driver: NetworkDriver, received: Uint8Array[]) {
    this.#driver = driver;
    this.#received = received;
    this.mac = driver.macAddress!;
  }

  /** Sends a frame. @returns what came back until the device was done with it. */
  async exchange(frame: Uint8Array, header: FrameHeader | null = null): Promise<readonly Uint8Array[]> {
    this.#received.length = 0;
    await this.#driver.send(frame, header);
    return this.#received.splice(0);
  }

  #frame(destination: Uint8Array, type: number, bytes: number): Uint8Array {
    const frame = new Uint8Array(ETHERNET_HEADER_BYTES + bytes);
    frame.set(destination, ethernet.destination);
    frame.set(this.mac, ethernet.source);
    put16(frame, ethernet.type, type);
    return frame;
  }

  /** Who has an address. @returns the hardware address that was answered, or null. */
  async resolve(address: number): Promise<Uint8Array | null> {
    const frame = this.#frame(EVERYBODY, etherType.arp, ARP_BYTES);
    put16(frame, IP + arp.hardwareType, 1);
    put16(frame, IP + arp.protocolType, etherType.ipv4);
    frame[IP + arp.hardwareLength] = MAC_BYTES;
    frame[IP + arp.protocolLength] = 4;
    put16(frame, IP + arp.operation, arpOperation.request);
    frame.set(this.mac, IP + arp.senderHardware);
    put32(frame, IP + arp.senderProtocol, this.address);
    put32(frame, IP + arp.targetProtocol, address);
    const [reply] = await this.exchange(frame);
    const good =
      reply !== undefined &&
      get16(reply, ethernet.type) === etherType.arp &&
      get16(reply, IP + arp.operation) === arpOperation.reply &&
      get32(reply, IP + arp.senderProtocol) === address;
    return good ? reply.slice(IP + arp.senderHardware, IP + arp.senderHardware + MAC_BYTES) : null;
  }

  /** An IPv4 packet with room for `bytes`. */
  #packet(mac: Uint8Array, destination: number, protocol: number, bytes: number): Uint8Array {
    const frame = this.#frame(mac, etherType.ipv4, IPV4_BYTES + bytes);
    frame[IP + ipv4.versionAndLength] = 0x45;
    put16(frame, IP + ipv4.totalLength, IPV4_BYTES + bytes);
    frame[IP + ipv4.timeToLive] = 64;
    frame[IP + ipv4.protocol] = protocol;
    put32(frame, IP + ipv4.source, this.address);
    put32(frame, IP + ipv4.destination, destination);
    put16(frame, IP + ipv4.checksum, checksumOf(addWords(0, frame, IP, IPV4_BYTES)));
    return frame;
  }

  /** @returns whether the same bytes came back, with every checksum right. */
  async ping(mac: Uint8Array, address: number, sequence: number, bytes: number): Promise<boolean> {
    const frame = this.#packet(mac, address, ipProtocol.icmp, ICMP_BYTES + bytes);
    frame[TRANSPORT + icmp.type] = icmpType.echoRequest;
    put16(frame, TRANSPORT + 6, sequence);
    for (let i = 0; i < bytes; i++) frame[TRANSPORT + ICMP_BYTES + i] = i * 7 + sequence;
    put16(frame, TRANSPORT + icmp.checksum, checksumOf(addWords(0, frame, TRANSPORT, ICMP_BYTES + bytes)));
    const [reply] = await this.exchange(frame);
    return (
      reply !== undefined &&
      reply.length === frame.length &&
      reply[TRANSPORT + icmp.type] === icmpType.echoReply &&
      fold(addWords(0, reply, IP, IPV4_BYTES)) === 0xffff &&
      fold(addWords(0, reply, TRANSPORT, reply.length - TRANSPORT)) === 0xffff &&
      reply.subarray(TRANSPORT + 4).every((byte, i) => byte === frame[TRANSPORT + 4 + i])
    );
  }

  /** Sum of the pseudo header in front of a packet's transport. */
  #pseudoHeader(frame: Uint8Array, protocol: number): number {
    return addWords(protocol + frame.length - TRANSPORT, frame, IP + ipv4.source, 8);
  }

  /** Whether the checksum of a packet's transport holds. */
  checksumHolds(frame: Uint8Array): boolean {
    const sum = this.#pseudoHeader(frame, frame[IP + ipv4.protocol]!);
    return fold(addWords(sum, frame, TRANSPORT, frame.length - TRANSPORT)) === 0xffff;
  }

  /** A datagram whose checksum is left to the device, with the header that says so. */
  datagram(mac: Uint8Array, destination: number, from: number, to: number, payload: Uint8Array) {
    const frame = this.#packet(mac, destination, ipProtocol.udp, UDP_BYTES + payload.length);
    put16(frame, TRANSPORT + udp.sourcePort, from);
    put16(frame, TRANSPORT + udp.destinationPort, to);
    put16(frame, TRANSPORT + udp.length, UDP_BYTES + payload.length);
    put16(frame, TRANSPORT + udp.checksum, fold(this.#pseudoHeader(frame, ipProtocol.udp)));
    frame.set(payload, TRANSPORT + UDP_BYTES);
    return { frame, header: this.#unfinished(UDP_BYTES, udp.checksum, networkGsoType.none, 0) };
  }

  /** A TCP segment that is to be cut into pieces of `size` bytes. */
  bulk(mac: Uint8Array, destination: number, payload: Uint8Array, size: number) {
    const frame = this.#packet(mac, destination, ipProtocol.tcp, TCP_BYTES + payload.length);
    put32(frame, TRANSPORT + tcp.sequence, 1);
    frame[TRANSPORT + tcp.dataOffset] = (TCP_BYTES / 4) << 4;
    frame[TRANSPORT + tcp.flags] = tcpFlag.push;
    put16(frame, TRANSPORT + tcp.checksum, fold(this.#pseudoHeader(frame, ipProtocol.tcp)));
    frame.set(payload, TRANSPORT + TCP_BYTES);
    return { frame, header: this.#unfinished(TCP_BYTES, tcp.checksum, networkGsoType.tcp4, size) };
  }

  /** What of a segment's frame its receiver wants to know. */
  readSegment(frame: Uint8Array): { readonly sequence: number; readonly payload: Uint8Array } {
    return {
      sequence: get32(frame, TRANSPORT + tcp.sequence),
      payload: frame.subarray(TRANSPORT + TCP_BYTES),
    };
  }

  #unfinished(headerBytes: number, checksumOffset: number, gsoType: number, gsoSize: number): FrameHeader {
    return {
      flags: networkHeaderFlag.needsChecksum,
      gsoType,
      headerLength: TRANSPORT + headerBytes,
      gsoSize,
      checksumStart: TRANSPORT,
      checksumOffset,
    };
  }

  /** Asks for an address, or for the one that was offered. */
  async askForAddress(offered: number | null, server: number): Promise<DhcpReply | null> {
    const message = new Uint8Array(300);
    message[dhcp.operation] = dhcpOperation.request;
    message[dhcp.hardwareType] = 1;
    message[dhcp.hardwareLength] = MAC_BYTES;
    put32(message, dhcp.transaction, TRANSACTION);
    message.set(this.mac, dhcp.clientHardware);
    put32(message, dhcp.cookie, DHCP_COOKIE);
    const word = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
    const options = [
      dhcpOption.messageType,
      1,
      offered === null ? dhcpMessage.discover : dhcpMessage.request,
    ];
    if (offered !== null)
      options.push(
        dhcpOption.requestedAddress,
        4,
        ...word(offered),
        dhcpOption.serverIdentifier,
        4,
        ...word(server),
      );
    message.set([...options, dhcpOption.end], dhcp.options);
    const { frame, header } = this.datagram(
      EVERYBODY,
      IPV4_BROADCAST,
      dhcpPort.client,
      dhcpPort.server,
      message,
    );
    const [reply] = await this.exchange(frame, header);
    return reply === undefined ? null : this.#readDhcp(reply);
  }

  #readDhcp(frame: Uint8Array): DhcpReply | null {
    const at = TRANSPORT + UDP_BYTES;
    if (frame.length < at + dhcp.options || get32(frame, at + dhcp.transaction) !== TRANSACTION) return null;
    if (!this.checksumHolds(frame)) return null;
    let [type, leaseSeconds] = [0, 0];
    for (
      let i = at + dhcp.options;
      i + 1 < frame.length && frame[i] !== dhcpOption.end;
      i += 2 + frame[i + 1]!
    ) {
      if (frame[i] === dhcpOption.messageType) type = frame[i + 2]!;
      if (frame[i] === dhcpOption.leaseTime) leaseSeconds = get32(frame, i + 2);
    }
    return { type, leaseSeconds, address: get32(frame, at + dhcp.yourAddress) };
  }
}
