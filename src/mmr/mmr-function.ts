import { VirtiolabError } from '../core/index.ts';
import type { BarIndex } from '../pci/index.ts';
import {
  type BuiltSpecially,
  conventionalBars,
  type DeviceBehaviour,
  type FunctionPlan,
  layoutOf,
  legacyBytesOf,
  VirtioFunction,
  type VirtioFunctionOptions,
  withType,
} from '../virtio/index.ts';
import { checkDraft, type Draft, draft2023, encodeCapability, encodingOf, mmrIdOf } from './layout/index.ts';

/** A legacy block at a place that its draft does not allow. */
export class BlockPlacementError extends VirtiolabError {}

export interface MmrFunctionOptions extends Omit<VirtioFunctionOptions, 'kind' | 'express'> {
  readonly draft?: Draft;
  /** `own`: a BAR of its own, as the draft's table says; `shared`: behind the modern structures in their BAR. */
  readonly placement?: 'own' | 'shared';
}

/** Adds the capability that leads software to the legacy block. */
export function addLegacyBlockCapability(
  fn: VirtioFunction,
  draft: Draft,
  bar: number,
  offset: number,
): number {
  if (offset % draft.offsetAlignment !== 0)
    throw new BlockPlacementError(
      `legacy block at 0x${offset.toString(16)}: wants a multiple of ${draft.offsetAlignment}`,
    );
  const { config, extendedCapabilities } = fn.pci;
  const map = encodingOf(draft).map;
  const at = extendedCapabilities.add(draft.extendedCapabilityId, draft.extendedCapabilityVersion, map, {});
  for (const [byte, value] of encodeCapability(draft, { bar, offset, length: fn.legacyBytes }))
    config.set(at + byte, 1, value);
  return at;
}

/**
 * Plans MMR functions around behaviours like one.
 * @param built what is special about them.
 * @throws DraftError, ModernOnlyTypeError, ShapeError, StructurePlaceError, BarError
 */
export function planMmrFunction(
  like: DeviceBehaviour,
  options: MmrFunctionOptions = {},
  built: BuiltSpecially = {},
): FunctionPlan {
  const { draft = draft2023, placement = 'own' } = options;
  checkDraft(draft, withType(like.type));
  const identity = {
    vendorId: draft.vendorId,
    deviceId: mmrIdOf(like.type, draft),
    revisionId: draft.revisionId,
    subsystemId: like.type.typeNumber,
  };
  const { prefetchable, offsetAlignment, msixShift } = draft;
  const block = { prefetchable, leastBytes: offsetAlignment, bytes: legacyBytesOf(like), whole: false };
  const legacy =
    placement === 'own'
      ? ({ ...block, bar: draft.bar as BarIndex, kind: 'memory32', offset: draft.offset } as const)
      : ({
          ...block,
          bar: conventionalBars.modern,
          kind: 'memory64',
          offset: 'behind',
          alignment: offsetAlignment,
        } as const);
  const layout = layoutOf(like, { legacy, modern: true, prefetchable }, options);
  const { bar, offset } = layout.legacy!;
  const express = { ...options, express: true };
  const special = { virtual: built.virtual === true, msixShift };
  const build = (behaviour: DeviceBehaviour) => {
    const fn = new VirtioFunction(behaviour, identity, layout, express, special);
    addLegacyBlockCapability(fn, draft, bar, offset);
    return fn;
  };
  return { identity, layout, build };
}

/**
 * The transitional MMR function: no I/O BAR; the legacy block stands in a memory BAR that an extended capability names;
 * the modern structures stay available.
 */
export function mmrFunction(behaviour: DeviceBehaviour, options: MmrFunctionOptions = {}): VirtioFunction {
  return planMmrFunction(behaviour, options).build(behaviour);
}
