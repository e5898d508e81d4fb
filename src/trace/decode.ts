import {
  type AccessEvent,
  type Bus,
  formatFunctionAddress,
  lengthOf,
  maskOf,
  type Register,
  type RegisterMap,
  registerAt,
} from '../core/index.ts';
import { type Draft, draft2023, identify } from '../mmr/layout/index.ts';
import {
  express,
  INITIATE_FUNCTION_RESET,
  MSIX_ENTRY_BYTES,
  messageControl,
  msixCapability,
  msixEntry,
} from '../pci/layout/index.ts';
import {
  commonConfig,
  type DeviceType,
  deviceTypes,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  NOTIFICATION_DATA_BYTES,
} from '../virtio/layout/index.ts';
import { type CapabilityPlaces, configTables, type PlacedTable } from './config-tables.ts';
import { hex, isrStructure, meaningOf, notifyData, notifyStructure } from './values.ts';

/** An access in the specification's words. */
export interface DecodedAccess {
  /** Place of the function, as `00:04.0`; empty where no function answered. */
  readonly function: string;
  /** What was accessed there: a structure in a BAR, or a part of configuration space. */
  readonly place: string;
  /** The register by its field name, or the offset where no register is. */
  readonly register: string;
  /** The value in hexadecimal, as wide as the access. */
  readonly value: string;
  /** What the value says; empty where nothing more is to be said. */
  readonly meaning: string;
}

/** A function as software found it. */
export interface FunctionToDecode extends CapabilityPlaces {
  readonly vendorId: number;
  readonly deviceId: number;
}

/** What is remembered of a function, because the meaning of later accesses depends on it. */
interface Known {
  readonly type: DeviceType | null;
  readonly tables: readonly PlacedTable[];
  readonly fixedVectors: boolean;
  msixEnabled: boolean;
  featureSelect: { device: number; driver: number };
}

interface Found {
  readonly place: string;
  readonly map: RegisterMap;
  /** Offset of the access in the map. */
  readonly offset: number;
  /** Put before the register's name, for tables that repeat. */
  readonly prefix?: string;
}

/** Region names of the machine's mappings: `00:04.0 BAR0 legacy`, and of places in those of virtual functions: `00:04.3 VF3 BAR0 legacy`. */
const TARGET = /^(?<fn>[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (?:VF\d+ )?(?:BAR\d )?(?<region>.+)$/;

/**
 * Turns accesses into register names and values by the tables of the layout folders. Accesses of one machine must come in
 * the order in which they began: where device configuration starts, and which features a register shows, depends on
 * what was written before.
 */
export class Decoder {
  readonly #known = new Map<string, Known>();

  /**
   * Reads how a function's configuration space is laid out, through the bus.
   * @param draft by which an MMR function was made.
   * @param types that it may be of.
   */
  add(
    bus: Pick<Bus, 'configRead'>,
    fn: FunctionToDecode,
    draft: Draft = draft2023,
    types = deviceTypes,
  ): void {
    const identity = identify(fn.vendorId, fn.deviceId, draft, types);
    const tables = configTables(bus, fn, draft);
    const msix = tables.find(({ map }) => map === msixCapability);
    const control =
      msix === undefined
        ? 0
        : bus.configRead(fn.address, msix.start + msixCapability.messageControl.offset, 2);
    this.#known.set(formatFunctionAddress(fn.address), {
      type: identity?.type ?? null,
      tables,
      fixedVectors: identity?.ids === 'mmr' && draft.msixShift === 'fixed',
      msixEnabled: (control & messageControl.enable) !== 0,
      featureSelect: { device: 0, driver: 0 },
    });
  }

  decode(event: AccessEvent): DecodedAccess {
    const { fn = '', region = event.target } = TARGET.exec(event.target)?.groups ?? {};
    const known = this.#known.get(fn);
    const found = known === undefined ? null : find(known, event, region);
    const value = hex(event.value, event.width);
    if (known === undefined || found === null)
      return { function: fn, place: region, register: hex(event.offset, 2), value, meaning: '' };
    const decoded = describe(known, found, event);
    if (event.operation === 'write') follow(known, found, event);
    return { function: fn, place: found.place, value, ...decoded };
  }
}

/** The table in which an access falls. */
function find(known: Known, { space, offset, width }: AccessEvent, region: string): Found | null {
  if (space === 'config') return findInConfig(known, offset);
  const config = known.type?.config ?? {};
  switch (region) {
    case 'legacy': {
      const shown = known.msixEnabled || known.fixedVectors;
      const start = shown ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
      if (offset >= start) return { place: region, map: config, offset: offset - start, prefix: 'config.' };
      return { place: region, map: shown ? legacyHeaderWithVectors : legacyHeader, offset };
    }
    case 'common':
      return { place: region, map: commonConfig, offset };
    case 'device':
      return { place: region, map: config, offset, prefix: 'config.' };
    case 'isr':
      return { place: region, map: isrStructure, offset };
    case 'notify':
    case 'legacy-notify':
      // Each queue has a place of its own, and all of them mean the same.
      return {
        place: region,
        map: width === NOTIFICATION_DATA_BYTES ? notifyData : notifyStructure,
        offset: 0,
      };
    case 'msix-table':
      return {
        place: region,
        map: msixEntry,
        offset: offset % MSIX_ENTRY_BYTES,
        prefix: `entry[${Math.floor(offset / MSIX_ENTRY_BYTES)}].`,
      };
    default:
      return null;
  }
}

function findInConfig(known: Known, offset: number): Found | null {
  for (const { name, start, map } of known.tables)
    if (offset >= start && offset < start + lengthOf(map))
      return { place: name, map, offset: offset - start };
  return { place: 'config', map: {}, offset };
}

/** Name and meaning. An access of another width than the register's own, or into its middle, says so. */
function describe(
  known: Known,
  { map, offset, prefix = '' }: Found,
  { width, value, operation }: AccessEvent,
): { register: string; meaning: string } {
  const at = registerAt(map, offset);
  if (at === undefined) return { register: `${prefix}${hex(offset, 1)}`, meaning: '' };
  const [name, register] = at;
  const index = Math.floor((offset - register.offset) / register.width);
  const inside = (offset - register.offset) % register.width;
  const element = register.count > 1 ? `${prefix}${name}[${index}]` : `${prefix}${name}`;
  if (register.width === 8 && width === 4 && inside % 4 === 0)
    return { register: `${element}.${inside === 0 ? 'low' : 'high'}`, meaning: value.toString() };
  if (inside === 0 && width === register.width) {
    const featureWord =
      register === commonConfig.deviceFeature
        ? known.featureSelect.device
        : register === commonConfig.driverFeature
          ? known.featureSelect.driver
          : 0;
    const context = { type: known.type, featureWord, write: operation === 'write' };
    return { register: element, meaning: meaningOf(register, value, context) };
  }
  const bytes = width === 1 ? '1 byte' : `${width} bytes`;
  return { register: `${element} (${bytes}${inside === 0 ? '' : ` at +${inside}`})`, meaning: '' };
}

/** A bit of a register as a write has it; null for a write that does not reach it. */
function bitWritten(
  register: Register,
  mask: number,
  offset: number,
  { value, width }: AccessEvent,
): boolean | null {
  const bit = 8 * (register.offset - offset) + Math.log2(mask);
  return bit < 0 || bit >= 8 * width ? null : ((value >>> bit) & 1) !== 0;
}

/** Takes note of what changes the meaning of later accesses. */
function follow(known: Known, { map, offset }: Found, event: AccessEvent): void {
  const { deviceFeatureSelect, driverFeatureSelect } = commonConfig;
  if (map === commonConfig) {
    const cut = (event.value & maskOf(event.width)) >>> 0;
    if (offset === deviceFeatureSelect.offset) known.featureSelect.device = cut;
    else if (offset === driverFeatureSelect.offset) known.featureSelect.driver = cut;
  } else if (map === msixCapability) {
    const enabled = bitWritten(msixCapability.messageControl, messageControl.enable, offset, event);
    known.msixEnabled = enabled ?? known.msixEnabled;
  } else if (map === express && bitWritten(express.deviceControl, INITIATE_FUNCTION_RESET, offset, event))
    known.msixEnabled = false;
}
