import { LEGACY_CONFIG_OFFSET_MSIX } from '../../virtio/layout/index.ts';
import { type BlockPlace, type Draft, decodeCapability } from '../layout/index.ts';
import { TranslatorError } from './backend.ts';
import type { HostFunction } from './host-function.ts';

/**
 * The block that the draft's capability names. Places that do not hold the header, or leave a memory BAR, are passed over.
 * @throws TranslatorError when there is none.
 */
export function findBlock(host: HostFunction, draft: Draft): BlockPlace {
  for (const at of host.findExtended(draft.extendedCapabilityId)) {
    const place = decodeCapability(draft, (offset) => host.bus.configRead(host.address, at + offset, 4));
    if (place === null || place.length < LEGACY_CONFIG_OFFSET_MSIX) continue;
    if (place.offset + place.length <= host.memoryBarBytes(place.bar)) return place;
  }
  throw new TranslatorError(`the function has no ${draft.name} capability for a legacy block`);
}
