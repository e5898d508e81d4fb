import type { RegisterMap, Width } from '../core/index.ts';
import {
  barsOf,
  type ConfigImage,
  type FoundCapability,
  type ImageBar,
  type WalkedList,
  walkLists,
} from '../driver/index.ts';
import { claimOf } from '../mmr/access/claim.ts';
import { type Draft, draft2023, draftOf } from '../mmr/layout/index.ts';
import {
  capabilityHeader,
  capabilityId,
  EXTENDED_START,
  headerType,
  type0Header,
  type1Header,
} from '../pci/layout/index.ts';
import { kindOfTransitionalIds, VIRTIO_VENDOR_ID } from '../virtio/layout/index.ts';
import {
  type ConfigBus,
  configTables,
  type Field,
  fieldsOf,
  type PlacedTable,
  readField,
} from './config-tables.ts';
import type { VirtioKind } from './describe.ts';

/** A capability with its fields by name, header fields left out. A field is null where its bytes are unknown. */
export interface ImageCapability {
  readonly offset: number;
  readonly id: number;
  readonly name: string;
  readonly fields: Readonly<Record<string, number | null>>;
}

/** A function as its configuration space was written down: null is what is unknown. */
export interface ImageDescription {
  readonly vendorId: number | null;
  readonly deviceId: number | null;
  readonly revisionId: number | null;
  readonly classCode: number | null;
  readonly header: 'function' | 'bridge' | 'cardBus' | null;
  readonly subsystemVendorId: number | null;
  readonly subsystemId: number | null;
  readonly interruptPin: number | null;
  readonly interruptLine: number | null;
  /** Numbers of a bridge's buses. */
  readonly buses: Readonly<Record<'primary' | 'secondary' | 'subordinate', number | null>> | null;
  /** Number of the virtio device type; null where the function is none of virtio's. */
  readonly typeNumber: number | null;
  /** Name of the device type, as `virtio-blk`; null where it is none that this project knows. */
  readonly device: string | null;
  /** `unknown` where a list that was cut may have had structures of virtio 1.x. */
  readonly kind: VirtioKind | 'unknown' | null;
  readonly bars: readonly ImageBar[];
  readonly capabilities: readonly ImageCapability[];
  readonly extended: readonly ImageCapability[];
  /** Why each list ends: `unknown` where its bytes do. */
  readonly ends: Readonly<Record<'capabilities' | 'extended', WalkedList['end']>>;
  /** Bytes that are known from the start on. */
  readonly knownBytes: number;
}

/** Nobody's id. */
const NO_VENDOR = 0xffff;

/** Bridges have two BARs, CardBus bridges none. */
const barCounts = { function: type0Header.bar.count, bridge: type1Header.bar.count, cardBus: 0 } as const;

/** The reading of the draft that an extended capability of a virtio function follows, or null. */
const draftAt = (image: ConfigImage, offset: number): Draft | null =>
  image.ask((read) => draftOf((at) => read(offset + at, 4)));

function capabilityOf(image: ConfigImage, { id, offset }: FoundCapability, virtio: boolean): ImageCapability {
  const bus: ConfigBus = { configRead: (_fn, at, width) => image.read(at, width) };
  const extended = offset >= EXTENDED_START;
  const draft = extended ? draftAt(image, offset) : draft2023;
  const places = {
    address: 0,
    vendorId: virtio ? VIRTIO_VENDOR_ID : NO_VENDOR,
    capabilities: [],
    extended: [],
    [extended ? 'extended' : 'capabilities']: [{ id, offset }],
  };
  const bare: PlacedTable = { name: 'vendorSpecific', start: offset, map: capabilityHeader };
  const table = image.ask(() => configTables(bus, places, draft)[1]!) ?? bare;
  const read = (field: Field) => image.ask(() => readField(bus, 0, table, field));
  return {
    offset,
    id,
    name: table.name,
    fields: Object.fromEntries(fieldsOf(table).map((field) => [field.name, read(field)])),
  };
}

/** Ids of the legacy interface: what else the function has, its capabilities tell. */
function kindOfLegacy(
  bars: readonly ImageBar[],
  capabilities: readonly ImageCapability[],
  end: WalkedList['end'],
): VirtioKind | 'unknown' {
  const modern = capabilities.some(
    ({ id, fields }) => id === capabilityId.vendorSpecific && 'structureType' in fields,
  );
  return !modern && end === 'unknown' ? 'unknown' : kindOfTransitionalIds(bars, modern);
}

/** Reads everything that a configuration space says of itself, as far as it is known. Never throws. */
export function describeImage(image: ConfigImage): ImageDescription {
  const field = (map: RegisterMap, name: string) =>
    image.ask((read) => read(map[name]!.offset, map[name]!.width as Width));
  const get = (name: keyof typeof type0Header) => field(type0Header, name);
  const type = get('headerType');
  const kindOfHeader = (['function', 'bridge', 'cardBus'] as const).find(
    (name) => type !== null && headerType[name] === (type & headerType.mask),
  );
  const header = kindOfHeader ?? null;
  const lists = walkLists(image);
  const virtio = get('vendorId') === VIRTIO_VENDOR_ID;
  const capabilities = lists.capabilities.found.map((each) => capabilityOf(image, each, virtio));
  const [vendorId, deviceId, revisionId] = [get('vendorId'), get('deviceId'), get('revisionId')];
  const own = header === 'function';
  const [subsystemVendorId, subsystemId] = own
    ? [get('subsystemVendorId'), get('subsystemId')]
    : [null, null];
  const claim =
    !own || vendorId === null || deviceId === null
      ? null
      : claimOf({ vendorId, deviceId, revisionId: revisionId ?? 0, subsystemId: subsystemId ?? 0 });
  const bars = barsOf(image, header === null ? 0 : barCounts[header]);
  const [base, sub, interface_] = [get('baseClass'), get('subClass'), get('programmingInterface')];
  return {
    vendorId,
    deviceId,
    revisionId,
    classCode:
      base === null || sub === null || interface_ === null ? null : (base << 16) | (sub << 8) | interface_,
    header,
    subsystemVendorId,
    subsystemId,
    interruptPin: get('interruptPin'),
    interruptLine: get('interruptLine'),
    buses:
      header === 'bridge'
        ? {
            primary: field(type1Header, 'primaryBusNumber'),
            secondary: field(type1Header, 'secondaryBusNumber'),
            subordinate: field(type1Header, 'subordinateBusNumber'),
          }
        : null,
    typeNumber: claim?.typeNumber ?? null,
    device: claim?.type?.functionName ?? null,
    kind:
      claim?.ids === 'transitional'
        ? kindOfLegacy(bars, capabilities, lists.capabilities.end)
        : (claim?.ids ?? null),
    bars,
    capabilities,
    extended: lists.extended.found.map((each) => capabilityOf(image, each, virtio)),
    ends: { capabilities: lists.capabilities.end, extended: lists.extended.end },
    knownBytes: image.length,
  };
}
