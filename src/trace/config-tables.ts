import type { Bus, FunctionAddress, RegisterMap, Width } from '../core/index.ts';
import { type Draft, draft2023, encodingOf } from '../mmr/layout/index.ts';
import {
  alternativeRoutingCapability,
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
  VIRTIO_VENDOR_ID,
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
  /** Of a virtual function its owner's. What is specific to a vendor is read as virtio's only of virtio's. */
  readonly vendorId: number;
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
  [extendedCapabilityId.alternativeRoutingId]: alternativeRoutingCapability,
};

const structures: Readonly<Record<number, RegisterMap>> = {
  [structureType.notify]: notifyCapability,
  [structureType.pciConfig]: pciConfigCapability,
  [structureType.sharedMemory]: sharedMemoryCapability,
  [structureType.vendor]: vendorDataCapability,
};

/** Vendor-specific capabilities of a function with that vendor id are virtio's: those that the specification has, or a draft. */
export const isVirtio = (vendorId: number, draft: Draft = draft2023): boolean =>
  vendorId === VIRTIO_VENDOR_ID || vendorId === draft.vendorId;

/** What is asked of a bus here. */
export type ConfigBus = Pick<Bus, 'configRead'>;

/** The function has the header of a bridge. */
export const isBridge = (bus: ConfigBus, fn: FunctionAddress): boolean =>
  (bus.configRead(fn, type0Header.headerType.offset, 1) & headerType.mask) === headerType.bridge;

/** The table of a function's header. */
export const headerOf = (bus: ConfigBus, fn: FunctionAddress) =>
  isBridge(bus, fn) ? type1Header : type0Header;

/** A field as it is told of: a register, or one of several that are no number together. */
export interface Field {
  readonly name: string;
  /** In bytes, from the start of the table. */
  readonly offset: number;
  readonly bytes: number;
}

/** Bytes that several registers of one name can be one number of: a field that is not aligned to its own width. */
const ONE_NUMBER = 4;

const HEADER_FIELDS = new Set<unknown>([
  ...Object.values(capabilityHeader),
  ...Object.values(extendedHeader),
]);

/** The fields of a capability, those of its header left out; BARs and the like each for itself, as `bar0`. */
export const fieldsOf = ({ map }: PlacedTable): Field[] =>
  Object.entries(map).flatMap(([name, register]) => {
    if (HEADER_FIELDS.has(register)) return [];
    const { offset, width, count } = register;
    if (width * count <= ONE_NUMBER) return [{ name, offset, bytes: width * count }];
    return Array.from({ length: count }, (_, i) => ({
      name: count === 1 ? name : `${name}${i}`,
      offset: offset + i * width,
      bytes: width,
    }));
  });

/** Reads a field of a capability, little-endian. */
export function readField(
  bus: ConfigBus,
  address: FunctionAddress,
  { start }: PlacedTable,
  { offset, bytes }: Field,
): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + bus.configRead(address, start + offset + i, 1);
  return value;
}

/**
 * The tables by which a function's configuration space is read: its header, then its capabilities in the order of its
 * lists. A capability that no table describes has its header's table and its id as its name.
 * @param wanted the draft by which an MMR function was made; null where there is none that is known.
 */
export function configTables(
  bus: ConfigBus,
  fn: CapabilityPlaces,
  wanted: Draft | null = draft2023,
): PlacedTable[] {
  const draft = wanted !== null && isVirtio(fn.vendorId, wanted) ? wanted : null;
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
    return { name: `virtio ${draft.name}`, start: offset, map: encodingOf(draft).map };
  });
  return [header, ...lower, ...upper];
}
