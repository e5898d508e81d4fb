import { walkExtended } from '../../../driver/index.ts';
import { extendedCapabilityId } from '../../../pci/layout/index.ts';
import type { FunctionModel } from './function-model.ts';

/** The SR-IOV capability: where it stands, 0 for a function without one, null where nobody knows. */
export const sriovAt = (fn: FunctionModel): number | null =>
  fn.config.ask((read) => {
    for (const { id, offset } of walkExtended(read))
      if (id === extendedCapabilityId.singleRootIov) return offset;
    return 0;
  });
