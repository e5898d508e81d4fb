import { VirtiolabError } from '../core/index.ts';
import type { BarIndex, BarRegion } from '../pci/index.ts';
import {
  conventionalBars,
  type DeviceBehaviour,
  LegacyWindow,
  VirtioFunction,
  type VirtioFunctionOptions,
} from '../virtio/index.ts';
import { type Draft, draft2023, encodeCapability, encodings, mmrIdOf } from './layout/index.ts';

/** A legacy block at a place that its draft does not allow. */
export class BlockPlacementError extends VirtiolabError {}

/** No structure stands in I/O space: the function is there for machines without any. */
export interface MmrFunctionOptions extends Omit<VirtioFunctionOptions, 'kind' | 'express' | 'structures'> {
  readonly draft?: Draft;
  /** `own`: a BAR of its own, as the draft's table says; `shared`: behind the modern structures in their BAR. */
  readonly placement?: 'own' | 'shared';
}

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit;

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
  const map = encodings[draft.encoding];
  const at = extendedCapabilities.add(draft.extendedCapabilityId, draft.extendedCapabilityVersion, map, {});
  for (const [byte, value] of encodeCapability(draft, { bar, offset, length: fn.legacyBytes }))
    config.set(at + byte, 1, value);
  return at;
}

/**
 * The transitional MMR function: no I/O BAR; the legacy block stands in a memory BAR that an extended capability names;
 * the modern structures stay available.
 */
export function mmrFunction(behaviour: DeviceBehaviour, options: MmrFunctionOptions = {}): VirtioFunction {
  const { draft = draft2023, placement = 'own' } = options;
  const identity = {
    vendorId: draft.vendorId,
    deviceId: mmrIdOf(behaviour.type, draft),
    revisionId: draft.revisionId,
    subsystemId: behaviour.type.typeNumber,
  };
  const fn = new VirtioFunction(behaviour, identity, true, { ...options, express: true });
  const window = new LegacyWindow(fn.device, fn.interrupts, draft.msixShift);
  fn.pci.parts.set('legacy', window);
  const block = (offset: number): BarRegion => ({
    name: 'legacy',
    offset,
    length: fn.legacyBytes,
    target: window,
  });
  const shared = conventionalBars.modern;
  const modern = fn.modernRegions(shared);
  const end = Math.max(...modern.map((region) => region.offset + region.length));
  const place =
    placement === 'own'
      ? { bar: draft.bar as BarIndex, offset: draft.offset }
      : { bar: shared as BarIndex, offset: roundUp(end, draft.offsetAlignment) };
  const addBar = (index: BarIndex, kind: 'memory32' | 'memory64', regions: readonly BarRegion[]) => {
    const bytes = Math.max(...regions.map((region) => region.offset + region.length));
    const lengthBytes = 2 ** Math.ceil(Math.log2(Math.max(bytes, draft.offsetAlignment)));
    fn.pci.addBar({ index, kind, prefetchable: draft.prefetchable, lengthBytes, regions });
  };
  if (placement === 'own') {
    addBar(place.bar, 'memory32', [block(place.offset)]);
    addBar(shared, 'memory64', modern);
  } else addBar(shared, 'memory64', [...modern, block(place.offset)]);
  addLegacyBlockCapability(fn, draft, place.bar, place.offset);
  return fn;
}
