import type { Bus, FunctionAddress, RegisterMap, Width } from '../core/index.ts';
import { type Draft, draft2023, encodings } from '../mmr/layout/index.ts';
import {
  bridgeSubsystem,
  capabilityHeader,
  capabilityId,
  express,
  extendedCapabilityId,
  extendedHeader,
  headerType,
  msiCapability,
  msixCapability,
  powerManagement,
  sriovCapability,
  type0Header,
  type1Header,
  vendorSpecificExtended,
} from '../pci/layout/index.ts';
import {
  notifyCapability,
  pciConfigCapability,
  sharedMemoryCapability,
  structureCapability,
  structureType,
  vendorDataCapability,
} from '../virtio/layout/index.ts';

/** A table at a place in configuration space. */
export interface PlacedTable {
  readonly name: string;
  readonly start: number;
  readonly map: RegisterMap;
}

/** Where a function's capabilities stand, as whoever enumerated it found them. */
export interface CapabilityPlaces {
  readonly address: FunctionAddress;
  readonly capabilities: readonly { readonly id: number; readonly offset: number }[];
  readonly extended: readonly { readonly id: number; readonly offset: number }[];
}

/** The key of a value in a table of constants, or the value in hexadecimal. */
export function keyOf(table: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(table).find(([, each]) => each === value);
  return found === undefined ? `0x${value.toString(16)}` : found[0];
}

const ordinary: Readonly<Record<number, RegisterMap>> = {
  [capabilityId.powerManagement]: powerManagement,
  [capabilityId.express]: express,
  [capabilityId.msix]: msixCapability,
  [capabilityId.msi]: msiCapability,
  [capabilityId.bridgeSubsystem]: bridgeSubsystem,
};

const extended: Readonly<Record<number, RegisterMap>> = {
  [extendedCapabilityId.vendorSpecific]: vendorSpecificExtended,
  [extendedCapabilityId.singleRootIov]: sriovCapability,
};

const structures: Readonly<Record<number, RegisterMap>> = {
  [structureType.notify]: notifyCapability,
  [structureType.pciConfig]: pciConfigCapability,
  [structureType.sharedMemory]: sharedMemoryCapability,
  [structureType.vendor]: vendorDataCapability,
};

/** What is asked of a bus here. */
export type ConfigBus = Pick<Bus, 'configRead'>;

/** The function has the header of a bridge. */
export const isBridge = (bus: ConfigBus, fn: FunctionAddress): boolean =>
  (bus.configRead(fn, type0Header.headerType.offset, 1) & headerType.mask) === headerType.bridge;

/** The table of a function's header. */
export const headerOf = (bus: ConfigBus, fn: FunctionAddress) =>
  isBridge(bus, fn) ? type1Header : type0Header;

/** Reads a register of a capability. */
export function readField(
  bus: ConfigBus,
  address: FunctionAddress,
  table: PlacedTable,
  name: string,
): number {
  const { offset, width, count } = table.map[name]!;
  const bytes = width * count;
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--)
    value = value * 256 + bus.configRead(address, table.start + offset + i, 1);
  return value;
}

/**
 * The tables by which a function's configuration space is read: its header, then its capabilities in the order of its
 * lists. A capability that no table describes has its header's table and its id as its name.
 * @param draft by which an MMR function was made; null for a function that is none of virtio's.
 */
export function configTables(
  bus: ConfigBus,
  fn: CapabilityPlaces,
  draft: Draft | null = draft2023,
): PlacedTable[] {
  const header: PlacedTable = { name: 'header', start: 0, map: headerOf(bus, fn.address) };
  const lower = fn.capabilities.map(({ id, offset }): PlacedTable => {
    if (id !== capabilityId.vendorSpecific || draft === null)
      return { name: keyOf(capabilityId, id), start: offset, map: ordinary[id] ?? capabilityHeader };
    const at = offset + structureCapability.structureType.offset;
    const type = bus.configRead(fn.address, at, structureCapability.structureType.width as Width);
    const name = `virtio ${keyOf(structureType, type)}`;
    return { name, start: offset, map: structures[type] ?? structureCapability };
  });
  const upper = fn.extended.map(({ id, offset }): PlacedTable => {
    if (id !== draft?.extendedCapabilityId)
      return { name: keyOf(extendedCapabilityId, id), start: offset, map: extended[id] ?? extendedHeader };
    return { name: `virtio ${draft.name}`, start: offset, map: encodings[draft.encoding] };
  });
  return [header, ...lower, ...upper];
}
