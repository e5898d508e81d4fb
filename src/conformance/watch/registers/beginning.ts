import type { AccessEvent } from '../../../core/index.ts';
import { commonConfig, deviceStatus, legacyHeader } from '../../../virtio/layout/index.ts';

/** Bits that no driver sets in its first steps. */
const LATER = deviceStatus.driverOk | deviceStatus.failed;

/** What a driver writes first, by structure, beside status. */
const firstWrites: Readonly<Record<string, readonly number[]>> = {
  legacy: [legacyHeader.driverFeatures, legacyHeader.queueSelect, legacyHeader.queueAddress].map(
    ({ offset }) => offset,
  ),
  common: [commonConfig.deviceFeatureSelect, commonConfig.driverFeatureSelect].map(({ offset }) => offset),
};

const statusAt: Readonly<Record<string, number>> = {
  legacy: legacyHeader.deviceStatus.offset,
  common: commonConfig.deviceStatus.offset,
};

/** A driver whose first access this is begins here: one that works does it only after a reset. */
export function isBeginning(structure: string, { operation, offset, value }: AccessEvent): boolean {
  if (operation === 'read') return structure === 'legacy' && offset === legacyHeader.deviceFeatures.offset;
  if (offset === statusAt[structure]) return (value & LATER) === 0;
  return firstWrites[structure]?.includes(offset) === true;
}
