import {
  commonConfig,
  FEATURE_WORDS,
  type FeatureWords,
  featureWords,
  legacyHeader,
} from '../../virtio/index.ts';
import { type BusLies, type MutantAccess, touches } from './mutant.ts';

/** Says of an offer what is not so, and keeps from the device what it has not offered. */
export function lyingOffer({
  add = [],
  hide = [],
}: {
  readonly add?: readonly number[];
  readonly hide?: readonly number[];
}): BusLies {
  const [added, hidden] = [featureWords(add), featureWords(hide)];
  let offered = 0;
  let accepted = 0;
  const changed = (word: number, value: number) => ((value | added[word]!) & ~hidden[word]!) >>> 0;
  return {
    read(access, value) {
      if (touches(access, 'legacy', legacyHeader.deviceFeatures)) return changed(0, value);
      const here = touches(access, 'common', commonConfig.deviceFeature) && offered < FEATURE_WORDS;
      return here ? changed(offered, value) : value;
    },
    write(access, value) {
      if (touches(access, 'common', commonConfig.deviceFeatureSelect)) offered = value;
      if (touches(access, 'common', commonConfig.driverFeatureSelect)) accepted = value;
      const here = touches(access, 'common', commonConfig.driverFeature) && accepted < FEATURE_WORDS;
      return here ? (value & ~added[accepted]!) >>> 0 : value;
    },
  };
}

/** What the driver has accepted by the common configuration, told by its writes. */
export class AcceptedFeatures {
  readonly words: FeatureWords = new Uint32Array(FEATURE_WORDS);
  #select = 0;

  /** Looks at a write. */
  see(access: MutantAccess, value: number): void {
    if (touches(access, 'common', commonConfig.driverFeatureSelect)) this.#select = value;
    if (touches(access, 'common', commonConfig.driverFeature) && this.#select < FEATURE_WORDS)
      (this.words as Uint32Array)[this.#select] = value;
  }
}
