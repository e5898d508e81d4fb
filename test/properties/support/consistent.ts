import type { FeatureDependency } from '../../../src/virtio/index.ts';

/** Of a driver's features, those that lack nothing that they need (BF-FEAT-02). */
export function consistent(
  features: readonly number[],
  dependencies: readonly FeatureDependency[],
): readonly number[] {
  const kept = features.filter((each) =>
    dependencies.every(([of, anyOf]) => of !== each || anyOf.some((needed) => features.includes(needed))),
  );
  return kept.length === features.length ? kept : consistent(kept, dependencies);
}
