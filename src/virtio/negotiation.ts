import { type DmaDomain, type FindingAbout, VirtiolabError } from '../core/index.ts';
import type { DeviceBehaviour, FeatureObjection } from './behaviour.ts';
import {
  FEATURE_WORDS,
  feature,
  featureWords,
  hasFeature,
  LEGACY_FEATURE_BITS,
  unmetDependency,
} from './layout/index.ts';

/** What is offered where the options say nothing. */
export const defaultTransportFeatures: readonly number[] = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringReset,
];
const LEGACY_FEATURES = [feature.notifyOnEmpty, feature.anyLayout, feature.unused];

/** Ring and transport features that a device here can keep its word on (BF-FEAT-12). */
const supported: ReadonlySet<number> = new Set([
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.version1,
  feature.accessPlatform,
  feature.ringPacked,
  feature.inOrder,
  feature.orderPlatform,
  feature.notificationData,
  feature.notificationConfigData,
  feature.ringReset,
  feature.suspend,
]);

/** A ring or transport feature that is not built, so that it must not be offered (BF-FEAT-12). */
export class UnsupportedFeatureError extends VirtiolabError {
  readonly feature: number;

  constructor(bit: number) {
    super(`transport feature ${bit} cannot be offered: only ${[...supported].join(', ')} are built`);
    this.feature = bit;
  }
}

/** An offer with a feature whose prerequisite is left out (BF-FEAT-09). */
export class UnmetDependencyError extends VirtiolabError {
  readonly feature: number;
  readonly anyOf: readonly number[];

  constructor(bit: number, anyOf: readonly number[]) {
    super(`feature ${bit} is offered without ${anyOf.join(' or ')}, which it needs`);
    this.feature = bit;
    this.anyOf = anyOf;
  }
}

const bits = (value: number): FindingAbout => ({ what: 'feature bits', value: value >>> 0 });
const featureBit = (value: number): FindingAbout => ({ what: 'feature bit', value });

type Report = (clause: string, message: string, about?: FindingAbout) => void;

/** The features of one device: what it offers, what its driver accepted, and whether that can stand. */
export class FeatureNegotiation {
  /** Features shown through the common configuration, and the word that a legacy driver sees. */
  readonly offered: Uint32Array;
  readonly offeredLegacy: number;
  readonly accepted = new Uint32Array(FEATURE_WORDS);
  readonly #behaviour: DeviceBehaviour;
  readonly #legacy: boolean;
  readonly #report: Report;
  /** ACCESS_PLATFORM was among the options. */
  readonly #alwaysPlatform: boolean;
  #translated = false;

  /**
   * @param legacy whether a legacy window stands on the device.
   * @throws UnsupportedFeatureError, UnmetDependencyError
   */
  constructor(
    behaviour: DeviceBehaviour,
    transportFeatures: readonly number[],
    legacy: boolean,
    report: Report,
  ) {
    this.#behaviour = behaviour;
    this.#legacy = legacy;
    this.#report = report;
    const unknown = transportFeatures.find((bit) => !supported.has(bit));
    if (unknown !== undefined) throw new UnsupportedFeatureError(unknown);
    this.#alwaysPlatform = transportFeatures.includes(feature.accessPlatform);
    const { features, legacyFeatures = [], modernFeatures = [] } = behaviour;
    const shared = [...features, ...transportFeatures];
    this.offered = featureWords([...shared, ...modernFeatures, feature.version1]);
    const seen = [...shared, ...legacyFeatures, ...LEGACY_FEATURES];
    const legacyWords = featureWords(seen.filter((bit) => bit < LEGACY_FEATURE_BITS));
    this.offeredLegacy = legacyWords[0]!;
    for (const words of legacy ? [this.offered, legacyWords] : [this.offered]) {
      const unmet = this.#unmet(words);
      if (unmet !== null) throw new UnmetDependencyError(...unmet);
    }
  }

  #unmet(words: Uint32Array) {
    return unmetDependency(words, this.#behaviour.dependencies ?? []);
  }

  has(bit: number): boolean {
    return hasFeature(this.accepted, bit);
  }

  /**
   * The device was plugged in. One that does not reach all memory at its own addresses says so (RF-16); it can do without
   * the driver's consent only as long as addresses are the same for both (RF-17).
   */
  placed({ limited, translated }: DmaDomain): void {
    const word = feature.accessPlatform >> 5;
    const bit = 1 << (feature.accessPlatform & 31);
    if (limited || this.#alwaysPlatform) this.offered[word]! |= bit;
    else this.offered[word]! &= ~bit;
    this.#translated = translated;
  }

  /** The addresses that the driver gives mean nothing to the device: it did not accept ACCESS_PLATFORM. */
  get strayAddresses(): boolean {
    return this.#translated && !this.has(feature.accessPlatform);
  }

  /** Features that a legacy driver accepts, at any time; bits above 31 are not accepted then (LEG-LAY-10). */
  acceptLegacy(value: number): void {
    let word = value & this.offeredLegacy;
    const extra = value & ~this.offeredLegacy;
    if ((value >>> feature.unused) % 2 === 1) {
      this.#report('LEG-RF-06', 'feature bit 30 was acknowledged: taken for a broken driver', bits(value));
      word = featureWords(this.#behaviour.brokenDriverFeatures ?? [])[0]! & this.offeredLegacy;
    } else if (extra !== 0) this.#report('BF-FEAT-01', 'accepted bits that were not offered', bits(extra));
    this.accepted.fill(0);
    this.accepted[0] = word;
    const unmet = this.#unmet(this.accepted);
    if (unmet !== null) this.#report('BF-FEAT-02', unmetMessage(...unmet), featureBit(unmet[0]));
  }

  /** Why what was accepted cannot stand (BF-FEAT-11); null when it can. */
  objection(): FeatureObjection | null {
    const version1 = this.has(feature.version1);
    for (let word = 0; word < FEATURE_WORDS; word++) {
      const extra = this.accepted[word]! & ~this.offered[word]!;
      // A legacy word accepted through the legacy window may hold the legacy bits too.
      if ((word === 0 && !version1 ? extra & ~this.offeredLegacy : extra) === 0) continue;
      const message = `accepted bits of word ${word} that were not offered`;
      return { clause: 'BF-FEAT-01', message, about: bits(extra) };
    }
    // RF-15. A legacy driver knows no bit above 31 (LEG-LAY-10), so whoever takes one has to take VERSION_1 too.
    if (!version1 && (!this.#legacy || this.accepted.some((bits, word) => word > 0 && bits !== 0)))
      return { clause: 'RF-01', message: 'VERSION_1 was not accepted' };
    const unmet = this.#unmet(this.accepted);
    if (unmet !== null)
      return { clause: 'BF-FEAT-02', message: unmetMessage(...unmet), about: featureBit(unmet[0]) };
    if (version1 && this.strayAddresses) return { clause: 'RF-03', message: STRAY_ADDRESSES };
    return this.#behaviour.objection?.() ?? null;
  }
}

/** Why a device does not work (RF-17). */
export const STRAY_ADDRESSES = 'ACCESS_PLATFORM was not accepted: physical addresses lead the device astray';

function unmetMessage(bit: number, anyOf: readonly number[]): string {
  return `feature ${bit} was accepted without ${anyOf.join(' or ')}, which it needs`;
}
