import { describe, expect, test } from 'vitest';
import { Chain } from '../../../src/virtio/index.ts';
import { CHAIN, FIRST, FORMATS, formats, WRITE } from './support.ts';

const BUFFERS = FIRST + 0x100;
/** Beyond the numbers that are exact. */
const NOWHERE = 2 ** 60;

type Access = (chain: Chain, offset: number, bytes: Uint8Array, length: number) => boolean;
const read: Access = (chain, offset, bytes, length) => chain.read(offset, bytes, 0, length);
const write: Access = (chain, offset, bytes, length) => chain.write(offset, bytes, 0, length);
const readWritten: Access = (chain, offset, bytes, length) => chain.readWritten(offset, bytes, 0, length);
const accesses: readonly (readonly [string, Access, flags: number])[] = [
  ['read', read, 0],
  ['write', write, WRITE!],
  ['read what was written', readWritten, WRITE!],
];
const cases = FORMATS.flatMap((format) =>
  accesses.map(([name, access, flags]) => [format, name, access, flags] as const),
);

/** A chain of 4 bytes at each of `addresses`, in `chain`. */
function take(
  format: (typeof FORMATS)[number],
  addresses: readonly number[],
  flags: number,
  chain = new Chain(),
) {
  const { offer, queue, ram } = formats[format]();
  offer(addresses.map((address) => ({ address, length: 4, flags })));
  expect(queue.pop(chain)).toBe(CHAIN);
  return { chain, ram };
}

describe.each(cases)('%s: %s', (format, _, access, flags) => {
  test('asks for nothing outside of what is accessed, wherever that lies', () => {
    for (const [addresses, offset, length] of [
      [[NOWHERE, BUFFERS, BUFFERS + 8], 4, 8],
      [[BUFFERS, BUFFERS + 8, NOWHERE], 0, 8],
      [[BUFFERS, BUFFERS + 8, NOWHERE], 2, 4],
      [[NOWHERE, BUFFERS, NOWHERE], 4, 4],
      [[NOWHERE, BUFFERS, NOWHERE], 5, 2],
    ] as const)
      expect(access(take(format, addresses, flags).chain, offset, new Uint8Array(8), length)).toBe(true);
    for (const [addresses, offset, length] of [
      [[NOWHERE, BUFFERS], 3, 2],
      [[BUFFERS, NOWHERE], 3, 2],
    ] as const)
      expect(access(take(format, addresses, flags).chain, offset, new Uint8Array(8), length)).toBe(false);
  });

  // Other descriptors stand in the arrays of a chain that was longer before.
  test('ends with the stream, and knows no descriptors of before', () => {
    const chain = new Chain();
    take(
      format,
      [0, 8, 16, 24, 32].map((at) => BUFFERS + 64 + at),
      flags,
      chain,
    );
    for (const addresses of [
      [BUFFERS, BUFFERS + 8],
      [BUFFERS, NOWHERE],
    ]) {
      take(format, addresses, flags, chain);
      for (const [offset, length] of [
        [8, 1],
        [4, 8],
        [0, 12],
        [12, 4],
      ] as const)
        expect([offset, access(chain, offset, new Uint8Array(16), length)]).toEqual([offset, false]);
    }
  });

  test('copies nothing of a chain that is dead', () => {
    for (const addresses of [[BUFFERS], [BUFFERS, BUFFERS + 8]]) {
      const { chain, ram } = take(format, addresses, flags);
      ram.fill(BUFFERS, 16, 5);
      chain.live = false;
      const bytes = new Uint8Array(8).fill(6);
      expect([access(chain, 0, bytes, 4 * addresses.length), [...bytes], [...ram.read(BUFFERS, 16)]]).toEqual(
        [false, Array(8).fill(6), Array(16).fill(5)],
      );
    }
  });
});

test.each(FORMATS)(
  '%s: reads what was written from any byte on, over any number of descriptors',
  (format) => {
    const source = Uint8Array.from({ length: 12 }, (_, i) => i + 1);
    for (let offset = 0; offset <= 12; offset++)
      for (let length = 0; length <= 14 - offset; length++) {
        const { chain } = take(format, [BUFFERS, BUFFERS + 16, BUFFERS + 8], WRITE!);
        expect(chain.write(0, source, 0, 12)).toBe(true);
        const target = new Uint8Array(16);
        const inside = offset + length <= 12;
        expect(chain.readWritten(offset, target, 1, length)).toBe(inside || length === 0);
        const expected = new Uint8Array(16);
        expected.set(source.subarray(offset, offset + length), 1);
        if (inside) expect([...target]).toEqual([...expected]);
      }
  },
);
