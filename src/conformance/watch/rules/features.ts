import {
  deviceStatus,
  FEATURE_WORDS,
  type FeatureDependency,
  feature,
  featureBits,
  isTypeFeature,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import { BROKEN, cites, seen, type WatchRule } from '../rule.ts';

const { driver, driverOk, featuresOk } = deviceStatus;

/** The driver says that its features stand: FEATURES_OK, or of a legacy driver DRIVER_OK. */
const settles = ({ fn, value, register }: Moment): boolean =>
  register === 'deviceStatus' &&
  fn.status !== null &&
  (value & ~fn.status & (fn.legacy ? driverOk : featuresOk)) !== 0;

/** Bits that are accepted and not offered, where both are known: the lowest, or -1. */
function unoffered({ accepted, offered }: FunctionModel): number {
  for (let word = 0; word < FEATURE_WORDS; word++) {
    if (!accepted.knows(word) || !offered.knows(word)) continue;
    const extra = (accepted.words[word]! & ~offered.words[word]!) >>> 0;
    if (extra !== 0) return 32 * word + 31 - Math.clz32(extra & -extra);
  }
  return -1;
}

const ofRing = new Set<number>(Object.values(feature));

/** Bits that nobody has given a meaning to: neither rings and transports, nor the type. */
function unknownBit({ accepted, type }: FunctionModel): number {
  if (type === null) return -1;
  const named = new Set(Object.values(type.features));
  const stray = featureBits(accepted.words).find(
    (bit) => accepted.has(bit) && !named.has(bit) && (isTypeFeature(bit) || !ofRing.has(bit)),
  );
  return stray ?? -1;
}

const bit = (value: number) => (value < 0 ? null : seen('feature bit', value));

const unmet = (fn: FunctionModel, [each, anyOf]: FeatureDependency) =>
  fn.has(each) && anyOf.every((needed) => fn.lacks(needed));

/** Advice to accept a feature: worth a note, for a driver may have no use for it. */
const wished = (id: string, clause: string, wanted: number, name: string): WatchRule => ({
  id,
  clauses: [clause],
  level: 'note',
  speaks: 'modern',
  says: `${name} was offered and not accepted`,
  on: ['status'],
  when: (now) => (settles(now) && now.fn.offered.has(wanted) && now.fn.lacks(wanted) ? bit(wanted) : null),
});

export const featuresChapter: readonly WatchRule[] = [
  {
    id: 'features-before-driver',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'features were written before DRIVER was set',
    on: ['features'],
    when: ({ fn, value }) => (fn.isNot(driver) ? seen('feature bits', value) : null),
  },
  {
    id: 'features-after-driver-ok',
    clauses: cites('INIT-04'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'features were written after DRIVER_OK',
    on: ['features'],
    when: ({ fn, value }) => (fn.is(driverOk) ? seen('feature bits', value) : null),
  },
  {
    id: 'features-after-features-ok',
    clauses: cites('INIT-04'),
    level: 'must',
    speaks: 'modern',
    says: 'features were written after FEATURES_OK',
    on: ['features'],
    when: ({ fn, value }) => (fn.is(featuresOk) && fn.isNot(driverOk) ? seen('feature bits', value) : null),
  },
  {
    id: 'no-feature-write',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'no features were written before DRIVER_OK',
    on: ['start'],
    when: ({ fn }) => (fn.whole && fn.featureWrites === 0 ? BROKEN : null),
  },
  {
    id: 'features-not-read',
    clauses: cites('BF-FEAT-03'),
    level: 'should',
    says: 'features were accepted although those that are offered were never read',
    on: ['features'],
    when: ({ fn, value }) =>
      fn.whole && fn.resetSeen === false && fn.offered.known === 0 && value !== 0
        ? seen('feature bits', value)
        : null,
  },
  {
    id: 'features-not-offered',
    clauses: cites('BF-FEAT-01'),
    level: 'must',
    says: 'a feature was accepted that was not offered',
    on: ['status'],
    when: (now) => (settles(now) ? bit(unoffered(now.fn)) : null),
  },
  {
    id: 'features-unmet',
    clauses: cites('BF-FEAT-02'),
    level: 'must',
    says: 'a feature was accepted without one that it needs',
    on: ['status'],
    when(now) {
      if (!settles(now)) return null;
      const broken = now.fn.type?.dependencies.find((each) => unmet(now.fn, each));
      return broken === undefined ? null : bit(broken[0]);
    },
  },
  {
    id: 'network-features-unmet',
    clauses: cites('NET-FEAT-02 BF-FEAT-02'),
    level: 'must',
    type: 'network',
    says: 'a network feature was accepted without one that it needs',
    on: ['status'],
    when(now) {
      if (!settles(now)) return null;
      const broken = now.fn.type?.dependencies.find((each) => unmet(now.fn, each));
      return broken === undefined ? null : bit(broken[0]);
    },
  },
  {
    id: 'features-unknown',
    clauses: cites('BF-FEAT-05 BF-FEAT-04'),
    level: 'must',
    says: 'a feature was accepted that this device type does not have',
    on: ['status'],
    when: (now) => (settles(now) ? bit(unknownBit(now.fn)) : null),
  },
  {
    id: 'version-1-refused',
    clauses: cites('RF-01'),
    level: 'must',
    speaks: 'modern',
    says: 'VERSION_1 was offered and not accepted',
    on: ['status'],
    when: (now) =>
      settles(now) && now.fn.offered.has(feature.version1) && now.fn.lacks(feature.version1)
        ? bit(feature.version1)
        : null,
  },
  {
    id: 'bit-30-accepted',
    clauses: cites('LEG-RF-06'),
    level: 'should',
    speaks: 'legacy',
    says: 'feature bit 30 was accepted, by which devices know broken drivers',
    on: ['features'],
    when: ({ value }) => ((value >>> feature.unused) & 1 ? bit(feature.unused) : null),
  },
  {
    id: 'any-layout-refused',
    clauses: cites('LEG-RF-04'),
    level: 'note',
    speaks: 'legacy',
    says: 'ANY_LAYOUT was offered and not accepted, as a transitional driver has to',
    on: ['status'],
    when: (now) =>
      settles(now) && now.fn.offered.has(feature.anyLayout) && now.fn.lacks(feature.anyLayout)
        ? bit(feature.anyLayout)
        : null,
  },
  wished('access-platform-refused', 'RF-03', feature.accessPlatform, 'ACCESS_PLATFORM'),
  wished('ring-packed-refused', 'RF-06', feature.ringPacked, 'RING_PACKED'),
  wished('order-platform-refused', 'RF-07', feature.orderPlatform, 'ORDER_PLATFORM'),
  wished('notif-config-data-refused', 'RF-13', feature.notificationConfigData, 'NOTIF_CONFIG_DATA'),
  {
    id: 'gave-up-for-unknown-feature',
    clauses: cites('BF-FEAT-08 BF-FEAT-06'),
    level: 'note',
    says: 'the driver set FAILED before it had written any feature',
    on: ['status'],
    when: ({ fn, value }) =>
      (value & deviceStatus.failed) !== 0 &&
      fn.isNot(deviceStatus.failed) &&
      fn.whole &&
      fn.featureWrites === 0 &&
      fn.offered.known !== 0
        ? BROKEN
        : null,
  },
];
