import { extendedCapabilityId } from '../../../pci/layout/index.ts';
import {
  commonConfig,
  feature,
  featureBits,
  featureWords,
  hasFeature,
  LEGACY_FEATURE_BITS,
  unmetDependency,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { acceptWords, basicFeatures, greet, negotiate, offeredWords } from '../probe.ts';

const modern = ['modern'] as const;
const legacy = ['legacy'] as const;

/** Bits that mean something to a device with a legacy interface only. */
const legacyBits: readonly number[] = [feature.notifyOnEmpty, feature.anyLayout, feature.unused];
/** A bit that nothing has a meaning for. */
const RESERVED = 49;
const transportBits: readonly number[] = Object.values(feature);

/** Windows of feature bits that no feature has come to yet. */
const FAR_WINDOWS = [4, 5, 0x7fffffff, 0x80000000, 0xffffffff] as const;

function knows(bench: Bench, bit: number): boolean {
  if (legacyBits.includes(bit)) return bench.subject.settings.includes('legacy');
  return Object.values(bench.type.features).includes(bit) || transportBits.includes(bit);
}

/** A feature with those that it needs, as far as they are offered. */
function withNeeds(bench: Bench, offered: Uint32Array, bit: number): Set<number> {
  const bits = new Set([...basicFeatures(offered), bit]);
  for (;;) {
    const unmet = unmetDependency(featureWords(bits), bench.type.dependencies);
    if (unmet === null) return bits;
    bits.add(unmet[1].find((each) => hasFeature(offered, each))!);
  }
}

const list = (bits: Iterable<number>) => [...bits].join(', ');

const accepted = (bench: Bench, clause: string, bits: Iterable<number>) =>
  bench.check(clause, negotiate(bench, bits), `FEATURES_OK with bits ${list(bits)}`, 'it is clear');

/** Offer and negotiation of features. */
export const featureChecks: readonly Check[] = [
  {
    id: 'offers-version-1',
    clauses: ['RF-14'],
    settings: modern,
    says: 'VERSION_1 is offered',
    run: (bench) =>
      bench.check('RF-14', hasFeature(offeredWords(bench), feature.version1), 'bit 32 offered', 'it is not'),
  },
  {
    id: 'offer-has-what-it-needs',
    clauses: ['BF-FEAT-09'],
    settings: ['legacy', 'modern'],
    says: 'a feature is offered together with those that it needs',
    run(bench) {
      if (bench.type.dependencies.length === 0) bench.skip('no feature of the type needs another');
      const unmet = unmetDependency(offeredWords(bench), bench.type.dependencies);
      bench.check(
        'BF-FEAT-09',
        unmet === null,
        `feature ${unmet?.[0]} offered together with ${unmet?.[1].join(' or ')}`,
        'it is offered without',
      );
    },
  },
  {
    id: 'offer-is-known',
    clauses: ['BF-FEAT-12'],
    settings: ['legacy', 'modern'],
    says: 'no bit is offered that has no meaning for the type and the transport',
    run(bench) {
      const strange = featureBits(offeredWords(bench)).filter((bit) => !knows(bench, bit));
      bench.check(
        'BF-FEAT-12',
        strange.length === 0,
        'bits that mean something',
        `bits ${list(strange)} are offered`,
      );
    },
  },
  {
    id: 'sr-iov-as-capability-says',
    clauses: ['RF-22', 'RF-23'],
    settings: modern,
    says: 'SR_IOV is offered where the function has the capability, and nowhere else',
    run(bench) {
      const has = bench.found.extended.some(({ id }) => id === extendedCapabilityId.singleRootIov);
      const offers = hasFeature(offeredWords(bench), feature.singleRootIov);
      bench.check('RF-22', !has || offers, 'SR_IOV offered, as the capability is there', 'it is not');
      bench.check('RF-23', has || !offers, 'SR_IOV not offered without the capability', 'it is');
    },
  },
  {
    id: 'any-layout-offered',
    clauses: ['LEG-RF-03'],
    settings: legacy,
    says: 'a transitional device offers ANY_LAYOUT to legacy drivers',
    run(bench) {
      if (!bench.subject.settings.includes('modern')) bench.skip('the device is not a transitional one');
      const offers = hasFeature(offeredWords(bench), feature.anyLayout);
      bench.check('LEG-RF-03', offers, `bit ${feature.anyLayout} offered`, 'it is not');
    },
  },
  {
    id: 'subsets-accepted',
    clauses: ['BF-FEAT-10'],
    settings: modern,
    says: 'FEATURES_OK stands for any part of the offer that is whole in itself',
    run(bench) {
      const offered = offeredWords(bench);
      accepted(bench, 'BF-FEAT-10', basicFeatures(offered));
      const optional = featureBits(offered).filter((bit) => !legacyBits.includes(bit));
      for (const bit of optional) accepted(bench, 'BF-FEAT-10', withNeeds(bench, offered, bit));
      accepted(bench, 'BF-FEAT-10', optional);
    },
  },
  {
    id: 'accepted-once-accepted-again',
    clauses: ['BF-FEAT-13'],
    settings: modern,
    says: 'features that were accepted are accepted again after a reset',
    run(bench) {
      const bits = featureBits(offeredWords(bench)).filter((bit) => !legacyBits.includes(bit));
      if (!negotiate(bench, bits)) bench.skip('the device does not accept all that it offers');
      accepted(bench, 'BF-FEAT-13', bits);
    },
  },
  {
    id: 'unmet-need-refused',
    clauses: ['BF-FEAT-11'],
    settings: modern,
    says: 'FEATURES_OK stays clear where a feature is accepted without those that it needs',
    run(bench) {
      const offered = offeredWords(bench);
      const needs = bench.type.dependencies.find(([bit]) => hasFeature(offered, bit));
      if (needs === undefined) return bench.skip('no feature that is offered needs another');
      const stands = negotiate(bench, [...basicFeatures(offered), needs[0]]);
      bench.check(
        'BF-FEAT-11',
        !stands,
        `FEATURES_OK clear, as feature ${needs[0]} needs ${needs[1].join(' or ')}`,
        'it is set',
      );
    },
  },
  {
    id: 'unoffered-refused',
    clauses: ['BF-FEAT-11'],
    settings: modern,
    says: 'FEATURES_OK stays clear where a bit is accepted that was not offered',
    run(bench) {
      const offered = offeredWords(bench);
      if (hasFeature(offered, RESERVED)) bench.skip(`bit ${RESERVED} is offered`);
      const stands = negotiate(bench, [...basicFeatures(offered), RESERVED]);
      bench.check(
        'BF-FEAT-11',
        !stands,
        `FEATURES_OK clear, as bit ${RESERVED} was not offered`,
        'it is set',
      );
    },
  },
  {
    id: 'feature-windows',
    clauses: ['PCI-COM-03'],
    settings: modern,
    says: 'device_feature shows the window that is selected, and 0 where there is none',
    run(bench) {
      const window = (select: number) => {
        bench.put(commonConfig.deviceFeatureSelect, select);
        return bench.get(commonConfig.deviceFeature);
      };
      const offered = offeredWords(bench);
      for (const far of FAR_WINDOWS) {
        bench.equal('PCI-COM-03', `device_feature of window 0x${far.toString(16)}`, window(far), 0);
        for (const [word, bits] of offered.entries())
          bench.equal('PCI-COM-03', `device_feature of window ${word}, read again`, window(word), bits);
      }
    },
  },
  {
    id: 'driver-features-read-back',
    clauses: ['PCI-COM-04'],
    settings: modern,
    says: 'what the driver accepted of the offer reads back, window by window',
    run(bench) {
      const offered = offeredWords(bench);
      const masks = [0xffffffff, 0x55555555, 0xaaaaaaaa, 0];
      for (const mask of masks) {
        greet(bench);
        const wanted = offered.map((word) => word & mask);
        acceptWords(bench, wanted);
        for (let word = 0; 32 * word < 2 * LEGACY_FEATURE_BITS; word++) {
          bench.put(commonConfig.driverFeatureSelect, word);
          const seen = bench.get(commonConfig.driverFeature);
          bench.equal(
            'PCI-COM-04',
            `driver_feature of window ${word}`,
            (seen & offered[word]!) >>> 0,
            wanted[word]!,
          );
        }
      }
    },
  },
];
