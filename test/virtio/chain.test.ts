import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { ViewCache } from '../../src/core/index.ts';
import type { Chain } from '../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

/** Above 4 GiB, and where a function may only read. */
const HIGH = 2 ** 32;
const READ_ONLY = 0xe0000;
const windows = [
  { start: 0, length: READ_ONLY, write: true },
  { start: READ_ONLY, length: 0x10000, write: false },
  { start: HIGH, length: 0x10000, write: true },
];

/** Lets a driver cut two streams into descriptors. @returns the chain that the device gets, and RAM. */
function chainOf(readable: readonly number[], writable: readonly number[], place = BUFFERS) {
  const probe = new Probe({ queueSizes: [64] });
  const guest = new LegacyGuest(probe, { windows });
  const ring = guest.start()[0]!;
  let at = place;
  const addresses: number[] = [];
  const segment = (length: number, flags: number) => {
    addresses.push(at);
    // A gap of three bytes keeps segments apart and unaligned.
    at += length + 3;
    return { address: addresses.at(-1)!, length, flags };
  };
  ring.chain(0, [
    ...readable.map((length) => segment(length, 0)),
    ...writable.map((length) => segment(length, 2)),
  ]);
  ring.offer(0);
  guest.kick();
  const { dma } = guest.function.pci.slot;
  /** Hands the chain back, and has it offered anew. */
  const again = () => {
    probe.finish();
    ring.offer(0);
    guest.kick();
    return probe.taken[0]!;
  };
  return { chain: probe.taken[0]!, ram: guest.machine.ram, addresses, dma, again };
}

const sum = (lengths: readonly number[]) => lengths.reduce((total, length) => total + length, 0);

describe('a chain is two streams of bytes (SPL-FRM-01)', () => {
  const lengths = fc.array(fc.oneof(fc.nat(4), fc.nat(70)), { maxLength: 8 });

  it('copies any part of them, however they were cut', () => {
    fc.assert(
      fc.property(
        lengths,
        lengths,
        fc.nat(200),
        fc.nat(200),
        fc.boolean(),
        fc.constantFrom(BUFFERS, HIGH),
        (readable, writable, offset, length, cached, place) => {
          fc.pre(readable.length + writable.length > 0);
          const { chain, ram, addresses } = chainOf(readable, writable, place);
          const stream = Uint8Array.from({ length: sum(readable) }, (_, i) => i * 3 + 1);
          let done = 0;
          for (const [i, each] of readable.entries()) {
            ram.write(addresses[i]!, stream.slice(done, done + each));
            done += each;
          }
          expect([chain.readableBytes, chain.writableBytes]).toEqual([sum(readable), sum(writable)]);

          const target = new Uint8Array(length + 2);
          const inside = offset + length <= stream.length;
          expect(chain.read(offset, target, 1, length)).toBe(inside || length === 0);
          if (inside) expect([...target]).toEqual([0, ...stream.slice(offset, offset + length), 0]);
          const header = chain.header(length);
          expect(header !== null).toBe(length <= stream.length);
          if (header !== null)
            for (let i = 0; i < length; i++) expect(header.getUint8(chain.headerAt + i)).toBe(stream[i]);

          const source = Uint8Array.from({ length: length + 5 }, (_, i) => 0x80 + (i % 100));
          const fits = offset + length <= sum(writable);
          expect(chain.write(offset, source, 5, length, cached ? new ViewCache(source) : null)).toBe(
            fits || length === 0,
          );
          const written = writable.flatMap((each, i) => [...ram.read(addresses[readable.length + i]!, each)]);
          if (fits) {
            const expected = new Uint8Array(sum(writable));
            expected.set(source.slice(5), offset);
            expect(written).toEqual([...expected]);
          }
          expect(chain.writeLast(0x42)).toBe(sum(writable) > 0);
          const last = writable
            .flatMap((each, i) => [...ram.read(addresses[readable.length + i]!, each)])
            .at(-1);
          expect(last).toBe(sum(writable) > 0 ? 0x42 : undefined);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('SPL-DESC-01: never writes into the readable part', () => {
    const { chain, ram, addresses } = chainOf([16], [4]);
    expect(chain.write(0, new Uint8Array(20).fill(1), 0, 20)).toBe(false);
    expect(ram.read(addresses[0]!, 16).every((byte) => byte === 0)).toBe(true);
  });

  const reach: readonly [string, (chain: Chain) => boolean][] = [
    ['read', (chain) => chain.read(0, new Uint8Array(8), 0, 8)],
    ['look at a header', (chain) => chain.header(8) !== null],
    ['write', (chain) => chain.write(0, new Uint8Array(8), 0, 8)],
    ['write a status byte', (chain) => chain.writeLast(1)],
  ];
  test.each(reach)('does not %s where the function cannot reach, and says so', (_, access) => {
    expect(access(chainOf([8], [8], 0xf0000).chain)).toBe(false);
    expect(access(chainOf([8], [8], 0x4000_0000).chain)).toBe(false);
    expect(access(chainOf([8], [8], 2 ** 60).chain)).toBe(false);
    expect(access(chainOf([8], [8]).chain)).toBe(true);
  });

  it('a status byte behind empty segments goes to the last byte there is', () => {
    const { chain, ram, addresses } = chainOf([4], [2, 1, 0, 0]);
    expect(chain.writeLast(7)).toBe(true);
    expect(ram.read(addresses[2]!, 1)[0]).toBe(7);
    expect(chainOf([4], [0, 0]).chain.writeLast(7)).toBe(false);
    expect(chainOf([4], []).chain.writeLast(7)).toBe(false);
  });

  it.each<readonly [string, readonly number[], readonly number[]]>([
    ['in one buffer', [8], [8]],
    ['in several', [3, 5], [5, 3]],
  ])('RF-05: reads memory that it may only read, and changes nothing there: %s', (_, readable, writable) => {
    const { chain, ram, addresses, again } = chainOf(readable, writable, READ_ONLY);
    ram.write(addresses[0]!, Uint8Array.of(1, 2, 3));
    const before = ram.read(READ_ONLY, 64);
    const use = (each: Chain) => {
      const target = new Uint8Array(8);
      expect([each.read(0, target, 0, 8), [...target.subarray(0, 3)]]).toEqual([true, [1, 2, 3]]);
      expect(each.header(8)?.getUint8(each.headerAt + 2)).toBe(3);
      expect([each.write(0, new Uint8Array(8).fill(9), 0, 8), each.writeLast(9)]).toEqual([false, false]);
      expect(ram.read(READ_ONLY, 64)).toEqual(before);
    };
    use(chain);
    // The memory that was used last is where the next chain is looked for.
    use(again());
  });

  it.each([
    ['below 4 GiB', BUFFERS],
    ['above 4 GiB', HIGH],
  ])('reaches what the function reaches at the moment, and no longer what it did: %s', (_, place) => {
    const { chain, ram, addresses, dma } = chainOf([8], [8], place);
    const reaches = () => [
      chain.read(0, new Uint8Array(8), 0, 8),
      chain.header(8) !== null,
      chain.write(0, new Uint8Array(8).fill(9), 0, 8),
      chain.writeLast(9),
    ];
    dma.setWindows([{ start: 0, length: 0x1000, write: true }]);
    expect(reaches()).toEqual([false, false, false, false]);
    expect([...ram.read(addresses[1]!, 8)]).toEqual(Array(8).fill(0));
    dma.setWindows(windows);
    expect(reaches()).toEqual([true, true, true, true]);
    expect([...ram.read(addresses[1]!, 8)]).toEqual(Array(8).fill(9));
  });

  it.each<readonly [string, (chain: Chain) => boolean, (at: number[]) => unknown]>([
    ['in one', (chain) => chain.write(1, new Uint8Array(2), 0, 2), ([, a]) => [[a! + 1, 2]]],
    [
      'in two',
      (chain) => chain.write(2, new Uint8Array(4), 0, 4),
      ([, a, b]) => [
        [a! + 2, 2],
        [b!, 2],
      ],
    ],
    ['the last', (chain) => chain.writeLast(1), ([, , b]) => [[b! + 3, 1]]],
  ])('whoever observes writes is told of those into buffers, %s, and of no others', (_, write, expected) => {
    for (const place of [BUFFERS, HIGH]) {
      const { chain, addresses, dma } = chainOf([4], [4, 4], place);
      const told: [number, number][] = [];
      dma.observer = (address, length) => void told.push([address, length]);
      chain.read(0, new Uint8Array(4), 0, 4);
      chain.header(4);
      expect(told).toEqual([]);
      expect([write(chain), told]).toEqual([true, expected(addresses)]);
    }
  });

  it('is touched once anything was to be written into it', () => {
    const touched = (use: (chain: Chain) => void) => {
      const { chain } = chainOf([4], [4]);
      use(chain);
      return chain.touched;
    };
    expect([
      touched((chain) => void chain.read(0, new Uint8Array(4), 0, 4)),
      touched((chain) => void chain.header(4)),
      touched((chain) => void chain.write(0, new Uint8Array(4), 0, 4)),
      touched((chain) => void chain.writeLast(1)),
    ]).toEqual([false, false, true, true]);
  });
});
