import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  IpAddressError,
  Responder,
  ResponderOptionError,
  type ResponderOptions,
} from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { checksumHolds, onesSum, readFrame } from './frames.ts';
import {
  arp,
  bytes,
  CLIENT,
  CLIENT_IP,
  clientOf,
  discover,
  EVERYBODY,
  echo,
  hex,
  RESPONDER,
  RESPONDER_IP,
  u16,
  udp,
} from './requests.ts';

// Requests are written out by hand from the RFCs, answers are read by test/virtio/backends/frames.ts, which shares nothing
// with the responder. Real clients (Linux, busybox) talk to it in test/hosts/node/tap.test.ts and test/guest/network.test.ts.

let responder: Responder;
let ask: ReturnType<typeof clientOf>;

function start(options: ResponderOptions = {}): void {
  responder = new Responder(options);
  ask = clientOf(responder);
}

beforeEach(() => start());

describe('a responder', () => {
  it('answers ARP for its own address only', () => {
    expect(ask(arp()).map(hex)).toEqual([
      `${CLIENT}${RESPONDER}08060001080006040002${RESPONDER}${RESPONDER_IP}${CLIENT}${CLIENT_IP}`,
    ]);
    expect(ask(arp(RESPONDER_IP, { to: RESPONDER }))).toHaveLength(1);
    // A probe, as a client makes before it takes an address (RFC 5227).
    expect(hex(ask(arp(RESPONDER_IP, { sender: '00000000' }))[0]!)).toMatch(/00000000$/);
    expect(ask(arp('0a000203'))).toEqual([]);
    expect(ask(arp(RESPONDER_IP, { operation: 2 }))).toEqual([]);
    expect(responder.counts).toMatchObject({ arp: 3, ignored: 2 });
  });

  it('answers pings of any length, with options and with padding', () => {
    for (const length of [0, 1, 56, 1472, 8000]) {
      const payload = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
      for (const request of [
        echo(payload),
        echo(payload, { options: '01010100' }),
        bytes(echo(payload), [0, 0]),
      ]) {
        const [answer, ...more] = ask(request);
        expect(more).toEqual([]);
        const read = readFrame(answer!);
        expect(hex(answer!.subarray(0, 14))).toBe(`${CLIENT}${RESPONDER}0800`);
        expect(read).toMatchObject({ protocol: 1, source: RESPONDER_IP, destination: CLIENT_IP });
        expect(hex(read.carried.subarray(0, 2))).toBe('0000');
        expect(hex(read.carried.subarray(4))).toBe(hex(bytes('002a0001', payload)));
        expect(onesSum(read.carried)).toBe(0xffff);
      }
    }
  });

  it('sends back what is sent to its echo port, and counts what is sent to its discard port', () => {
    for (const length of [0, 1, 5, 1400]) {
      const payload = Uint8Array.from({ length }, (_, i) => i & 255);
      const [answer] = ask(udp(4321, 7, payload));
      const read = readFrame(answer!);
      expect(checksumHolds(read)).toBe(true);
      expect(hex(read.carried.subarray(0, 6))).toBe(hex(bytes(u16(7), u16(4321), u16(8 + length))));
      expect(hex(read.carried.subarray(8))).toBe(hex(payload));
      expect(ask(udp(4321, 9, payload))).toEqual([]);
    }
    expect(responder.counts).toMatchObject({ udpEcho: 4, discardedBytes: 1406, ignored: 0 });
  });

  it('takes a datagram without checksum, and one whose checksum is still to be done', () => {
    const whole = udp(4321, 7, bytes('0102030405'));
    const none = whole.slice();
    none.set([0, 0], 40);
    expect(ask(none)).toHaveLength(1);
    // Of the checksum only the pseudo header's part is there.
    const partial = whole.slice();
    partial.set(u16(onesSum(bytes(CLIENT_IP, RESPONDER_IP, [0, 17, 0, 13]))), 40);
    expect(ask(partial)).toHaveLength(0);
    const [answer, ...more] = ask(partial, {
      flags: 1,
      gsoType: 0,
      headerLength: 42,
      gsoSize: 0,
      checksumStart: 34,
      checksumOffset: 6,
    });
    expect(more).toEqual([]);
    expect(checksumHolds(readFrame(answer!))).toBe(true);
  });

  it('takes segments that are still to be cut, and ignores a request that makes no sense', () => {
    const payload = Uint8Array.from({ length: 2500 }, (_, i) => i & 255);
    const frame = udp(4321, 7, payload);
    const offload = {
      flags: 1,
      gsoType: 5,
      headerLength: 42,
      gsoSize: 1000,
      checksumStart: 34,
      checksumOffset: 6,
    };
    expect(ask(frame, offload).map((each) => readFrame(each).carried.length - 8)).toEqual([1000, 1000, 500]);
    expect(ask(frame, { ...offload, gsoSize: 0 })).toEqual([]);
    expect(responder.counts.ignored).toBe(1);
  });

  const abuse: [what: string, frame: Uint8Array][] = [
    ['a frame from several stations', echo(bytes('00'), { from: '535400123456' })],
    ['a frame from everybody', arp(RESPONDER_IP, { from: EVERYBODY })],
    ['ARP whose sender is several stations', arp(RESPONDER_IP, { hardware: '01005e000001' })],
    ['ARP from everybody', arp(RESPONDER_IP, { sender: 'ffffffff' })],
    ['ARP from our own address', arp(RESPONDER_IP, { sender: RESPONDER_IP })],
    ['a ping from everybody', echo(bytes('00'), { source: 'ffffffff' })],
    ["a ping from the subnet's broadcast address", echo(bytes('00'), { source: '0a0002ff' })],
    ['a ping from a multicast group', echo(bytes('00'), { source: 'e0000001' })],
    ['a ping from this network', echo(bytes('00'), { source: '00000000' })],
    ['a ping from loopback', echo(bytes('00'), { source: '7f000001' })],
    ['a ping from our own address', echo(bytes('00'), { source: RESPONDER_IP })],
    ['a ping to everybody', echo(bytes('00'), { destination: 'ffffffff', to: EVERYBODY })],
    [
      "a ping to the subnet's broadcast address",
      echo(bytes('00'), { destination: '0a0002ff', to: EVERYBODY }),
    ],
    ['a ping to us by a broadcast frame', echo(bytes('00'), { to: EVERYBODY })],
    ['a ping to another station', echo(bytes('00'), { destination: '0a000203' })],
    ['a frame to another station', echo(bytes('00'), { to: '525400000001' })],
    ['an echo reply', echo(bytes('00'), {}, 0)],
    ['a first fragment', echo(bytes('00'), { flags: 0x2000 })],
    ['a later fragment', echo(bytes('00'), { flags: 1 })],
    ['an echo to the echo port from an echo port', udp(7, 7, bytes('00'))],
    ['a datagram to a port that is closed', udp(4321, 8, bytes('00'))],
    ['IPv6', bytes(RESPONDER, CLIENT, '86dd', new Uint8Array(60))],
    ['nothing', new Uint8Array(0)],
    ['less than an Ethernet header', bytes(RESPONDER)],
  ];

  it.each(abuse)('never answers %s', (_what, frame) => {
    expect(ask(frame)).toEqual([]);
    expect(responder.counts.ignored).toBe(1);
  });

  it('never answers a frame with a bit wrong where a checksum covers it, nor one cut short', () => {
    for (const frame of [echo(bytes('0102')), udp(4321, 7, bytes('0102'))]) {
      for (let at = 14; at < frame.length; at++) {
        const broken = frame.slice();
        broken[at]! ^= 0x10;
        expect(ask(broken)).toEqual([]);
      }
      for (let length = 0; length < frame.length; length++)
        expect(ask(frame.subarray(0, length))).toEqual([]);
    }
    for (let length = 0; length < 42; length++) expect(ask(arp().subarray(0, length))).toEqual([]);
  });

  it('never answers a datagram that is longer than its packet, though the frame has the bytes', () => {
    const frame = bytes(udp(4321, 7, bytes('0102')), new Uint8Array(16));
    frame.set([0, 0], 40);
    expect(ask(frame)).toHaveLength(1);
    for (const [length, answers] of [
      [7, 0],
      [8, 1],
      [10, 1],
      [11, 0],
      [26, 0],
    ] as const) {
      frame.set(u16(length), 38);
      expect(ask(frame)).toHaveLength(answers);
    }
  });

  it(
    'is never brought to fail, nor to say more than it was told',
    () => {
      const known = fc.constantFrom(arp(), echo(bytes('0102')), udp(4321, 7, bytes('01')), discover());
      const broken = fc
        .tuple(known, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }), fc.nat(400))
        .map(([frame, changes, end]) => {
          const copy = frame.slice(0, end % 2 === 0 ? end : undefined);
          for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
          return copy;
        });
      fc.assert(
        fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 80 })), (frame) => {
          const answers = ask(frame);
          expect(answers.length).toBeLessThanOrEqual(1);
          for (const answer of answers) {
            expect(hex(answer.subarray(6, 12))).toBe(RESPONDER);
            expect(answer.length).toBeLessThanOrEqual(Math.max(frame.length, 14 + 28 + 300));
          }
        }),
        { numRuns: runs(1000) },
      );
    },
    PATIENCE,
  );

  it('answers one frame after the other, though a frame follows from an answer', () => {
    const seen: string[] = [];
    const nested = new Responder();
    let asked = 0;
    nested.attach({
      macAddress: bytes(CLIENT),
      receive: (given, offset, length) => {
        const before = hex(given.slice(offset, offset + length));
        if (asked++ < 2) {
          const next = asked === 1 ? echo(bytes('aa')) : udp(1, 7, bytes('bb'));
          nested.transmit(next, 0, next.length, null);
        }
        expect(hex(given.slice(offset, offset + length))).toBe(before);
        seen.push(before.slice(24, 28) + before.slice(-2));
        return true;
      },
    });
    nested.transmit(arp(), 0, 42, null);
    expect(seen).toEqual(['08060f', '0800aa', '0800bb']);
  });

  it('refuses addresses that do not go together', () => {
    expect(() => new Responder({ address: '10.0.2' })).toThrow(IpAddressError);
    expect(() => new Responder({ address: '10.0.2.256' })).toThrow(IpAddressError);
    const wrong: ResponderOptions[] = [
      { address: '224.0.0.1' },
      { prefixLength: 31 },
      { prefixLength: 7.5 },
      { macAddress: Uint8Array.of(1, 0, 0, 0, 0, 0) },
      { macAddress: new Uint8Array(5) },
      { firstLease: '10.0.3.1' },
      { firstLease: '10.0.2.1', leases: 2 },
      { firstLease: '10.0.2.200', leases: 56 },
      { leases: -1 },
      { leases: 1.5 },
      { leaseSeconds: 0 },
      { leaseSeconds: 2 ** 32 },
    ];
    for (const options of wrong) expect(() => new Responder(options)).toThrow(ResponderOptionError);
    expect(() => new Responder({ firstLease: '10.0.2.200', leases: 55 })).not.toThrow();
  });
});
