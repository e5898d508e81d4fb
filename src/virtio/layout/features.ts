import { VirtiolabError } from '../../core/index.ts';

/** Feature bits that belong to no device type (chapter Reserved Feature Bits). */
export const feature = {
  /** Legacy: interrupt when a queue runs dry, suppressed or not (LEG-RF-01). */
  notifyOnEmpty: 24,
  /** Legacy: no assumption on framing (LEG-RF-03). */
  anyLayout: 27,
  ringIndirectDescriptors: 28,
  ringEventIndex: 29,
  /** Legacy: never to be accepted; an acknowledgement betrays a broken driver (LEG-RF-05, LEG-RF-06). */
  unused: 30,
  version1: 32,
  accessPlatform: 33,
  ringPacked: 34,
  inOrder: 35,
  orderPlatform: 36,
  singleRootIov: 37,
  notificationData: 38,
  notificationConfigData: 39,
  ringReset: 40,
  adminQueue: 41,
  suspend: 43,
} as const;

/**
 * A feature, and those of which it needs at least one (BF-FEAT-02, BF-FEAT-09). A feature that needs several together
 * has a row for each.
 */
export type FeatureDependency = readonly [feature: number, anyOf: readonly number[]];

/** Bits 0..31 are all that the legacy interface can show (LEG-LAY-10). */
export const LEGACY_FEATURE_BITS = 32;

/** 32-bit words of a feature set, as the common configuration's selectors count them. */
export const FEATURE_WORDS = 4;

/** A number that is no feature bit's, or none that the one who names it may have. */
export class FeatureBitError extends VirtiolabError {
  readonly feature: number;

  constructor(bit: number, wants: string) {
    super(`feature bit ${bit}: wants ${wants}`);
    this.feature = bit;
  }
}

/** A set of feature bits as words of 32 bits, the lowest first. */
export type FeatureWords = ArrayLike<number>;

/** A set of bit numbers as words of 32 bits. @throws FeatureBitError */
export function featureWords(bits: Iterable<number>): Uint32Array {
  const words = new Uint32Array(FEATURE_WORDS);
  for (const bit of bits) {
    if (!Number.isInteger(bit) || bit < 0 || bit >= 32 * FEATURE_WORDS)
      throw new FeatureBitError(bit, `a whole number below ${32 * FEATURE_WORDS}`);
    words[bit >> 5]! |= 1 << (bit & 31);
  }
  return words;
}

/**
 * Bits that a device type may give a meaning to: the others belong to rings and transports. Bit 31, which once announced
 * more words of features and means nothing since, is anybody's.
 */
export const isTypeFeature = (bit: number): boolean =>
  (bit >= 0 && bit < 24) || bit === 31 || (bit >= 50 && bit < 32 * FEATURE_WORDS);

/** True when `bit` is in the set. */
export function hasFeature(words: FeatureWords, bit: number): boolean {
  return ((words[bit >> 5]! >>> (bit & 31)) & 1) !== 0;
}

/** Bit numbers of a set, ascending. */
export function featureBits(words: FeatureWords): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < words.length * 32; bit++) if (hasFeature(words, bit)) bits.push(bit);
  return bits;
}

/** The first dependency that a set does not meet, or null. */
export function unmetDependency(
  words: FeatureWords,
  dependencies: readonly FeatureDependency[],
): FeatureDependency | null {
  const unmet = ([bit, anyOf]: FeatureDependency) =>
    hasFeature(words, bit) && !anyOf.some((needed) => hasFeature(words, needed));
  return dependencies.find(unmet) ?? null;
}
