import type { Register } from 'virtiolab/core';
import {
  commonConfig,
  type DeviceType,
  deviceStatus,
  isrStatus,
  legacyHeader,
  pciCommand,
  pciStatus,
  type0Header,
  virtioFeature,
} from 'virtiolab/layout';
import type { BitView } from '../protocol.ts';

const status = new Map<Register, Readonly<Record<string, number>>>([
  [legacyHeader.deviceStatus, deviceStatus],
  [commonConfig.deviceStatus, deviceStatus],
  [legacyHeader.isrStatus, isrStatus],
  [type0Header.command, pciCommand],
  [type0Header.status, pciStatus],
]);

const features = new Set<Register>([
  legacyHeader.deviceFeatures,
  legacyHeader.driverFeatures,
  commonConfig.deviceFeature,
  commonConfig.driverFeature,
]);

const isSingle = (mask: number) => mask !== 0 && (mask & (mask - 1)) === 0;

/** The bits of a register that have names. @param word which 32 features a feature register shows. */
export function bitsOf(
  register: Register,
  value: number,
  type: DeviceType,
  word: number,
): readonly BitView[] {
  const set = (bit: number) => ((value >>> bit) & 1) !== 0;
  const table = status.get(register);
  if (table !== undefined)
    return Object.entries(table)
      .filter(([, mask]) => isSingle(mask))
      .map(([name, mask]) => ({ name, bit: Math.log2(mask), set: set(Math.log2(mask)) }))
      .sort((a, b) => a.bit - b.bit);
  if (!features.has(register)) return [];
  return Object.entries({ ...type.features, ...virtioFeature })
    .filter(([, bit]) => bit >> 5 === word)
    .map(([name, bit]) => ({ name, bit: bit & 31, set: set(bit & 31) }))
    .sort((a, b) => a.bit - b.bit);
}
