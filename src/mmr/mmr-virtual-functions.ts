import {
  addVirtualFunctions,
  type VirtioFunction,
  type VirtioVirtualFunctions,
  type VirtioVirtualOptions,
} from '../virtio/index.ts';
import { type MmrFunctionOptions, planMmrFunction } from './mmr-function.ts';

/** Virtual functions with a legacy block in memory. */
export interface MmrVirtualOptions extends VirtioVirtualOptions, MmrFunctionOptions {}

/**
 * Gives a PCI Express virtio function virtual ones that are MMR functions: the legacy block stands in a VF BAR, which the
 * extended capability of each names.
 * @throws VirtualFunctionsError, ModernOnlyTypeError, ShapeError, StructurePlaceError, BarError, CapabilitySpaceError
 */
export function mmrVirtualFunctions(
  owner: VirtioFunction,
  options: MmrVirtualOptions,
): VirtioVirtualFunctions {
  return addVirtualFunctions(owner, options, (like) => planMmrFunction(like, options, { virtual: true }));
}
