import { describe, expect, it, test } from 'vitest';
import type { Width } from '../../src/core/index.ts';
import { type LegacyBackend, TranslatorWindow } from '../../src/mmr/index.ts';

/** A back end with eight bytes of configuration that only tells what reached it; a byte reads as its offset. */
function recorder(msix = false) {
  const log: string[] = [];
  const backend = {
    name: 'recorder',
    configBytes: 8,
    vectors: 2,
    attach: () => {},
    read: (offset: number, width: Width) => {
      log.push(`r${width}@${offset}`);
      return Array.from({ length: width }, (_, i) => (offset + i) * 2 ** (8 * i)).reduce((a, b) => a + b);
    },
    write: (offset: number, width: Width, value: number) =>
      void log.push(`w${width}@${offset}=${value.toString(16)}`),
    setMsix: () => {},
    setBusMaster: () => {},
    reset: () => {},
    release: () => {},
    save: () => null,
    load: () => {},
  } satisfies LegacyBackend;
  return { log, window: new TranslatorWindow(backend, () => msix) };
}

describe('the translator window', () => {
  test.each([
    [0, 4, ['r4@0']],
    [12, 4, ['r4@12']],
    [18, 1, ['r1@18']],
    [14, 4, ['r2@14', 'r2@16']],
    [17, 4, ['r1@17', 'r2@18', 'r1@20']],
    [19, 2, ['r1@19', 'r1@20']],
    [24, 4, ['r4@24']],
  ] as const)(
    'keeps widths, and sends an unaligned access as ascending pieces: %d, %d bytes',
    (offset, width, log) => {
      const under = recorder();
      const expected = Array.from({ length: width }, (_, i) => (offset + i) * 2 ** (8 * i)).reduce(
        (a, b) => a + b,
      );
      expect(under.window.read(offset, width)).toBe(expected);
      expect(under.log).toEqual(log);
      under.log.length = 0;
      under.window.write(offset, width, 0xd4c3b2a1 % 2 ** (8 * width));
      expect(under.log.map((each) => each.replace(/=.*/, '').replace('w', 'r'))).toEqual(log);
    },
  );

  it('splits a written value in the order of its bytes', () => {
    const { window, log } = recorder();
    window.write(17, 4, 0xd4c3b2a1);
    expect(log).toEqual(['w1@17=a1', 'w2@18=c3b2', 'w1@20=d4']);
  });

  // Configuration of eight bytes ends at 28, or at 32 behind the vectors.
  test.each([
    [false, 27, 1, true],
    [false, 28, 1, false],
    [false, 26, 2, true],
    [false, 28, 4, false],
    [false, 0x1000, 4, false],
    [true, 28, 4, true],
    [true, 31, 1, true],
    [true, 32, 1, false],
  ] as const)('MSI-X %s: offset %d of %d bytes is inside: %s', (msix, offset, width, inside) => {
    const { window, log } = recorder(msix);
    const value = window.read(offset, width);
    window.write(offset, width, 0);
    expect(log).toHaveLength(inside ? 2 : 0);
    if (!inside) expect(value).toBe(2 ** (8 * width) - 1);
  });

  it('answers the part of an access that lies inside', () => {
    const { window, log } = recorder();
    expect(window.read(27, 2)).toBe(0xff1b);
    expect(log).toEqual(['r1@27']);
  });
});
