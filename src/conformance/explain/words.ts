import { type DeviceType, deviceStatus, feature, featureBits, NO_VECTOR } from '../../virtio/layout/index.ts';

export const hex = (value: number) => `0x${value.toString(16)}`;

/** A feature by its name, the type's own first; unknown ones by number. */
export function bitName(type: DeviceType | null, bit: number): string {
  const named = Object.entries({ ...type?.features, ...feature }).find(([, each]) => each === bit);
  return named?.[0] ?? `bit ${bit}`;
}

export const featureList = (type: DeviceType | null, words: Uint32Array | null): string[] | null =>
  words === null ? null : featureBits(words).map((bit) => bitName(type, bit));

/** Names of the bits of a status, as they are raised one after the other. */
export function statusWords(value: number): string {
  const names = Object.entries(deviceStatus)
    .filter(([, bit]) => (value & bit) !== 0)
    .map(([name]) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return names.length === 0 ? 'nothing' : names.join(' ');
}

export const vectorWords = (vector: number) => (vector === NO_VECTOR ? 'no vector' : `vector ${vector}`);

/** As in `1 chain`, `3 chains`. */
export const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
