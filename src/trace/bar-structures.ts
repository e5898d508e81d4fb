import type { Width } from '../core/index.ts';
import { type ConfigReader, walkCapabilities, walkExtended } from '../driver/index.ts';
import { type Draft, decodeCapability } from '../mmr/layout/index.ts';
import {
  BAR_INDICATOR_MASK,
  capabilityId,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
} from '../pci/layout/index.ts';
import {
  structureCapability,
  structureType,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
} from '../virtio/layout/index.ts';
import { isVirtio, keyOf } from './config-tables.ts';

/** Bytes of a legacy block at the most: the header and the longest configuration that any type has. */
const LEGACY_BYTES = 256;

/** A structure in a BAR. */
export interface Structure {
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  readonly name: string;
}

function* msixOf(read: ConfigReader, at: number): Generator<Structure> {
  const entries = (read(at + msixCapability.messageControl.offset, 2) & messageControl.tableSize) + 1;
  const place = (register: number, name: string, length: number): Structure => {
    const where = read(at + register, 4);
    const bar = where & BAR_INDICATOR_MASK;
    return { name, length, bar, offset: (where & ~BAR_INDICATOR_MASK) >>> 0 };
  };
  yield place(msixCapability.table.offset, 'msix-table', MSIX_ENTRY_BYTES * entries);
  yield place(msixCapability.pendingBits.offset, 'msix-pba', 8 * Math.ceil(entries / 64));
}

/** Ids that count: its own, or of a virtual function those that its owner tells. */
export interface Ids {
  readonly vendorId: number;
  readonly deviceId: number;
}

/** What stands in a function's BARs, as its capabilities say, and the legacy block of a transitional one. */
export function* structuresOf(
  read: ConfigReader,
  draft: Draft,
  { vendorId, deviceId }: Ids,
): Generator<Structure> {
  const register = (at: number, { offset, width }: { offset: number; width: number }) =>
    read(at + offset, width as Width);
  for (const { id, offset: at } of walkCapabilities(read))
    if (id === capabilityId.msix) yield* msixOf(read, at);
    else if (id === capabilityId.vendorSpecific && isVirtio(vendorId, draft)) {
      const name = keyOf(structureType, register(at, structureCapability.structureType));
      const [bar, offset, length] = (['bar', 'offset', 'length'] as const).map((field) =>
        register(at, structureCapability[field]),
      );
      if (name !== 'pciConfig' && name !== 'vendor')
        yield { name, bar: bar!, offset: offset!, length: length! };
    }
  for (const { id, offset: at } of walkExtended(read)) {
    const place =
      id === draft.extendedCapabilityId && isVirtio(vendorId, draft)
        ? decodeCapability(draft, (offset) => read(at + offset, 4))
        : null;
    if (place !== null) yield { ...place, name: 'legacy' };
  }
  const { first, last } = TRANSITIONAL_ID_RANGE;
  if (vendorId === VIRTIO_VENDOR_ID && deviceId >= first && deviceId <= last)
    yield { name: 'legacy', bar: 0, offset: 0, length: LEGACY_BYTES };
}
