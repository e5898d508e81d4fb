import { describe, expect, it } from 'vitest';
import { NetworkDevice, networkFeature, type Offload } from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { OUR_MAC, RawNetwork, rawHeader, restart, TestLink } from '../support/network.ts';

const bit = networkFeature;
const GUEST = [
  bit.guestChecksum,
  bit.guestTso4,
  bit.guestTso6,
  bit.guestEcn,
  bit.guestUfo,
  bit.guestUso4,
  bit.guestUso6,
];

/** A TCP or UDP frame of `payload` bytes over IPv4 or IPv6, its checksum field holding the pseudo header's sum. */
function frame(version: 4 | 6, protocol: 6 | 17, payload: number): { bytes: Uint8Array; start: number } {
  const ip = version === 4 ? 20 : 40;
  const transport = protocol === 6 ? 20 : 8;
  const bytes = new Uint8Array(14 + ip + transport + payload).map((_, i) => i & 0xff);
  const view = new DataView(bytes.buffer);
  const start = 14 + ip;
  bytes.set([...OUR_MAC, 2, 9, 9, 9, 9, 9]);
  view.setUint16(12, version === 4 ? 0x0800 : 0x86dd);
  if (version === 4) {
    bytes.set([0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
    view.setUint16(16, ip + transport + payload);
  } else {
    bytes.set([0x60, 0, 0, 0, 0, 0, protocol, 64], 14);
    view.setUint16(18, transport + payload);
  }
  if (protocol === 6) bytes[start + 12] = 0x50;
  else view.setUint16(start + 4, transport + payload);
  view.setUint16(start + (protocol === 6 ? 16 : 6), pseudoSum(bytes, version, protocol, transport + payload));
  return { bytes, start };
}

function onesSum(bytes: Uint8Array, sum = 0): number {
  for (const [i, byte] of bytes.entries()) sum += i % 2 === 0 ? byte * 256 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

function pseudoSum(bytes: Uint8Array, version: 4 | 6, protocol: number, length: number): number {
  const addresses = version === 4 ? bytes.subarray(26, 34) : bytes.subarray(22, 54);
  return onesSum(addresses, protocol + length);
}

/** True when a receiver takes the checksum for right: header, payload and pseudo header add up to all ones. */
function checks(bytes: Uint8Array, version: 4 | 6, protocol: number): boolean {
  const start = version === 4 ? 34 : 54;
  const segment = bytes.subarray(start);
  return onesSum(segment, pseudoSum(bytes, version, protocol, segment.length)) === 0xffff;
}

function modern(features: readonly number[]) {
  const link = new TestLink(true);
  const behaviour = new NetworkDevice({ link });
  const guest = new ModernGuest(behaviour);
  const net = new RawNetwork(guest, [0, 1, 2], guest.start(features, [0, 1, 2]));
  guest.clauses();
  const receive = (bytes: Uint8Array, offload: Partial<Offload>) => {
    for (let i = 0; i < 8; i++) net.buffer();
    const taken = link.arrive(bytes, offload);
    return {
      taken,
      frames: net.taken().map((each) => ({ header: each.slice(0, 12), frame: each.slice(12) })),
    };
  };
  return { link, behaviour, guest, net, receive };
}

describe('a checksum that is not done', () => {
  const tcp = frame(4, 6, 100);
  const offload = { flags: 1, headerLength: 54, checksumStart: tcp.start, checksumOffset: 16 };

  it('is left to a driver that does it', () => {
    const { receive } = modern([bit.guestChecksum]);
    const { frames } = receive(tcp.bytes, offload);
    const header = rawHeader({ flags: 1, hdrLen: 54, csumStart: 34, csumOffset: 16, numBuffers: 1 }, 12);
    expect(frames).toEqual([{ header, frame: tcp.bytes }]);
  });

  it('is done for one that does not', () => {
    const { receive } = modern([]);
    const { frames } = receive(tcp.bytes, offload);
    expect(frames.map(({ header }) => header)).toEqual([rawHeader({ numBuffers: 1 }, 12)]);
    expect(checks(frames[0]!.frame, 4, 6)).toBe(true);
    expect(checks(tcp.bytes, 4, 6)).toBe(false);
  });

  it('is written in the byte order of a legacy driver', () => {
    const link = new TestLink(true);
    const guest = new LegacyGuest(new NetworkDevice({ link }), { guestEndian: 'big' });
    const net = new RawNetwork(guest, [0, 1, 2], guest.start(2 ** 27 + 2 ** bit.guestChecksum, [0, 1, 2]));
    net.buffer();
    link.arrive(tcp.bytes, offload);
    const header = rawHeader({ flags: 1, hdrLen: 54, csumStart: 34, csumOffset: 16 }, 10, false);
    expect(net.taken()[0]!.slice(0, 10)).toEqual(header);
  });

  it('makes no sense beyond the frame, and such a frame is dropped', () => {
    for (const features of [[bit.guestChecksum], []]) {
      const { receive, behaviour } = modern(features);
      expect(receive(tcp.bytes, { ...offload, checksumStart: 153 })).toEqual({ taken: false, frames: [] });
      expect(behaviour.statistics.receiveMalformed).toBe(1);
    }
  });
});

describe('a checksum that was validated', () => {
  it.each([
    [[bit.guestChecksum], 2],
    [[], 0],
  ])('is said to a driver that accepted %j', (features, flags) => {
    const { receive } = modern(features);
    const { bytes } = frame(4, 6, 20);
    expect(receive(bytes, { flags: 2 }).frames).toEqual([
      { header: rawHeader({ flags, numBuffers: 1 }, 12), frame: bytes },
    ]);
  });

  it('other flags of the link stay with the device', () => {
    const { receive } = modern([bit.guestChecksum]);
    expect(receive(frame(4, 6, 20).bytes, { flags: 0xfe }).frames[0]!.header[0]).toBe(2);
  });
});

describe('a frame to be segmented', () => {
  // Segmentation type, what it is of, and which feature of the driver it takes besides GUEST_CSUM.
  const types = [
    ['TCP over IPv4', 1, frame(4, 6, 1000), bit.guestTso4],
    ['TCP over IPv6', 4, frame(6, 6, 1000), bit.guestTso6],
    ['UDP over IPv4', 5, frame(4, 17, 1000), bit.guestUso4],
    ['UDP over IPv6', 5, frame(6, 17, 1000), bit.guestUso6],
    ['UDP fragments over IPv4', 3, frame(4, 17, 1000), bit.guestUfo],
  ] as const;

  describe.each(types)('%s', (name, gsoType, { bytes, start }, feature) => {
    const protocol = bytes[start === 34 ? 23 : 20] as 6 | 17;
    const version = start === 34 ? 4 : 6;
    const offload = {
      flags: 1,
      gsoType,
      headerLength: bytes.length - 1000,
      gsoSize: 400,
      checksumStart: start,
      checksumOffset: protocol === 6 ? 16 : 6,
    };

    it('comes whole to a driver that takes it', () => {
      const { receive } = modern([bit.guestChecksum, feature]);
      const raw = { flags: 1, gsoType, hdrLen: offload.headerLength, gsoSize: 400, csumStart: start };
      const header = rawHeader({ ...raw, csumOffset: offload.checksumOffset, numBuffers: 1 }, 12);
      expect(receive(bytes, offload).frames).toEqual([{ header, frame: bytes }]);
    });

    it.each([
      ['nothing of the kind', []],
      ['only checksums', [bit.guestChecksum]],
      [
        'all the others',
        GUEST.filter((each) => each !== feature && (each !== bit.guestEcn || feature !== bit.guestTso4)),
      ],
    ])('comes in pieces to one that accepted %s', (_, features) => {
      const { receive, behaviour } = modern(features);
      const { taken, frames } = receive(bytes, offload);
      expect([taken, frames.length]).toEqual([true, 3]);
      for (const { header } of frames) expect(header).toEqual(rawHeader({ numBuffers: 1 }, 12));
      expect(behaviour.statistics.received).toBe(3);
      if (name.includes('fragments')) return;
      expect(frames.map((each) => each.frame.length)).toEqual(
        [400, 400, 200].map((n) => n + bytes.length - 1000),
      );
      for (const each of frames) expect(checks(each.frame, version, protocol)).toBe(true);
    });

    it('never goes out as it is without a checksum to be done, or a size', () => {
      const { receive } = modern([bit.guestChecksum, feature]);
      expect(receive(bytes, { ...offload, flags: 0 }).frames.every(({ header }) => header[1] === 0)).toBe(
        true,
      );
      expect(receive(bytes, { ...offload, gsoSize: 0 })).toEqual({ taken: false, frames: [] });
    });
  });

  const [, , tcp] = types[0];
  const ecn = { flags: 1, gsoType: 0x81, gsoSize: 400, checksumStart: 34, checksumOffset: 16 };

  it.each([
    [[bit.guestChecksum, bit.guestTso4, bit.guestEcn], [0x81]],
    [
      [bit.guestChecksum, bit.guestTso4],
      [0, 0, 0],
    ],
  ])('with ECN comes as it is where that was accepted too: %j', (features, expected) => {
    const { receive } = modern(features);
    expect(receive(tcp.bytes, ecn).frames.map(({ header }) => header[1])).toEqual(expected);
  });

  it('is dropped where it is not what its type says', () => {
    const { receive, behaviour } = modern([]);
    expect(receive(frame(4, 17, 1000).bytes, { ...ecn, gsoType: 1 })).toEqual({ taken: false, frames: [] });
    expect(behaviour.statistics.receiveMalformed).toBe(1);
  });

  it('counts as dropped when a piece of it was', () => {
    const { link, net, behaviour } = modern([]);
    net.buffer();
    net.buffer();
    expect(link.arrive(tcp.bytes, { ...ecn, gsoType: 1 })).toBe(false);
    expect(net.taken().length).toBe(2);
    expect(behaviour.statistics).toMatchObject({ received: 2, receiveNoBuffers: 1 });
  });

  it('is longer than the MTU, but its pieces need not be', () => {
    const link = new TestLink(true);
    const guest = new ModernGuest(new NetworkDevice({ link, mtu: 500 }));
    const net = new RawNetwork(guest, [0, 1, 2], guest.start([bit.mtu], [0, 1, 2]));
    for (let i = 0; i < 8; i++) net.buffer();
    expect(link.arrive(tcp.bytes, { ...ecn, gsoType: 1, headerLength: 54 })).toBe(true);
    expect(net.taken().length).toBe(3);
  });
});

describe('offloads that the driver switches', () => {
  const mask = (...bits: number[]) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(
      0,
      bits.reduce((sum, each) => sum | (1n << BigInt(each)), 0n),
      true,
    );
    return [[...new Uint8Array(view.buffer)]];
  };
  const tcp = frame(6, 6, 500);
  const offload = { flags: 1, gsoType: 4, gsoSize: 400, checksumStart: tcp.start, checksumOffset: 16 };
  const features = [
    bit.controlQueue,
    bit.controlGuestOffloads,
    bit.guestChecksum,
    bit.guestTso6,
    bit.guestUso6,
  ];

  it('are on from the start, go off and on again, and are on after a reset', () => {
    const { net, receive, guest, behaviour } = modern(features);
    const kinds = () => receive(tcp.bytes, offload).frames.map(({ header }) => header[1]);
    expect(kinds()).toEqual([4]);
    expect(net.command(5, 0, mask(bit.guestChecksum, bit.guestUso6))).toBe(0);
    expect(kinds()).toEqual([0, 0]);
    expect(net.command(5, 0, mask(bit.guestChecksum, bit.guestTso6))).toBe(0);
    expect(kinds()).toEqual([4]);
    net.command(5, 0, mask());
    expect(receive(tcp.bytes, { flags: 2 }).frames[0]!.header[0]).toBe(0);
    const again = restart(guest, features);
    again.buffer();
    behaviour.receive(tcp.bytes, 0, tcp.bytes.length, { headerLength: 74, ...offload });
    expect(again.taken().map((each) => each[1])).toEqual([4]);
  });
});
