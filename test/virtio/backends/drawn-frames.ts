import fc from 'fast-check';
import { networkGsoType as gso, networkHeaderFlag, type Offload } from '../../../src/virtio/index.ts';
import { onesSum } from './frames.ts';

/** A frame that wants to be finished. */
export interface Drawn {
  readonly frame: Uint8Array;
  readonly offload: Offload;
  readonly version: 4 | 6;
  readonly tcp: boolean;
  /** Where the IP header and the transport's begin, and how long the latter is. */
  readonly network: number;
  readonly transport: number;
  readonly headerBytes: number;
}

const seed = fc.integer({ min: 1, max: 0x7fffffff });

function filled(length: number, from: number): Uint8Array {
  let x = from;
  return Uint8Array.from({ length }, () => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return x >> 16;
  });
}

/** What a frame is made from. */
export const choices = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  kind: fc.constantFrom('checksum-tcp', 'checksum-udp', 'tso', 'uso', 'ufo'),
  tags: fc.nat(2),
  /** IPv4 options, or IPv6 extension headers, in units. */
  options: fc.nat(3),
  tcpOptions: fc.nat(10),
  flags: fc.nat(255),
  urgent: fc.constantFrom<number[]>(0, 1, 700, 0xffff),
  sequence: fc.constantFrom<number[]>(0, 0x7fffffff, 0xffffff00),
  payload: fc.oneof(fc.nat(40), fc.nat(3000), fc.integer({ min: 60000, max: 65000 })),
  size: fc.oneof(fc.integer({ min: 8, max: 64 }), fc.integer({ min: 64, max: 1460 }), fc.constant(65535)),
  seed,
});

export type Choice = typeof choices extends fc.Arbitrary<infer T> ? T : never;

/** The frame of a choice: any headers that TCP and UDP can have in front of them, and bytes that repeat late. */
export function build(c: Choice): Drawn {
  const tcp = c.kind === 'tso' || c.kind === 'checksum-tcp';
  const transportHeader = filled(tcp ? 20 + 4 * c.tcpOptions : 8, c.seed + 1);
  const view = new DataView(transportHeader.buffer);
  const carriedBytes = transportHeader.length + c.payload;
  if (tcp) {
    view.setUint32(4, c.sequence);
    transportHeader[12] = (transportHeader.length / 4) << 4;
    transportHeader[13] = c.flags;
    view.setUint16(18, c.urgent);
  } else view.setUint16(4, carriedBytes);
  const ethernet = filled(12 + 4 * c.tags + 2, c.seed + 2);
  for (let i = 0; i < c.tags; i++) ethernet.set([0x81, 0x00], 12 + 4 * i);
  ethernet.set(c.version === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12 + 4 * c.tags);
  const protocol = tcp ? 6 : 17;
  const ip =
    c.version === 4 ? new Uint8Array(20 + 4 * c.options).fill(1) : new Uint8Array(40 + 8 * c.options);
  ip.set(filled(20, c.seed + 3));
  const ipView = new DataView(ip.buffer);
  let addresses: Uint8Array;
  if (c.version === 4) {
    ip[0] = 0x45 + c.options;
    ipView.setUint16(2, Math.min(0xffff, ip.length + carriedBytes));
    ipView.setUint16(6, 0x4000);
    ip[9] = protocol;
    ipView.setUint16(10, 0);
    ipView.setUint16(10, 0xffff - onesSum(ip));
    addresses = ip.subarray(12, 20);
  } else {
    ip.set(filled(32, c.seed + 4), 8);
    ip[0] = 0x60;
    ipView.setUint16(4, Math.min(0xffff, ip.length - 40 + carriedBytes));
    // Hop-by-hop options first, destination options behind them.
    const kinds = [0, 60, 60].slice(0, c.options);
    for (let i = 0; i < c.options; i++) ip.set([kinds[i + 1] ?? protocol, 0, 1, 4, 0, 0, 0, 0], 40 + 8 * i);
    ip[6] = kinds[0] ?? protocol;
    addresses = ip.subarray(8, 40);
  }
  const field = tcp ? 16 : 6;
  const length = Uint8Array.of(carriedBytes >> 16, (carriedBytes >> 8) & 255, carriedBytes & 255, 0);
  view.setUint16(field, onesSum(addresses, Uint8Array.of(0, protocol, 0, ...length.subarray(0, 3))));
  const transport = ethernet.length + ip.length;
  const types = { tso: c.version === 4 ? gso.tcp4 : gso.tcp6, uso: gso.udpL4, ufo: gso.udp };
  return {
    frame: Uint8Array.from([...ethernet, ...ip, ...transportHeader, ...filled(c.payload, c.seed)]),
    version: c.version,
    tcp,
    network: ethernet.length,
    transport,
    headerBytes: transportHeader.length,
    offload: {
      flags: networkHeaderFlag.needsChecksum,
      gsoType: types[c.kind as keyof typeof types] ?? gso.none,
      headerLength: 0,
      // Long frames are not cut into thousands of pieces: that would be the same again.
      gsoSize: Math.max(c.size, Math.ceil(c.payload / 100)),
      checksumStart: transport,
      checksumOffset: field,
    },
  };
}
