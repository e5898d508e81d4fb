const TWO_32 = 0x1_0000_0000;

/** A number of 64 bits, in two halves: no Number holds all of them. */
export interface Halves {
  readonly low: number;
  readonly high: number;
}

/** What C's `strtoul` takes with base 0: white space and a sign may go before, nothing may follow. */
const NUMBER = /^[\t\n\v\f\r ]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9]\d*))$/;

/** The bits of a number, a negative one's in two's complement; null for what is none, or takes more than 64 bits. */
export function parseNumber(text: string): Halves | null {
  const found = NUMBER.exec(text);
  if (found === null) return null;
  const [, sign, hex, octal, decimal] = found;
  const base = hex !== undefined ? 16 : octal !== undefined ? 8 : 10;
  let [low, high] = [0, 0];
  for (const digit of hex ?? octal ?? decimal ?? '') {
    low = low * base + Number.parseInt(digit, base);
    high = high * base + Math.floor(low / TWO_32);
    low %= TWO_32;
    if (high >= TWO_32) return null;
  }
  if (sign !== '-' || (low === 0 && high === 0)) return { low, high };
  return low === 0 ? { low, high: TWO_32 - high } : { low: TWO_32 - low, high: TWO_32 - 1 - high };
}

/** The number itself; what is above 2^53 is rounded, and nothing is there. */
export const numberOf = ({ low, high }: Halves): number => high * TWO_32 + low;

/** As a number with a sign, of 64 bits. */
export const signedOf = ({ low, high }: Halves): number =>
  high < TWO_32 / 2 ? numberOf({ low, high }) : (high - TWO_32) * TWO_32 + low;

/** Sixteen digits. */
export const hexOf = ({ low, high }: Halves): string =>
  `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
