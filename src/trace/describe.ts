import { type Bus, formatFunctionAddress, type Width } from '../core/index.ts';
import { type Draft, draft2023, identify } from '../mmr/layout/index.ts';
import {
  type BridgeWindowName,
  bridgeWindowNames,
  bridgeWindows,
  command,
  headerType,
  type0Header,
  type1Header,
  windowRange,
} from '../pci/layout/index.ts';
import {
  deviceTypes,
  type FunctionKind,
  kindOfTransitionalIds,
  structureType,
} from '../virtio/layout/index.ts';
import { configTables, fieldsOf, keyOf, type PlacedTable, readField } from './config-tables.ts';
import type { FunctionToDecode } from './decode.ts';

/** What kind of virtio function it is: which windows for drivers stand on it. */
export type VirtioKind = FunctionKind | 'mmr';

/** A base address register that is in use. `sizeBytes` was measured; `address` is 0 while unassigned. */
export interface BarDescription {
  readonly index: number;
  readonly kind: 'io' | 'memory32' | 'memory64';
  readonly prefetchable: boolean;
  readonly address: number;
  readonly sizeBytes: number;
}

/** A capability with its fields by name, header fields left out. */
export interface CapabilityDescription {
  readonly offset: number;
  readonly id: number;
  readonly name: string;
  readonly fields: Readonly<Record<string, number>>;
}

/** What a bridge passes on: addresses [start, end). */
export interface WindowDescription {
  readonly name: BridgeWindowName;
  readonly start: number;
  readonly end: number;
}

/** Where a bridge leads: numbers of buses, and the windows that are open. */
export interface BridgeDescription {
  readonly primary: number;
  readonly secondary: number;
  readonly subordinate: number;
  readonly windows: readonly WindowDescription[];
}

/** A function as its configuration space shows it, in plain data. */
export interface FunctionDescription {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;
  readonly classCode: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  readonly interruptPin: number;
  readonly interruptLine: number;
  /** The device type's name, as `block`; null where the function is not virtio, or of a type that is not known. */
  readonly type: string | null;
  readonly kind: VirtioKind | null;
  /** Name of the device type, as `virtio-blk`. */
  readonly device: string | null;
  readonly bars: readonly BarDescription[];
  readonly capabilities: readonly CapabilityDescription[];
  readonly extended: readonly CapabilityDescription[];
  /** Null for what is no bridge. */
  readonly bridge: BridgeDescription | null;
}

/** A function as software found it, with what enumeration measured. */
export interface FunctionToDescribe extends FunctionToDecode {
  readonly revisionId: number;
  readonly classCode: number;
  readonly subsystemId: number;
  readonly interruptLine: number;
  readonly interruptPin: number;
  readonly bars: readonly (Omit<BarDescription, 'sizeBytes'> & { readonly size: number })[];
}

function capability(bus: Bus, fn: FunctionToDescribe, table: PlacedTable, id: number): CapabilityDescription {
  const fields = fieldsOf(table).map(
    (field) => [field.name, readField(bus, fn.address, table, field)] as const,
  );
  return { offset: table.start, id, name: table.name, fields: Object.fromEntries(fields) };
}

function bridgeOf(read: (offset: number, width: Width) => number): BridgeDescription | null {
  if ((read(type0Header.headerType.offset, 1) & headerType.mask) !== headerType.bridge) return null;
  const { primaryBusNumber, secondaryBusNumber, subordinateBusNumber } = type1Header;
  const enabled = read(type1Header.command.offset, 2);
  const windows = bridgeWindowNames.flatMap((name) => {
    const window = bridgeWindows[name];
    const on = (enabled & (window.space === 'io' ? command.io : command.memory)) !== 0;
    const range = on ? windowRange(read, window) : null;
    return range === null ? [] : [{ name, ...range }];
  });
  return {
    primary: read(primaryBusNumber.offset, 1),
    secondary: read(secondaryBusNumber.offset, 1),
    subordinate: read(subordinateBusNumber.offset, 1),
    windows,
  };
}

const commonStructure = `virtio ${keyOf(structureType, structureType.common)}`;

/**
 * Reads everything that a function's configuration space says of itself.
 * @param draft by which an MMR function was made.
 * @param types that it may be of.
 */
export function describeFunction(
  bus: Bus,
  fn: FunctionToDescribe,
  draft: Draft = draft2023,
  types = deviceTypes,
): FunctionDescription {
  const [, ...tables] = configTables(bus, fn, draft);
  const places = [...fn.capabilities, ...fn.extended];
  const all = tables.map((table, i) => capability(bus, fn, table, places[i]!.id));
  const identity = identify(fn.vendorId, fn.deviceId, draft, types);
  const hasStructures = all.some(({ name }) => name === commonStructure);
  const { subsystemVendorId } = type0Header;
  const read = (offset: number, width: Width) => bus.configRead(fn.address, offset, width);
  const bridge = bridgeOf(read);
  return {
    address: formatFunctionAddress(fn.address),
    vendorId: fn.vendorId,
    deviceId: fn.deviceId,
    revisionId: fn.revisionId,
    classCode: fn.classCode,
    subsystemVendorId: bridge === null ? read(subsystemVendorId.offset, subsystemVendorId.width as Width) : 0,
    subsystemId: fn.subsystemId,
    interruptPin: fn.interruptPin,
    interruptLine: fn.interruptLine,
    type: identity?.type.name ?? null,
    kind:
      identity?.ids === 'legacy' ? kindOfTransitionalIds(fn.bars, hasStructures) : (identity?.ids ?? null),
    device: identity?.type.functionName ?? null,
    bars: fn.bars.map(({ size, index, kind, prefetchable, address }) => ({
      index,
      kind,
      prefetchable,
      address,
      sizeBytes: size,
    })),
    capabilities: all.slice(0, fn.capabilities.length),
    extended: all.slice(fn.capabilities.length),
    bridge,
  };
}
