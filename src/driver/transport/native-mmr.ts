import type { Bus } from '../../core/index.ts';
import { type Draft, decodeCapability } from '../../mmr/layout/index.ts';
import { LEGACY_CONFIG_OFFSET_MSIX, legacyHeader } from '../../virtio/layout/index.ts';
import { NoDeviceError } from '../errors.ts';
import { assertPresent, type FoundFunction } from '../pci.ts';
import type { BlockAccess } from './legacy.ts';

/**
 * The legacy block in a memory BAR, used directly (the draft's second way). The first capability of the cfg_type that
 * names a BAR of the function and stays inside it counts. Memory writes are posted: each but a notification is pushed by
 * a read of status, which has no side effect.
 * @throws NoDeviceError when there is no such capability, FunctionGoneError
 */
export function memoryAccess(bus: Bus, fn: FoundFunction, draft: Draft): BlockAccess {
  for (const { id, offset } of fn.extended) {
    if (id !== draft.extendedCapabilityId) continue;
    const place = decodeCapability(draft, (at) => bus.configRead(fn.address, offset + at, 4));
    if (place === null || place.length < LEGACY_CONFIG_OFFSET_MSIX) continue;
    const bar = fn.bars.find(({ index, kind }) => index === place.bar && kind !== 'io');
    if (bar === undefined || bar.address === 0 || place.offset + place.length > bar.size) continue;
    const base = bar.address + place.offset;
    return {
      name: 'native-mmr',
      fixedVectors: draft.msixShift === 'fixed',
      read: (at, width) => bus.memoryRead(base + at, width),
      write: (at, width, value) => {
        bus.memoryWrite(base + at, width, value);
        if (at !== legacyHeader.queueNotify.offset)
          bus.memoryRead(base + legacyHeader.deviceStatus.offset, 1);
      },
    };
  }
  assertPresent(bus, fn.address);
  throw new NoDeviceError(`the function has no usable ${draft.name} capability`);
}
