import { describe, expect, it, test } from 'vitest';
import { registers, ro, rw, type Width } from '../../src/core/index.ts';
import { NaturalWidths } from '../../src/mmr/access/natural-widths.ts';

const map = registers({
  wide: ro(0, 8),
  half: rw(8, 2),
  bytes: rw(10, 1, '', { count: 2 }),
  word: rw(12, 4),
});

function under(length = 18) {
  const memory = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
  const log: string[] = [];
  const target = {
    read: (offset: number, width: Width) => {
      log.push(`r${width}@${offset}`);
      return Array.from(memory.subarray(offset, offset + width)).reduceRight(
        (sum, byte) => sum * 256 + byte,
        0,
      );
    },
    write: (offset: number, width: Width, value: number) => {
      log.push(`w${width}@${offset}=${value.toString(16)}`);
      for (let i = 0; i < width; i++) memory[offset + i] = Math.floor(value / 2 ** (8 * i));
    },
  };
  return { log, memory, natural: new NaturalWidths(target, map, length) };
}

describe('a read in another width than the field has', () => {
  test.each([
    [0, 4, 0x04030201, ['r4@0']],
    [4, 4, 0x08070605, ['r4@4']],
    [3, 1, 0x04, ['r4@0']],
    [6, 2, 0x0807, ['r4@4']],
    [8, 2, 0x0a09, ['r2@8']],
    [8, 4, 0x0c0b0a09, ['r2@8', 'r1@10', 'r1@11']],
    [9, 1, 0x0a, ['r2@8']],
    [10, 2, 0x0c0b, ['r1@10', 'r1@11']],
    [16, 2, 0x1211, ['r1@16', 'r1@17']],
  ] as const)('PCI-LAY-01: at %d, %d bytes', (offset, width, value, accesses) => {
    const { log, natural } = under();
    expect([natural.read(offset, width), log]).toEqual([value, accesses]);
  });
});

describe('a write in another width than the field has', () => {
  test.each([
    [12, 4, 0xdeadbeef, ['w4@12=deadbeef']],
    [13, 1, 0xaa, ['r4@12', 'w4@12=100faa0d']],
    [14, 2, 0xffff, ['r4@12', 'w4@12=ffff0e0d']],
    [8, 4, 0x44332211, ['w2@8=2211', 'w1@10=33', 'w1@11=44']],
    [9, 1, 0x77, ['r2@8', 'w2@8=7709']],
  ] as const)('PCI-LAY-01: at %d, %d bytes', (offset, width, value, accesses) => {
    const { log, memory, natural } = under();
    const before = [...memory];
    natural.write(offset, width, value);
    expect(log).toEqual(accesses);
    for (let i = 0; i < width; i++) before[offset + i] = Math.floor(value / 2 ** (8 * i)) % 256;
    expect([...memory]).toEqual(before);
  });
});

it('a field that does not end before the configuration does is bytes', () => {
  const { log, natural } = under(14);
  natural.read(12, 2);
  expect(log).toEqual(['r1@12', 'r1@13']);
});
