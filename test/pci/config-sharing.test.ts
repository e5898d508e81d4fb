import { describe, expect, it, test } from 'vitest';
import { ConfigTemplate, freshTemplate, shareTemplate } from '../../src/pci/config-template.ts';

/*
 * Of thousands of functions that were built alike, each has its configuration space, and all of them one template.
 */

/** A template of four bytes, `initial` in its first. */
function template(initial: number, length = 4): ConfigTemplate {
  const made = new ConfigTemplate(length);
  made.wire(0, initial);
  made.mask(1, 0x0f, 0);
  made.mask(2, 0, 0xf0);
  return made;
}

describe('templates', () => {
  test.each<[string, (other: ConfigTemplate) => void]>([
    ['the first value', (other) => other.wire(0, 2)],
    ['the last value', (other) => other.wire(3, 2)],
    ['a mask of what is written', (other) => other.mask(1, 0x0e, 0)],
    ['the last mask of what is written', (other) => other.mask(3, 1, 0)],
    ['a mask of what is cleared', (other) => other.mask(2, 0, 0x70)],
    ['the last mask of what is cleared', (other) => other.mask(3, 0, 1)],
  ])('are others where they differ in %s, by number too', (_, change) => {
    const [one, same, other] = [template(1), template(1), template(1)];
    change(other);
    expect([one.equals(same), one.equals(other), other.equals(one)]).toEqual([true, false, false]);
    expect([
      same.fingerprint([]) === one.fingerprint([]),
      other.fingerprint([]) === one.fingerprint([]),
    ]).toEqual([true, false]);
  });

  it('are the same whether or not a zero was written', () => {
    const [one, other] = [template(1), template(1)];
    other.wire(3, 0);
    expect([one.equals(other), other.equals(one)]).toEqual([true, true]);
    expect(one.fingerprint([])).toBe(other.fingerprint([]));
  });

  it('are others where one is longer', () => {
    const [one, longer] = [template(1), template(1, 5)];
    expect([one.equals(longer), longer.equals(one)]).toEqual([false, false]);
  });

  it('that are alike are one, those of a copy included, and another while they are not', () => {
    const one = template(0x11);
    expect([shareTemplate(one), shareTemplate(one), one.shared]).toEqual([one, one, true]);
    expect(shareTemplate(template(0x11))).toBe(one);
    expect(shareTemplate(new ConfigTemplate(4, one))).toBe(one);
    const other = template(0x12);
    expect(shareTemplate(other)).toBe(other);
  });

  it('that are given up for others are built anew from nothing', () => {
    shareTemplate(template(0x13));
    shareTemplate(template(0x13));
    const fresh = freshTemplate(4);
    expect([fresh.equals(new ConfigTemplate(4)), fresh.shared, freshTemplate(4) === fresh]).toEqual([
      true,
      false,
      false,
    ]);
    expect(freshTemplate(8).initial).toHaveLength(8);
  });

  it('are remembered, the latest 64', () => {
    const all = Array.from({ length: 65 }, (_, i) => template(0x20 + i));
    for (const each of all.slice(0, 64)) shareTemplate(each);
    expect(shareTemplate(template(0x20))).toBe(all[0]);
    shareTemplate(all[64]!);
    // Asked for the newest first: a template that nobody remembers is remembered from then on, in the place of another.
    expect([64, 1, 0].map((i) => shareTemplate(template(0x20 + i)) === all[i])).toEqual([true, true, false]);
  });
});

/*
 * Saved states have the number that stands for a configuration space: what it is made of stays as it is. FNV-1a (RFC 9923),
 * 32 bits, over the value after power-on and both masks of each byte in turn.
 */
const fnv1a = (bytes: readonly number[]) =>
  Number(bytes.reduce((sum, byte) => ((sum ^ BigInt(byte)) * 16777619n) & 0xffffffffn, 2166136261n));

describe('the number of a template', () => {
  it('is an FNV-1a of its bytes', () => {
    // A known answer first.
    expect(fnv1a([0x66, 0x6f, 0x6f, 0x62, 0x61, 0x72])).toBe(0xbf9cf968);
    expect(template(7).fingerprint([])).toBe(fnv1a([7, 0, 0, 0, 0x0f, 0, 0, 0, 0xf0, 0, 0, 0]));
  });

  it('passes over what is filled in later', () => {
    expect(template(7).fingerprint([1, 2])).toBe(fnv1a([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    expect(template(7).fingerprint([0])).toBe(template(8).fingerprint([0]));
  });
});
