import type { FoundCapability, FunctionConfig } from '../../driver/index.ts';
import { LEGACY_CONFIG_OFFSET_MSIX } from '../../virtio/layout/index.ts';
import { type BlockPlace, type Draft, decodeCapability } from '../layout/index.ts';

/**
 * The block that the draft's capability names: of the extended capabilities in list order, the first that names a place which holds
 * the header and stays inside a memory BAR. The others are passed over.
 * @param memoryBarBytes tells how long a memory BAR is; 0 where there is none of that number.
 * @returns null when there is none.
 */
export function findBlock(
  config: FunctionConfig,
  extended: Iterable<FoundCapability>,
  draft: Draft,
  memoryBarBytes: (bar: number) => number,
): BlockPlace | null {
  for (const { id, offset: at } of extended) {
    if (id !== draft.extendedCapabilityId) continue;
    const place = decodeCapability(draft, (offset) => config.readAt(at + offset, 4));
    if (place === null || place.length < LEGACY_CONFIG_OFFSET_MSIX) continue;
    if (place.offset + place.length <= memoryBarBytes(place.bar)) return place;
  }
  return null;
}
