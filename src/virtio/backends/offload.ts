import { Room } from '../../core/index.ts';
import { networkGsoType, networkHeaderFlag } from '../layout/network.ts';
import { addWords, checksumOf, copyWords, pseudoHeaderSum, transportChecksumOf } from './checksum.ts';
import {
  FrameHeaders,
  get16,
  get32,
  IPV6_BYTES,
  IPV6_FRAGMENT_BYTES,
  ipProtocol,
  ipv4,
  ipv4Fragment,
  ipv6,
  ipv6Fragment,
  put16,
  put32,
  tcp,
  tcpFlag,
  UDP_BYTES,
  udp,
} from './ethernet.ts';
import type { Offload } from './network-link.ts';

/** The longest frame that is finished: the longest IPv4 or IPv6 packet, Ethernet header and VLAN tags, and some room. */
export const MAX_FRAME_BYTES = 0x10000 + 128;

/** Why a frame cannot be finished. */
export interface OffloadObjection {
  readonly clause: string;
  readonly message: string;
  /** What `value` is, with its unit. */
  readonly what: string;
  readonly value: number;
}

/** Takes a finished frame: `length` bytes of `bytes` from `offset`, valid until it returns. */
export type FrameSink = (bytes: Uint8Array, offset: number, length: number) => void;

/** What a segmentation type wants to find. */
const wanted: Readonly<
  Record<number, { readonly name: string; readonly protocol: number; readonly version?: 4 | 6 }>
> = {
  [networkGsoType.tcp4]: { name: 'TCP over IPv4', protocol: ipProtocol.tcp, version: 4 },
  [networkGsoType.tcp6]: { name: 'TCP over IPv6', protocol: ipProtocol.tcp, version: 6 },
  [networkGsoType.udp]: { name: 'UDP', protocol: ipProtocol.udp },
  [networkGsoType.udpL4]: { name: 'UDP', protocol: ipProtocol.udp },
};

const object = (clause: string, message: string, what: string, value: number): OffloadObjection => ({
  clause,
  message,
  what,
  value,
});

/** NET-TX-11: the checksum and where it starts lie in the frame. */
function checksumObjection(
  length: number,
  { checksumStart, checksumOffset }: Offload,
): OffloadObjection | null {
  if (checksumStart + checksumOffset + 2 <= length) return null;
  return object(
    'NET-TX-11',
    `a checksum at ${checksumStart} + ${checksumOffset} of a frame of ${length} bytes`,
    'csum_start',
    checksumStart,
  );
}

/** One frame on its way to being finished, with the room that this takes. Pooled. */
class Job {
  readonly #headers = new FrameHeaders();
  /** The frame that is handed out. */
  readonly #out = new Room(MAX_FRAME_BYTES);
  /** A datagram with its checksum, before it is cut into fragments. */
  #whole: Uint8Array | null = null;

  /** Looks at a frame, and at its headers where it wants to be segmented. */
  objection(bytes: Uint8Array, offset: number, length: number, offload: Offload): OffloadObjection | null {
    if (length > MAX_FRAME_BYTES)
      return object('NET-CFG-22', `a frame of ${length} bytes`, 'length in bytes', length);
    const needsChecksum = (offload.flags & networkHeaderFlag.needsChecksum) !== 0;
    if (needsChecksum) {
      const objection = checksumObjection(length, offload);
      if (objection !== null) return objection;
    }
    const type = offload.gsoType & ~networkGsoType.ecn;
    if (type === networkGsoType.none) return null;
    const want = wanted[type];
    if (want === undefined)
      return object(
        'NET-TX-07',
        `segmentation type ${offload.gsoType}`,
        'segmentation type',
        offload.gsoType,
      );
    // A fragment's place is counted in units of 8 bytes.
    const smallest = type === networkGsoType.udp ? 8 : 1;
    if (offload.gsoSize < smallest)
      return object('NET-TX-13', `segments of ${offload.gsoSize} bytes`, 'gso_size', offload.gsoSize);
    const headers = this.#headers;
    const found = headers.find(bytes, offset, length);
    headers.relativeTo(offset);
    if (!found || headers.protocol !== want.protocol || headers.version !== (want.version ?? headers.version))
      return object(
        'NET-TX-07',
        `segmentation type ${offload.gsoType} of what is not ${want.name}`,
        'segmentation type',
        offload.gsoType,
      );
    if (needsChecksum && offload.checksumStart !== headers.transport)
      return object(
        'NET-TX-11',
        `a checksum from ${offload.checksumStart} on, but ${want.name} from ${headers.transport} on`,
        'csum_start',
        offload.checksumStart,
      );
    return null;
  }

  /** Finishes a frame to which {@link objection} had none. */
  finish(bytes: Uint8Array, offset: number, length: number, offload: Offload, sink: FrameSink): void {
    const type = offload.gsoType & ~networkGsoType.ecn;
    if (type === networkGsoType.udp) this.#fragment(bytes, offset, length, offload.gsoSize, sink);
    else if (type !== networkGsoType.none) this.#segment(bytes, offset, offload.gsoSize, sink);
    else if ((offload.flags & networkHeaderFlag.needsChecksum) !== 0)
      this.#complete(bytes, offset, length, offload, sink);
    else sink(bytes, offset, length);
  }

  /** The field holds the sum of the pseudo header; what is missing is the sum from `checksumStart` on. */
  #complete(bytes: Uint8Array, offset: number, length: number, offload: Offload, sink: FrameSink): void {
    const { checksumStart: start, checksumOffset } = offload;
    const out = this.#out.bytes;
    copyWords(0, bytes, offset, out, 0, start);
    const sum = copyWords(0, bytes, offset + start, out, start, length - start);
    put16(out, start + checksumOffset, transportChecksumOf(sum));
    sink(out, 0, length);
  }

  /**
   * Cuts the payload of TCP or UDP into segments, each behind a copy of all headers. Checksums are made anew from the
   * first byte on, so it does not matter what the sender had put there.
   */
  #segment(bytes: Uint8Array, offset: number, size: number, sink: FrameSink): void {
    const headers = this.#headers;
    const out = this.#out.bytes;
    const { network, transport, payload, protocol } = headers;
    copyWords(0, bytes, offset, out, 0, payload);
    const identification = get16(out, network + ipv4.identification);
    const sequence = get32(out, transport + tcp.sequence);
    const flags = out[transport + tcp.flags]!;
    const urgent = get16(out, transport + tcp.urgentPointer);
    const total = headers.end - payload;
    let at = 0;
    do {
      const length = Math.min(size, total - at);
      const sum = copyWords(0, bytes, offset + payload + at, out, payload, length);
      this.#network(payload + length, identification + Math.floor(at / size));
      if (protocol === ipProtocol.udp) put16(out, transport + udp.length, UDP_BYTES + length);
      else {
        put32(out, transport + tcp.sequence, sequence + at);
        const last = at + length >= total;
        out[transport + tcp.flags] = this.#flags(flags, at === 0, last, urgent > at);
        put16(out, transport + tcp.urgentPointer, Math.max(0, urgent - at));
      }
      this.#checksum(out, sum, payload + length);
      at += length;
      sink(out, 0, payload + length);
    } while (at < total);
  }

  /**
   * FIN and PSH belong to the end of the data; CWR is said once, by the first segment (RFC 3168, 6.1.2); the urgent pointer
   * counts from the segment's own sequence number.
   */
  #flags(flags: number, first: boolean, last: boolean, urgent: boolean): number {
    if (!last) flags &= ~(tcpFlag.fin | tcpFlag.push);
    if (!first) flags &= ~tcpFlag.congestionWindowReduced;
    return urgent ? flags : flags & ~tcpFlag.urgent;
  }

  /** Length, identification and checksum of the IP header in a frame of `length` bytes. */
  #network(length: number, identification: number): void {
    const { network, version, transport } = this.#headers;
    const out = this.#out.bytes;
    if (version === 6) {
      put16(out, network + ipv6.payloadLength, length - network - IPV6_BYTES);
      return;
    }
    put16(out, network + ipv4.totalLength, length - network);
    put16(out, network + ipv4.identification, identification);
    put16(out, network + ipv4.checksum, 0);
    put16(out, network + ipv4.checksum, checksumOf(addWords(0, out, network, transport - network)));
  }

  /** The checksum of TCP or UDP. @param sum of the payload. @param length of the frame. */
  #checksum(frame: Uint8Array, sum: number, length: number): void {
    const { transport, payload, protocol } = this.#headers;
    const field = transport + (protocol === ipProtocol.tcp ? tcp.checksum : udp.checksum);
    put16(frame, field, 0);
    sum = addWords(sum, frame, transport, payload - transport);
    sum += pseudoHeaderSum(frame, this.#headers, length - transport);
    put16(frame, field, transportChecksumOf(sum));
  }

  /** Cuts a datagram into fragments of `size` bytes of IP payload, rounded down to units of 8. */
  #fragment(bytes: Uint8Array, offset: number, length: number, size: number, sink: FrameSink): void {
    this.#whole ??= new Uint8Array(MAX_FRAME_BYTES);
    const { version, payload, fragmentAt } = this.#headers;
    const whole = this.#whole;
    copyWords(0, bytes, offset, whole, 0, payload);
    this.#checksum(whole, copyWords(0, bytes, offset + payload, whole, payload, length - payload), length);
    const units = size & ~7;
    if (version === 4) this.#fragmentIpv4(whole, length, units, sink);
    else if (length - fragmentAt > units) this.#fragmentIpv6(whole, length, units, sink);
    else sink(whole, 0, length);
  }

  #fragmentIpv4(whole: Uint8Array, length: number, size: number, sink: FrameSink): void {
    const { network, transport } = this.#headers;
    const out = this.#out.bytes;
    copyWords(0, whole, 0, out, 0, transport);
    const identification = get16(whole, network + ipv4.identification);
    for (let at = transport; at < length; at += size) {
      const piece = Math.min(size, length - at);
      copyWords(0, whole, at, out, transport, piece);
      const more = at + piece < length ? ipv4Fragment.moreFragments : 0;
      // A datagram that is whole after all stays as it is, and may say that it must not be cut.
      if (piece < length - transport)
        put16(out, network + ipv4.flagsAndOffset, ((at - transport) / 8) | more);
      this.#network(transport + piece, identification);
      sink(out, 0, transport + piece);
    }
  }

  #fragmentIpv6(whole: Uint8Array, length: number, size: number, sink: FrameSink): void {
    const { network, transport, fragmentAt, fragmentLink } = this.#headers;
    const out = this.#out.bytes;
    copyWords(0, whole, 0, out, 0, fragmentAt);
    const first = fragmentAt + IPV6_FRAGMENT_BYTES;
    put32(out, fragmentAt, 0);
    out[fragmentAt + ipv6Fragment.nextHeader] = whole[fragmentLink]!;
    out[fragmentLink] = ipProtocol.fragment;
    put32(out, fragmentAt + ipv6Fragment.identification, hash(whole, transport, length - transport));
    for (let at = fragmentAt; at < length; at += size) {
      const piece = Math.min(size, length - at);
      copyWords(0, whole, at, out, first, piece);
      put16(out, fragmentAt + ipv6Fragment.offsetAndMore, (at - fragmentAt) | (at + piece < length ? 1 : 0));
      put16(out, network + ipv6.payloadLength, first + piece - network - IPV6_BYTES);
      sink(out, 0, first + piece);
    }
  }
}

/**
 * An identification for a datagram that has none: a hash (FNV-1a) of what it holds. Different datagrams get different ones
 * without a counter that would have to be saved; fragments of equal datagrams may change places.
 */
function hash(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0x811c9dc5;
  for (let at = offset; at < offset + length; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  return value >>> 0;
}

/**
 * Does in software what the sender of a frame left to be done: completes its checksum, cuts TCP and UDP into segments, a
 * UDP datagram into fragments. A sink may cause further frames to be finished before it returns.
 */
export class Segmenter {
  readonly #idle: Job[] = [];

  /** What keeps a frame from being finished: a checksum outside of it, headers that are not what the sender says; or null. */
  objection(bytes: Uint8Array, offset: number, length: number, offload: Offload): OffloadObjection | null {
    const job = this.#idle.pop() ?? new Job();
    const objection = job.objection(bytes, offset, length, offload);
    this.#idle.push(job);
    return objection;
  }

  /**
   * Hands the finished frames to `sink`, in order: one, or as many segments as it takes.
   * @returns the objection, with nothing handed out; or null.
   */
  finish(
    bytes: Uint8Array,
    offset: number,
    length: number,
    offload: Offload,
    sink: FrameSink,
  ): OffloadObjection | null {
    const job = this.#idle.pop() ?? new Job();
    try {
      const objection = job.objection(bytes, offset, length, offload);
      if (objection === null) job.finish(bytes, offset, length, offload, sink);
      return objection;
    } finally {
      this.#idle.push(job);
    }
  }
}
