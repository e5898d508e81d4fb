import type { Bus } from '../../core/index.ts';
import { type BlockAccess, configOf, type FoundFunction, NoDeviceError } from '../../driver/index.ts';
import { legacyHeader } from '../../virtio/layout/index.ts';
import type { Draft } from '../layout/index.ts';
import { findBlock } from './find-block.ts';

/**
 * The legacy block in a memory BAR, used directly (the draft's second way). The first capability of the cfg_type that
 * names a BAR of the function and stays inside it counts. Memory writes are posted: each but a notification is pushed by
 * a read of status, which has no side effect.
 * @throws NoDeviceError when there is no such capability, FunctionGoneError
 */
export function memoryAccess(bus: Bus, fn: FoundFunction, draft: Draft): BlockAccess {
  const config = configOf(bus, fn);
  const placed = (bar: number) =>
    fn.bars.find(({ index, kind, address }) => index === bar && kind !== 'io' && address !== 0);
  const place = findBlock(config, fn.extended, draft, (bar) => placed(bar)?.size ?? 0);
  if (place === null) {
    config.assertPresent();
    throw new NoDeviceError(`the function has no usable ${draft.name} capability`);
  }
  const base = placed(place.bar)!.address + place.offset;
  return {
    name: 'native-mmr',
    fixedVectors: draft.msixShift === 'fixed',
    read: (at, width) => bus.memoryRead(base + at, width),
    write: (at, width, value) => {
      bus.memoryWrite(base + at, width, value);
      if (at !== legacyHeader.queueNotify.offset) bus.memoryRead(base + legacyHeader.deviceStatus.offset, 1);
    },
  };
}
