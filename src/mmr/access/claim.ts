import { identifyFunction, type VirtioIds, WrongIdsError } from '../../driver/index.ts';
import type { DeviceType } from '../../virtio/layout/index.ts';
import { type Draft, draft2023, identify } from '../layout/index.ts';

/** What the ids of a virtio function say that it is. */
export interface IdClaim {
  readonly ids: VirtioIds['ids'] | 'mmr';
  /** Number of the virtio device type. */
  readonly typeNumber: number;
  /** Its row; null for a type that is not among those that are known. */
  readonly type: DeviceType | null;
}

/** @returns what ids say, by a draft for those of MMR functions; null where they are of no virtio function. */
export function claimOf(
  ids: Parameters<typeof identifyFunction>[0],
  draft: Draft = draft2023,
): IdClaim | null {
  const known = identify(ids.vendorId, ids.deviceId, draft);
  if (known?.ids === 'mmr') return { ids: 'mmr', typeNumber: known.type.typeNumber, type: known.type };
  try {
    return identifyFunction(ids);
  } catch (error) {
    if (error instanceof WrongIdsError) return null;
    throw error;
  }
}
