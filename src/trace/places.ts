import { type FunctionAddress, formatFunctionAddress, functionAddress, type Width } from '../core/index.ts';
import { type ConfigReader, walkCapabilities, walkExtended } from '../driver/index.ts';
import { type Draft, decodeCapability, draft2023 } from '../mmr/layout/index.ts';
import {
  BAR_INDICATOR_MASK,
  barBits,
  capabilityId,
  command,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  type0Header,
  type1Header,
} from '../pci/layout/index.ts';
import {
  structureCapability,
  structureType,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
} from '../virtio/layout/index.ts';
import type { ConfigBus } from './config-tables.ts';
import { headerOf, isBridge, keyOf } from './config-tables.ts';

/** What configuration space says of a stretch of addresses. */
export interface AccessPlace {
  /** As the decoder reads it: `00:04.0 BAR4 common`. */
  readonly target: string;
  readonly space: 'io' | 'memory';
  /** First address, and length in bytes. */
  readonly start: number;
  readonly length: number;
}

/** What accesses to a function's configuration space name as their target. */
export const configTarget = (fn: FunctionAddress) => `${formatFunctionAddress(fn)} configuration`;

/** Bytes of a legacy block at the most: the header and the longest configuration that any type has. */
const LEGACY_BYTES = 256;
const NO_FUNCTION = 0xffff;
const DEVICES = 32;

interface DecodedBar {
  readonly space: 'io' | 'memory';
  readonly address: number;
}

/** The BARs that have an address and are decoded, by number. */
function barsOf(read: ConfigReader, count: number): Map<number, DecodedBar> {
  const bars = new Map<number, DecodedBar>();
  const enabled = read(type0Header.command.offset, 2);
  for (let index = 0; index < count; index++) {
    const at = type0Header.bar.offset + 4 * index;
    const low = read(at, 4);
    const io = (low & barBits.io) !== 0;
    const wide = !io && (low & barBits.typeMask) === barBits.memory64;
    const base = (low & (io ? barBits.ioAddressMask : barBits.memoryAddressMask)) >>> 0;
    const address = wide ? read(at + 4, 4) * 2 ** 32 + base : base;
    if (address !== 0 && (enabled & (io ? command.io : command.memory)) !== 0)
      bars.set(index, { space: io ? 'io' : 'memory', address });
    if (wide) index++;
  }
  return bars;
}

/** A structure in a BAR. */
interface Structure {
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

/** What stands in a function's BARs, as its capabilities say, and the legacy block of a transitional one. */
function* structuresOf(read: ConfigReader, draft: Draft): Generator<Structure> {
  const register = (at: number, { offset, width }: { offset: number; width: number }) =>
    read(at + offset, width as Width);
  for (const { id, offset: at } of walkCapabilities(read))
    if (id === capabilityId.msix) yield* msixOf(read, at);
    else if (id === capabilityId.vendorSpecific) {
      const name = keyOf(structureType, register(at, structureCapability.structureType));
      const [bar, offset, length] = (['bar', 'offset', 'length'] as const).map((field) =>
        register(at, structureCapability[field]),
      );
      if (name !== 'pciConfig' && name !== 'vendor')
        yield { name, bar: bar!, offset: offset!, length: length! };
    }
  for (const { id, offset: at } of walkExtended(read)) {
    const place =
      id === draft.extendedCapabilityId ? decodeCapability(draft, (offset) => read(at + offset, 4)) : null;
    if (place !== null) yield { ...place, name: 'legacy' };
  }
  const device = read(type0Header.deviceId.offset, 2);
  const { first, last } = TRANSITIONAL_ID_RANGE;
  if (read(type0Header.vendorId.offset, 2) === VIRTIO_VENDOR_ID && device >= first && device <= last)
    yield { name: 'legacy', bar: 0, offset: 0, length: LEGACY_BYTES };
}

/** The functions of a bus that answer, and those of the buses that its bridges lead to. */
function* functionsOf(bus: ConfigBus, number = 0): Generator<FunctionAddress> {
  for (let device = 0; device < DEVICES; device++)
    for (let fn = 0; fn < 8; fn++) {
      const address = functionAddress(number, device, fn);
      if (bus.configRead(address, type0Header.vendorId.offset, 2) !== NO_FUNCTION) {
        yield address;
        const behind = isBridge(bus, address)
          ? bus.configRead(address, type1Header.secondaryBusNumber.offset, 1)
          : 0;
        // What leads back upwards would lead in a circle.
        if (behind > number) yield* functionsOf(bus, behind);
      } else if (fn === 0) break;
    }
}

/**
 * What stands at a bus's addresses now, read from configuration space as software reads it, and without a write: a BAR
 * that nobody decodes, or that has no address, has no place.
 * @param functions where they are; by default all of bus 0 and behind its bridges. @param draft by which MMR functions were made.
 */
export function placesOf(
  bus: ConfigBus,
  functions: Iterable<FunctionAddress> = functionsOf(bus),
  draft: Draft = draft2023,
): AccessPlace[] {
  const places: AccessPlace[] = [];
  for (const fn of functions) {
    const read: ConfigReader = (offset, width) => bus.configRead(fn, offset, width);
    const bars = barsOf(read, headerOf(bus, fn).bar.count);
    for (const { name, bar, offset, length } of structuresOf(read, draft)) {
      const found = bars.get(bar);
      if (found === undefined || length === 0) continue;
      const target = `${formatFunctionAddress(fn)} BAR${bar} ${name}`;
      places.push({ target, space: found.space, start: found.address + offset, length });
    }
  }
  return places;
}

/** The place of an address, and how far into it; the first that holds it counts. */
export function placeAt(
  places: readonly AccessPlace[],
  space: 'io' | 'memory',
  address: number,
): { readonly target: string; readonly offset: number } {
  const found = places.find(
    (place) => place.space === space && address >= place.start && address < place.start + place.length,
  );
  return found === undefined
    ? { target: '', offset: 0 }
    : { target: found.target, offset: address - found.start };
}
