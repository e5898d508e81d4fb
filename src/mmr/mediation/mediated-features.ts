import type { VdpaParent } from '../../virtio/index.ts';
import {
  FEATURE_WORDS,
  feature,
  hasFeature,
  isTypeFeature,
  networkDeviceType,
  networkFeature,
  unmetDependency,
} from '../../virtio/layout/index.ts';
import type { Mediation } from './mediation.ts';

/** Features of rings, which are the guest's where its rings are the parent's, and the mediator's where not. */
const ringFeatures = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringPacked,
  feature.inOrder,
  feature.notificationData,
] as const;

export interface WantedFeatures {
  readonly mediation: Mediation;
  /** The mediator's rings, and whether they are packed ones. */
  readonly shadow: boolean;
  readonly packed: boolean;
  /** The parent is to be spoken to as by a driver of virtio 1.x. */
  readonly modern: boolean;
}

const set = (words: number[], bit: number) => {
  words[bit >> 5] = (words[bit >> 5]! | (1 << (bit & 31))) >>> 0;
};
const clear = (words: number[], bit: number) => {
  words[bit >> 5] = (words[bit >> 5]! & ~(1 << (bit & 31))) >>> 0;
};

/** What the parent is told that its driver accepted, in place of what the guest did. */
export function featuresForParent(
  parent: VdpaParent,
  accepts: (bit: number) => boolean,
  { mediation, shadow, packed, modern }: WantedFeatures,
): number[] {
  const { offered } = parent.device.features;
  const { type } = parent.device.behaviour;
  const words = new Array<number>(FEATURE_WORDS).fill(0);
  for (let bit = 0; bit < 32 * FEATURE_WORDS; bit++) if (accepts(bit)) set(words, bit);
  // What the guest's function does by itself means nothing to the parent.
  clear(words, feature.ringReset);
  clear(words, feature.suspend);
  clear(words, feature.version1);
  if (shadow) {
    for (const bit of ringFeatures) clear(words, bit);
    if (hasFeature(offered, feature.ringEventIndex)) set(words, feature.ringEventIndex);
    if (packed) set(words, feature.ringPacked);
  }
  if (mediation.addsPlatform) set(words, feature.accessPlatform);
  if (!modern) return words;
  set(words, feature.version1);
  if (shadow && type.name === networkDeviceType.name && !accepts(feature.version1))
    for (const bit of [networkFeature.controlQueue, networkFeature.controlMacAddress]) set(words, bit);
  // A legacy guest may accept what a driver of virtio 1.x is not offered, and what lacks its prerequisites.
  if (!accepts(feature.version1))
    for (let word = 0; word < FEATURE_WORDS; word++) words[word] = (words[word]! & offered[word]!) >>> 0;
  for (;;) {
    const unmet = unmetDependency(words, type.dependencies);
    if (unmet === null || accepts(feature.version1)) return words;
    clear(words, unmet[0]);
  }
}

/** Features of its type that a mediated function offers: those of the parent. */
export function mediatedTypeFeatures(parent: VdpaParent, modern: boolean) {
  const { offered, offeredLegacy } = parent.device.features;
  const shared: number[] = [];
  const modernOnly: number[] = [];
  const legacyOnly: number[] = [];
  for (let bit = 0; bit < 32 * FEATURE_WORDS; bit++) {
    if (!isTypeFeature(bit)) continue;
    const ofModern = hasFeature(offered, bit);
    const ofLegacy = bit < 32 && hasFeature([offeredLegacy], bit);
    if (ofModern && (ofLegacy || bit >= 32)) shared.push(bit);
    else if (ofModern) modernOnly.push(bit);
    else if (ofLegacy && !modern) legacyOnly.push(bit);
  }
  return { shared, modernOnly, legacyOnly };
}
