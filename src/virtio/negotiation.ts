import {
  type DmaDomain,
  expectAt,
  type FindingAbout,
  flag,
  oneOf,
  record,
  type State,
  type Stateful,
  type ValueOf,
  VirtiolabError,
  words,
} from '../core/index.ts';
import type { DeviceBehaviour, FeatureObjection } from './behaviour.ts';
import {
  FEATURE_WORDS,
  FeatureBitError,
  type FeatureWords,
  feature,
  featureWords,
  hasFeature,
  isTypeFeature,
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
  feature.singleRootIov,
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

/** BF-FEAT-12: bits of another kind are no device type's to offer. */
function checkTypeFeature(bit: number): void {
  if (!Number.isInteger(bit) || !isTypeFeature(bit))
    throw new FeatureBitError(bit, 'one of a device type: 0 to 23, 31, 50 to 127');
}

const bits = (value: number): FindingAbout => ({ what: 'feature bits', value: value >>> 0 });
const featureBit = (value: number): FindingAbout => ({ what: 'feature bit', value });

const NO_WORDS: readonly number[] = new Array(FEATURE_WORDS).fill(0);

/** Who hears of what a driver gets wrong. */
interface Reporter {
  report(party: 'driver', clause: string, message: string, about?: FindingAbout): void;
}

export const featuresState = record(
  'features',
  1,
  {
    accepted: words(FEATURE_WORDS),
    /** The interface that the driver speaks. */
    spoken: oneOf('legacy', 'modern', null),
    /** FEATURES_OK stands; it did not stand. */
    settled: flag,
    refused: flag,
  },
  {
    relate({ settled, refused, spoken, accepted }, expect) {
      // The legacy register has 32 bits, and who has not written yet has accepted nothing.
      const shown = spoken === 'modern' ? FEATURE_WORDS : spoken === 'legacy' ? 1 : 0;
      for (const [word, bits] of accepted.entries())
        expect(word < shown || bits === 0, `accepted[${word}]`, bits, `0: the interface is ${spoken}`);
      expect(!(settled && refused), 'refused', refused, 'false once FEATURES_OK stands');
      expect(
        !settled || spoken !== 'legacy',
        'settled',
        settled,
        'false: a legacy driver sets no FEATURES_OK',
      );
    },
  },
);

/** The two ways to drive a device. */
export type DriverInterface = 'legacy' | 'modern';

/**
 * The features of one device: what it offers, what its driver accepted, and whether that can stand; and by which interface
 * the driver speaks, on which that depends. The window through which it writes first tells, or, later, the one through which
 * it writes features; a reset leaves it open again. So a driver that has not accepted VERSION_1 yet is no legacy one
 * (LEG-FEAT-02 finds those that never could).
 */
export class FeatureNegotiation implements Stateful {
  /** Features shown through the common configuration, and the word that a legacy driver sees. */
  readonly offered: number[];
  readonly offeredLegacy: number;
  /** By word; what the driver wants, whether or not it was offered. */
  readonly accepted: number[] = [...NO_WORDS];
  /** Of a driver that speaks by the common configuration: it set FEATURES_OK, which stands until the next reset. */
  #settled = false;
  /** It went on although FEATURES_OK did not stand, or found it refused. */
  #refused = false;
  #spoken: DriverInterface | null = null;
  /** SR_IOV was agreed on once: then virtual functions may be enabled, whatever resets come (RF-12). */
  mayEnableVirtual = false;
  readonly #inForce: number[] = [...NO_WORDS];
  readonly #behaviour: DeviceBehaviour;
  readonly #reporter: Reporter;
  /** ACCESS_PLATFORM was among the options. */
  readonly #alwaysPlatform: boolean;
  #translated = false;

  /**
   * @param legacy whether a legacy window stands on the device.
   * @param own features that the device has by the way it is made, for drivers of the modern interface.
   * @throws FeatureBitError, UnsupportedFeatureError, UnmetDependencyError
   */
  constructor(
    behaviour: DeviceBehaviour,
    transportFeatures: readonly number[],
    legacy: boolean,
    reporter: Reporter,
    own: readonly number[] = [],
  ) {
    this.#behaviour = behaviour;
    this.#reporter = reporter;
    const unknown = transportFeatures.find((bit) => !supported.has(bit));
    if (unknown !== undefined) throw new UnsupportedFeatureError(unknown);
    this.#alwaysPlatform = transportFeatures.includes(feature.accessPlatform);
    const { features, legacyFeatures = [], modernFeatures = [] } = behaviour;
    for (const bit of [...features, ...legacyFeatures, ...modernFeatures]) checkTypeFeature(bit);
    for (const bit of legacyFeatures)
      if (bit >= LEGACY_FEATURE_BITS)
        throw new FeatureBitError(bit, `one below ${LEGACY_FEATURE_BITS}, to be offered to legacy drivers`);
    const shared = [...features, ...transportFeatures];
    this.offered = [...featureWords([...shared, ...modernFeatures, ...own, feature.version1])];
    const seen = [...shared, ...legacyFeatures, ...LEGACY_FEATURES];
    const legacyWords = featureWords(seen.filter((bit) => bit < LEGACY_FEATURE_BITS));
    this.offeredLegacy = legacyWords[0]!;
    for (const words of legacy ? [this.offered, legacyWords] : [this.offered]) {
      const unmet = this.#unmet(words);
      if (unmet !== null) throw new UnmetDependencyError(...unmet);
    }
  }

  /** Offers one more feature: what the function around the device has beside it (RF-22). */
  offer(bit: number): void {
    this.offered[bit >> 5] = (this.offered[bit >> 5]! | (1 << (bit & 31))) >>> 0;
  }

  #unmet(words: FeatureWords) {
    return unmetDependency(words, this.#behaviour.type.dependencies);
  }

  /** The interface that the driver speaks; null while it has written nothing since the reset. */
  get spoken(): DriverInterface | null {
    return this.#spoken;
  }

  get legacyDriver(): boolean {
    return this.#spoken === 'legacy';
  }

  /** What was accepted is agreed on: by FEATURES_OK, which the legacy interface does without (LEG-INIT-01). */
  get agreed(): boolean {
    return this.#settled || this.legacyDriver;
  }

  /**
   * The feature was offered and accepted: as far as the driver has come, and once it is through with that, by agreement.
   * One that was refused has no feature at all.
   */
  has(bit: number): boolean {
    return hasFeature(this.#inForce, bit);
  }

  /** The driver wants the feature, whether or not that can stand. */
  accepts(bit: number): boolean {
    return hasFeature(this.accepted, bit);
  }

  /** The driver wrote through a window, and speaks by that interface from now on. */
  speak(by: DriverInterface): void {
    if (this.#spoken !== by) this.#settled = this.#refused = false;
    this.#spoken = by;
    this.#enforce();
  }

  /** Features by word, through the common configuration. @returns false after FEATURES_OK (INIT-04), changing nothing. */
  accept(word: number, value: number): boolean {
    if (this.#settled) return false;
    this.#refused = false;
    this.accepted[word] = value;
    this.speak('modern');
    return true;
  }

  /** FEATURES_OK is all or nothing; the legacy interface shows 32 bits, and leaves the others out (LEG-LAY-10). */
  #enforce(): void {
    const { accepted, offered } = this;
    const inForce = this.#inForce.fill(0);
    if (this.legacyDriver) inForce[0] = accepted[0]! & this.offeredLegacy;
    else if (!this.#refused)
      for (let word = 0; word < FEATURE_WORDS; word++) inForce[word] = accepted[word]! & offered[word]!;
  }

  /** The driver goes on without an agreement (INIT-05). */
  refuse(): void {
    this.#refused = true;
    this.#enforce();
  }

  /** The driver sets FEATURES_OK. @returns why what it accepted cannot stand (BF-FEAT-11); null when it does. */
  settle(): FeatureObjection | null {
    const objection = this.#objection();
    this.#settled = objection === null;
    this.#refused = objection !== null;
    this.#enforce();
    if (this.#settled && this.has(feature.singleRootIov)) this.mayEnableVirtual = true;
    return objection;
  }

  reset(): void {
    this.accepted.fill(0);
    this.#spoken = null;
    this.#settled = this.#refused = false;
    this.#enforce();
  }

  save() {
    return featuresState.save({
      accepted: [...this.accepted],
      spoken: this.#spoken,
      settled: this.#settled,
      refused: this.#refused,
    });
  }

  check(state: State, path = 'features') {
    const saved = featuresState.parse(state, path);
    const legacy = saved.spoken === 'legacy';
    if (legacy || saved.settled)
      for (const [word, accepted] of saved.accepted.entries()) {
        const offered = legacy ? this.offeredLegacy : this.offered[word]!;
        const fits = (legacy && word > 0) || (accepted & ~offered) === 0;
        expectAt(path)(fits, `accepted[${word}]`, accepted, 'features that are offered');
      }
    return saved;
  }

  /** In a state: whether the feature is in force there. */
  hasIn({ accepted, spoken, refused }: ValueOf<typeof featuresState>, bit: number): boolean {
    const word = bit >> 5;
    const legacy = spoken === 'legacy';
    if (legacy ? word > 0 : refused) return false;
    const offered = legacy ? this.offeredLegacy : this.offered[word]!;
    return ((accepted[word]! & offered) >>> (bit & 31)) % 2 === 1;
  }

  load(state: State): void {
    this.restore(this.check(state));
  }

  /** Takes a state over that was looked at. */
  restore(saved: ValueOf<typeof featuresState>): void {
    for (const [word, accepted] of saved.accepted.entries()) this.accepted[word] = accepted;
    this.#spoken = saved.spoken;
    this.#settled = saved.settled;
    this.#refused = saved.refused;
    this.#enforce();
  }

  /**
   * The device was plugged in. One that does not reach all memory at its own addresses says so (RF-16); it can do without
   * the driver's consent only as long as addresses are the same for both (RF-17).
   */
  placed({ limited, translated }: DmaDomain): void {
    const word = feature.accessPlatform >> 5;
    const bit = 1 << (feature.accessPlatform & 31);
    const offered = this.offered[word]!;
    this.offered[word] = (limited || this.#alwaysPlatform ? offered | bit : offered & ~bit) >>> 0;
    this.#translated = translated;
  }

  /** The addresses that the driver gives mean nothing to the device: it did not accept ACCESS_PLATFORM. */
  get strayAddresses(): boolean {
    return this.#translated && !this.accepts(feature.accessPlatform);
  }

  /** Features that a legacy driver accepts, at any time; bits above 31 are not accepted then (LEG-LAY-10). */
  acceptLegacy(value: number): void {
    const broken = (value >>> feature.unused) % 2 === 1;
    const wanted = broken ? featureWords(this.#behaviour.brokenDriverFeatures ?? [])[0]! : value;
    this.accepted.fill(0);
    this.accepted[0] = (wanted & this.offeredLegacy) >>> 0;
    // What is said of them is said of a legacy driver, whatever it spoke before.
    this.speak('legacy');
    const extra = value & ~this.offeredLegacy;
    if (broken)
      this.#reporter.report(
        'driver',
        'LEG-RF-06',
        'feature bit 30 was acknowledged: taken for a broken driver',
        bits(value),
      );
    else if (extra !== 0)
      this.#reporter.report('driver', 'BF-FEAT-01', 'accepted bits that were not offered', bits(extra));
    const unmet = this.#unmet(this.accepted);
    if (unmet !== null)
      this.#reporter.report('driver', 'BF-FEAT-02', unmetMessage(...unmet), featureBit(unmet[0]));
  }

  #objection(): FeatureObjection | null {
    for (let word = 0; word < FEATURE_WORDS; word++) {
      const extra = this.accepted[word]! & ~this.offered[word]!;
      if (extra === 0) continue;
      const message = `accepted bits of word ${word} that were not offered`;
      return { clause: 'BF-FEAT-01', message, about: bits(extra) };
    }
    // RF-15: who speaks by the common configuration and does without is neither kind of driver.
    if (!this.accepts(feature.version1)) return { clause: 'RF-01', message: 'VERSION_1 was not accepted' };
    const unmet = this.#unmet(this.accepted);
    if (unmet !== null)
      return { clause: 'BF-FEAT-02', message: unmetMessage(...unmet), about: featureBit(unmet[0]) };
    if (this.strayAddresses) return { clause: 'RF-03', message: STRAY_ADDRESSES };
    return this.#behaviour.objection?.((bit) => this.accepts(bit)) ?? null;
  }
}

/** Why a device does not work (RF-17). */
export const STRAY_ADDRESSES = 'ACCESS_PLATFORM was not accepted: physical addresses lead the device astray';

function unmetMessage(bit: number, anyOf: readonly number[]): string {
  return `feature ${bit} was accepted without ${anyOf.join(' or ')}, which it needs`;
}
