import type { Shape } from '../core/index.ts';
import type { PciFunction } from './function.ts';
import { type0Header } from './layout/index.ts';

const ids = [
  'vendorId',
  'deviceId',
  'revisionId',
  'baseClass',
  'subClass',
  'programmingInterface',
  'subsystemVendorId',
  'subsystemId',
  'interruptPin',
] as const;

/** What board firmware, or the board itself, fills in. */
const FILLED_IN = [type0Header.interruptLine.offset, type0Header.headerType.offset];

/**
 * What a function was made with: ids, capabilities, BARs and what stands in them. Named one by one as far as somebody might
 * ask what differs; the fingerprint stands for the rest of configuration space.
 */
export function functionShape(fn: PciFunction): Shape {
  const { name, config, capabilities, extendedCapabilities, bars, msix } = fn;
  const initial = (at: number, width: number) => {
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + config.initial(at + i);
    return value;
  };
  const idOf = (id: (typeof ids)[number]) => initial(type0Header[id].offset, type0Header[id].width);
  return {
    name,
    ids: Object.fromEntries(ids.map((id) => [id, idOf(id)])),
    'configuration bytes': config.length,
    capabilities: capabilities.offsets.map((at) => `${initial(at, 1).toString(16)} at ${at.toString(16)}`),
    'extended capabilities': extendedCapabilities.offsets.map(
      (at) => `${initial(at, 2).toString(16)} at ${at.toString(16)}`,
    ),
    'MSI-X vectors': msix?.vectors ?? 0,
    BARs: bars.map(({ index, kind, lengthBytes, prefetchable, regions }) => ({
      index,
      kind,
      lengthBytes,
      prefetchable,
      regions: regions.map((region) => `${region.name} ${region.offset}+${region.length}`),
    })),
    'configuration space': config.fingerprint(FILLED_IN),
  };
}
