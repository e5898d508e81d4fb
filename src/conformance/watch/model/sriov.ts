import { walkExtended } from '../../../driver/index.ts';
import { capabilityId, extendedCapabilityId } from '../../../pci/layout/index.ts';
import type { FunctionModel } from './function-model.ts';

/** The SR-IOV capability: where it stands, 0 for a function without one, null where nobody knows. */
export function sriovAt(fn: FunctionModel): number | null {
  // A conventional function has no extended capabilities.
  if (fn.places !== null && !fn.places.has(capabilityId.express)) return 0;
  return fn.config.ask((read) => {
    for (const { id, offset } of walkExtended(read))
      if (id === extendedCapabilityId.singleRootIov) return offset;
    return 0;
  });
}
