import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  deviceStatus,
  type FeatureDependency,
  featureWords,
  UnmetDependencyError,
  UnsupportedFeatureError,
  unmetDependency,
} from '../../src/virtio/index.ts';
import { runs } from '../properties/support/runs.ts';
import { LegacyGuest, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const { featuresOk } = deviceStatus;

/** 1 needs 0; 4 needs 2 or 3; 5 needs 0 and 1; 70 needs 50. */
const dependencies: readonly FeatureDependency[] = [
  [1, [0]],
  [4, [2, 3]],
  [5, [0]],
  [5, [1]],
  [70, [50]],
];

describe('features that need others', () => {
  test.each([
    ['alone', [1], 1],
    ['without either of two', [4, 0], 4],
    ['without one of two together', [0, 5], 5],
    ['across words', [70], 70],
  ])('BF-FEAT-09: a type that offers one %s is a misuse', (_, features, culprit) => {
    const made = () => new ModernGuest(new Probe({ features, dependencies }));
    expect(made).toThrow(UnmetDependencyError);
    expect(made).toThrow(`feature ${culprit} is offered without`);
  });

  it('BF-FEAT-09: looks at what legacy drivers see by itself, where any can come', () => {
    const probe = () => new Probe({ legacyFeatures: [1], dependencies });
    expect(() => new LegacyGuest(probe())).toThrow(UnmetDependencyError);
    expect(() => new ModernGuest(probe(), { kind: 'modern' })).not.toThrow();
    expect(() => new LegacyGuest(new Probe({ legacyFeatures: [0, 1], dependencies }))).not.toThrow();
  });

  test.each([
    [[], true],
    [[0], true],
    [[0, 1], true],
    [[1], false],
    [[4], false],
    [[3, 4], true],
    [[2, 4], true],
    [[0, 5], false],
    [[1, 5], false],
    [[0, 1, 5], true],
  ])('BF-FEAT-02, BF-FEAT-11: %j stand: %s', (accepted, stand) => {
    const guest = new ModernGuest(new Probe({ features: [0, 1, 2, 3, 4, 5], dependencies }));
    expect((guest.negotiate(accepted) & featuresOk) !== 0).toBe(stand);
    expect(guest.clauses()).toEqual(stand ? [] : ['BF-FEAT-02']);
  });

  it('BF-FEAT-02: a legacy driver, which nothing can be refused, is reported and keeps what it took', () => {
    const guest = new LegacyGuest(new Probe({ features: [0, 1], dependencies }));
    guest.block.set('driverFeatures', 2);
    expect([guest.clauses(), guest.block.get('driverFeatures')]).toEqual([['BF-FEAT-02'], 2]);
    guest.block.set('driverFeatures', 3);
    expect(guest.clauses()).toEqual([]);
  });

  it('are found whatever the table: a model of sets says the same', () => {
    const bit = fc.integer({ min: 0, max: 9 }).map((n) => [0, 1, 2, 3, 30, 31, 32, 63, 64, 127][n]!);
    const row = fc.tuple(bit, fc.uniqueArray(bit, { maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), fc.uniqueArray(bit), (table, bits) => {
        const set = new Set(bits);
        const model = table.find(([needs, anyOf]) => set.has(needs) && anyOf.every((each) => !set.has(each)));
        expect(unmetDependency(featureWords(bits), table)).toBe(model ?? null);
      }),
      { numRuns: runs(300) },
    );
  });
});

describe('ring and transport features', () => {
  test.each([24, 27, 30, 31, 41, 42, 44, 64])('BF-FEAT-12: %d cannot be offered', (bit) => {
    const made = () => new ModernGuest(new Probe(), { transportFeatures: [28, bit] });
    expect(made).toThrow(UnsupportedFeatureError);
    expect(made).toThrow(`transport feature ${bit} `);
  });

  it('RF-01, RF-15: a bit above 31 without VERSION_1 is refused on a transitional device too', () => {
    const guest = new ModernGuest(new Probe(), { transportFeatures: [36] });
    expect(guest.negotiate([36], false) & featuresOk).toBe(0);
    expect(guest.clauses()).toEqual(['RF-01']);
    expect(guest.negotiate([36]) & featuresOk).not.toBe(0);
  });

  it('BF-FEAT-13: a set that stood once stands again after a reset', () => {
    const guest = new ModernGuest(new Probe({ features: [0, 1], dependencies }));
    for (let i = 0; i < 3; i++) {
      expect(guest.negotiate([0, 1, 28]) & featuresOk).not.toBe(0);
      guest.block.set('deviceStatus', 0);
    }
  });
});
