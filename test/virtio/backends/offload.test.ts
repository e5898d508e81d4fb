import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  networkGsoType as gso,
  type Offload,
  type OffloadObjection,
  Segmenter,
} from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { build, choices, type Drawn } from './drawn-frames.ts';
import { checksumHolds, onesSum, readFrame, reassemble } from './frames.ts';

interface Recorded {
  readonly name: string;
  readonly offload: Offload;
  readonly frame: string;
  readonly frames: readonly string[];
}

/** What a Linux kernel made of the same requests. */
const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(new URL('../../golden/linux/segments.json', import.meta.url), 'utf8'),
);

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Finishes a frame that lies somewhere in an array. */
function finish(frame: Uint8Array, offload: Offload, segmenter = new Segmenter()) {
  const room = new Uint8Array(frame.length + 20).fill(0xee);
  room.set(frame, 7);
  const frames: Uint8Array[] = [];
  const objection = segmenter.finish(room, 7, frame.length, offload, (bytes, offset, length) =>
    frames.push(bytes.slice(offset, offset + length)),
  );
  expect(Buffer.compare(room.subarray(7, 7 + frame.length), frame)).toBe(0);
  return { frames, objection };
}

/** IPv6 fragments: what the kernel draws at random. */
function withoutIdentification(frame: string): string {
  const bytes = bytesOf(frame);
  if (bytes[12] === 0x86 && bytes[20] === 44) bytes.fill(0, 58, 62);
  return hexOf(bytes);
}

describe('frames that are finished in software', () => {
  it.each(recorded)('are byte for byte what Linux makes: $name', ({ offload, frame, frames }) => {
    const ours = finish(bytesOf(frame), offload);
    expect(ours.objection).toBeNull();
    expect(ours.frames.map((each) => withoutIdentification(hexOf(each)))).toEqual(
      frames.map(withoutIdentification),
    );
    expect(frames.length).toBeGreaterThan(0);
  });

  it('are handed on as they are where nothing is left to be done', () => {
    const frame = bytesOf(recorded[0]!.frame);
    const offload = { ...recorded[0]!.offload, flags: 0, gsoType: gso.none };
    expect(finish(frame, offload)).toEqual({ frames: [frame], objection: null });
  });

  it('may lead to others that are finished meanwhile', () => {
    const segmenter = new Segmenter();
    const cases = recorded.filter(({ frames }) => frames.length > 1);
    const expected = cases.map(({ frame, offload }) => finish(bytesOf(frame), offload).frames.map(hexOf));
    const seen: string[][] = cases.map(() => []);
    const deeper = (index: number) => {
      const next = cases[index];
      if (next === undefined || seen[index]!.length > 0) return;
      const frame = bytesOf(next.frame);
      segmenter.finish(frame, 0, frame.length, next.offload, (bytes, offset, length) => {
        deeper(index + 1);
        seen[index]!.push(hexOf(bytes.subarray(offset, offset + length)));
      });
    };
    // What the segmenter keeps from earlier frames must not be handed out twice.
    finish(bytesOf(cases[0]!.frame), cases[0]!.offload, segmenter);
    deeper(0);
    expect(seen).toEqual(expected);
  });
});

describe('frames of every kind', () => {
  it(
    'are finished with every checksum right, and hold what was sent',
    () => {
      const segmenter = new Segmenter();
      fc.assert(
        fc.property(choices, (chosen) => {
          const each = build(chosen);
          const { frame, offload, transport } = each;
          const { frames, objection } = finish(frame, offload, segmenter);
          expect(objection).toBeNull();
          if (offload.gsoType === gso.none) {
            // Nothing but the checksum changed. IP's own is the sender's.
            const [whole] = frames;
            const field = transport + offload.checksumOffset;
            expect(frames).toHaveLength(1);
            const back = whole!.slice();
            back.set(frame.subarray(field, field + 2), field);
            expect(Buffer.compare(back, frame)).toBe(0);
            expect(onesSum(...[whole!.subarray(transport)]) % 0xffff).toBe(
              (0xffff - onesSum(frame.subarray(field, field + 2)) + 0xffff) % 0xffff,
            );
            return;
          }
          if (offload.gsoType === gso.udp) judgeFragments(each, frames);
          else judgeSegments(each, frames);
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );

  /** Headers without what differs from segment to segment. */
  function constant(frame: Uint8Array, { network, transport, version, headerBytes, tcp }: Drawn): string {
    const copy = frame.slice(0, transport + headerBytes);
    for (const at of version === 4 ? [2, 3, 4, 5, 10, 11] : [4, 5]) copy[network + at] = 0;
    for (const at of tcp ? [4, 5, 6, 7, 13, 16, 17, 18, 19] : [4, 5, 6, 7]) copy[transport + at] = 0;
    return hexOf(copy);
  }

  function judgeSegments(sent: Drawn, frames: readonly Uint8Array[]): void {
    const { frame, network, transport, headerBytes, tcp } = sent;
    const size = sent.offload.gsoSize;
    const payload = frame.subarray(transport + headerBytes);
    const before = new DataView(frame.buffer);
    expect(frames).toHaveLength(Math.max(1, Math.ceil(payload.length / size)));
    for (const [index, each] of frames.entries()) {
      const at = index * size;
      const read = readFrame(each);
      const after = new DataView(each.buffer);
      expect(checksumHolds(read)).toBe(true);
      expect(constant(each, sent)).toBe(constant(frame, sent));
      expect(hexOf(each.subarray(transport + headerBytes))).toBe(hexOf(payload.subarray(at, at + size)));
      if (read.version === 4)
        expect(read.identification).toBe((before.getUint16(network + 4) + index) % 0x10000);
      if (!tcp) {
        expect(after.getUint16(transport + 4)).toBe(read.carried.length);
        continue;
      }
      expect(after.getUint32(transport + 4)).toBe((before.getUint32(transport + 4) + at) % 2 ** 32);
      const urgent = before.getUint16(transport + 18) > at;
      if (urgent) expect(after.getUint16(transport + 18) + at).toBe(before.getUint16(transport + 18));
      let kept = 0xff;
      if (index < frames.length - 1) kept &= 0b1111_0110;
      if (index > 0) kept &= 0b0111_1111;
      if (!urgent) kept &= 0b1101_1111;
      expect(after.getUint8(transport + 13)).toBe(frame[transport + 13]! & kept);
    }
  }

  function judgeFragments({ frame, transport, offload }: Drawn, frames: readonly Uint8Array[]): void {
    const read = frames.map(readFrame);
    const whole = reassemble(read);
    for (const { carried } of frames.length > 1 ? read : [])
      expect(carried.length).toBeLessThanOrEqual(offload.gsoSize);
    expect(checksumHolds(whole)).toBe(true);
    expect(hexOf(whole.carried.subarray(0, 6))).toBe(hexOf(frame.subarray(transport, transport + 6)));
    expect(hexOf(whole.carried.subarray(8))).toBe(hexOf(frame.subarray(transport + 8)));
  }
});

describe('frames that cannot be finished', () => {
  const named = (name: string) => recorded.find((each) => each.name === name)!;
  const tcp4 = named('TCP over IPv4, whole segments only');
  const tcp6 = named('TCP over IPv6');
  const udp4 = named('UDP fragments over IPv4');
  const checksum = named('a UDP checksum over IPv4, odd length');
  const change = (hex: string, at: number, value: number) => {
    const bytes = bytesOf(hex);
    bytes[at] = value;
    return bytes;
  };
  const cases: [what: string, frame: Uint8Array, offload: Offload, clause: string][] = [
    [
      'a checksum behind the end',
      bytesOf(checksum.frame),
      { ...checksum.offload, checksumStart: checksum.frame.length / 2 - 7 },
      'NET-TX-11',
    ],
    [
      'a checksum far behind',
      bytesOf(checksum.frame),
      { ...checksum.offload, checksumOffset: 0xffff },
      'NET-TX-11',
    ],
    ['segments of nothing', bytesOf(tcp4.frame), { ...tcp4.offload, gsoSize: 0 }, 'NET-TX-13'],
    ['fragments of less than a unit', bytesOf(udp4.frame), { ...udp4.offload, gsoSize: 7 }, 'NET-TX-13'],
    ['a type that there is not', bytesOf(tcp4.frame), { ...tcp4.offload, gsoType: 2 }, 'NET-TX-07'],
    ['TCP over IPv4 that is IPv6', bytesOf(tcp6.frame), { ...tcp6.offload, gsoType: gso.tcp4 }, 'NET-TX-07'],
    ['TCP that is UDP', bytesOf(udp4.frame), { ...udp4.offload, gsoType: gso.tcp4 }, 'NET-TX-07'],
    ['UDP that is TCP', bytesOf(tcp4.frame), { ...tcp4.offload, gsoType: gso.udpL4 }, 'NET-TX-07'],
    ['an IP header that is too short', change(tcp4.frame, 14, 0x44), tcp4.offload, 'NET-TX-07'],
    ['IP of another version', change(tcp4.frame, 14, 0x55), tcp4.offload, 'NET-TX-07'],
    ['a fragment', change(tcp4.frame, 20, 0x20), tcp4.offload, 'NET-TX-07'],
    ['a TCP header that is too short', change(tcp4.frame, 46, 0x40), tcp4.offload, 'NET-TX-07'],
    ['a frame that ends in its headers', bytesOf(tcp4.frame).subarray(0, 53), tcp4.offload, 'NET-TX-07'],
    [
      'a checksum that starts elsewhere',
      bytesOf(tcp4.frame),
      { ...tcp4.offload, checksumStart: 14 },
      'NET-TX-11',
    ],
    ['more bytes than any packet has', new Uint8Array(0x10000 + 129), tcp4.offload, 'NET-CFG-22'],
  ];

  it.each(cases)('are refused, with the clause: %s', (_what, frame, offload, clause) => {
    const { frames, objection } = finish(frame, offload);
    expect(frames).toEqual([]);
    expect(objection?.clause).toBe(clause);
    const asked: OffloadObjection | null = new Segmenter().objection(frame, 0, frame.length, offload);
    expect(asked).toEqual(objection);
  });

  it(
    'never make it fail: any bytes, any request',
    () => {
      const segmenter = new Segmenter();
      const request = fc.record({
        flags: fc.nat(255),
        gsoType: fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 0x81), fc.nat(255)),
        headerLength: fc.nat(0xffff),
        gsoSize: fc.oneof(fc.nat(100), fc.nat(0xffff)),
        checksumStart: fc.oneof(fc.constantFrom(14, 34, 54), fc.nat(0xffff)),
        checksumOffset: fc.oneof(fc.constantFrom(6, 16), fc.nat(0xffff)),
      });
      const broken = fc
        .tuple(
          fc.constantFrom(...recorded),
          fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 6 }),
          fc.nat(),
        )
        .map(([{ frame }, changes, end]) => {
          const bytes = bytesOf(frame);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          return bytes.subarray(0, end % 3 === 0 ? end % bytes.length : bytes.length);
        });
      fc.assert(
        fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 100 })), request, (frame, offload) => {
          const { frames, objection } = finish(frame, offload, segmenter);
          expect(frames.length === 0).toBe(objection !== null);
          expect(frames.length).toBeLessThanOrEqual(frame.length + 1);
          for (const { length } of frames) expect(length).toBeLessThanOrEqual(frame.length + 8);
        }),
        { numRuns: runs(1000) },
      );
    },
    PATIENCE,
  );
});
