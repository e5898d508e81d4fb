import { lengthOf, sizeOf, VirtiolabError } from '../../core/index.ts';
import { extendedHeader, vendorSpecificExtended } from '../../pci/layout/index.ts';
import {
  type DeviceType,
  deviceTypes,
  MODERN_DEVICE_ID_BASE,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import { type CapabilityEncoding, type Draft, encodingOf, encodings } from './draft.ts';
import { idInDraft } from './identity.ts';

/** A choice of a draft with which no function can be made, or none that software would take for what it is. */
export interface DraftFault {
  /** The field of the table, as in `deviceIds.block`. */
  readonly field: string;
  readonly value: unknown;
  readonly wants: string;
}

/** A draft's table with which no function can be made. `faults` has all that is wrong with it. */
export class DraftError extends VirtiolabError {
  readonly draft: string;
  readonly faults: readonly DraftFault[];

  constructor(draft: string, faults: readonly DraftFault[]) {
    const lines = faults.map(({ field, value, wants }) => `${field} ${shown(value)}: wants ${wants}`);
    super(`draft ${shown(draft)}: ${lines.join('; ')}`);
    this.draft = draft;
    this.faults = faults;
  }
}

function shown(value: unknown): string {
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= 0 ? `0x${value.toString(16)}` : `${value}`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const LAST_BAR = 5;
const MOST_OFFSET = 2 ** 31;
/** What a vendor-specific header's length holds, and more than is free. */
const MOST_CAPABILITY_BYTES = 256;
/** What an empty slot reads. */
const NO_ID = 0xffff;

type Row = readonly [field: keyof Draft, holds: (value: never) => boolean, wants: string];

const whole = (least: number, most: number) => (value: number) =>
  Number.isInteger(value) && value >= least && value <= most;
const among =
  (...values: readonly unknown[]) =>
  (value: unknown) =>
    values.includes(value);

const alignmentHolds = (value: number) => whole(4, MOST_OFFSET)(value) && Number.isInteger(Math.log2(value));

/** Fields of an encoding that hold what they are for, behind the header and whatever else the capability begins with. */
function fieldsHold({ map, vendorHeader }: CapabilityEncoding): boolean {
  const least = lengthOf(vendorHeader ? vendorSpecificExtended : extendedHeader);
  const { bar, offset, length, cfgType } = map ?? {};
  const needed = [
    [bar, 1],
    [offset, 4],
    [length, 2],
    ...(cfgType === undefined ? [] : [[cfgType, 1] as const]),
  ] as const;
  const taken = new Set<number>();
  for (const [field, bytes] of needed) {
    if (field === undefined || field.offset < least || sizeOf(field) < bytes) return false;
    for (let at = field.offset; at < field.offset + sizeOf(field); at++)
      if (taken.has(at) || !taken.add(at)) return false;
  }
  return lengthOf(map) <= MOST_CAPABILITY_BYTES && lengthOf(map) % 4 === 0;
}

function isEncoding(value: Draft['encoding']): boolean {
  if (typeof value === 'string') return Object.hasOwn(encodings, value);
  return typeof value === 'object' && value !== null && fieldsHold(value);
}

/** What each field by itself has to be. */
const rows: readonly Row[] = [
  ['name', (value: unknown) => typeof value === 'string' && value !== '', 'a name'],
  ['vendorId', whole(1, NO_ID - 1), '0x1..0xfffe'],
  ['revisionId', whole(0, 0xff), '0..0xff'],
  ['extendedCapabilityId', whole(1, 0xffff), '0x1..0xffff'],
  ['extendedCapabilityVersion', whole(1, 15), '1..15 (PCI Express 5.0, section 7.6.3)'],
  [
    'encoding',
    isEncoding,
    `${Object.keys(encodings).join(' or ')}, or fields bar, offset and length behind the header`,
  ],
  ['msixShift', among('as-legacy', 'fixed'), 'as-legacy or fixed'],
  ['resetHandshake', among('read-back', 'none'), 'read-back or none'],
  ['bar', whole(0, LAST_BAR), `0..${LAST_BAR} (PCI-CAP-04)`],
  ['offset', whole(0, MOST_OFFSET), `0..0x${MOST_OFFSET.toString(16)}`],
  ['offsetAlignment', alignmentHolds, 'a power of two, 4 and up'],
  ['prefetchable', among(true, false), 'true or false'],
];

/** A byte holds the cfg_type of the one encoding, 16 bits of a vendor-specific header that of the other. */
const mostCfgType = (draft: Draft) =>
  isEncoding(draft.encoding) && !encodingOf(draft).vendorHeader ? 0xff : 0xffff;

/** Ids by which software would take a function for another. */
function idFaults(draft: Draft, types: readonly DeviceType[]): DraftFault[] {
  const faults: DraftFault[] = [];
  const owners = new Map<number, string>();
  if (draft.vendorId === VIRTIO_VENDOR_ID)
    for (const { name, transitionalId, typeNumber } of types) {
      if (transitionalId !== null) owners.set(transitionalId, `the transitional id of ${name}`);
      owners.set(MODERN_DEVICE_ID_BASE + typeNumber, `the modern id of ${name}`);
    }
  const named = new Map(Object.entries(draft.deviceIds));
  for (const type of types) {
    const id = idInDraft(type, draft);
    if (id !== null && !named.has(type.name)) named.set(type.name, id);
  }
  for (const [name, id] of named) {
    const field = `deviceIds.${name}`;
    const owner = owners.get(id);
    if (!whole(1, NO_ID - 1)(id)) faults.push({ field, value: id, wants: '0x1..0xfffe' });
    else if (owner !== undefined)
      faults.push({ field, value: id, wants: `an id that is not ${owner} (PCI-ID-03)` });
    else owners.set(id, `the draft's id of ${name}`);
  }
  return faults;
}

/**
 * What keeps a draft's table from being built, or from being found for what it is.
 * @param types device types whose functions it is for, beside those that it names.
 */
export function draftFaults(draft: Draft, types: readonly DeviceType[] = deviceTypes): DraftFault[] {
  const faults: DraftFault[] = rows.flatMap(([field, holds, wants]) =>
    holds(draft[field] as never) ? [] : [{ field, value: draft[field], wants }],
  );
  const { cfgType, offset, offsetAlignment } = draft;
  const most = mostCfgType(draft);
  if (!whole(1, most)(cfgType))
    faults.push({ field: 'cfgType', value: cfgType, wants: `1..0x${most.toString(16)}` });
  if (alignmentHolds(offsetAlignment) && offset % offsetAlignment !== 0)
    faults.push({ field: 'offset', value: offset, wants: `a multiple of ${offsetAlignment}` });
  return [...faults, ...idFaults(draft, types)];
}

/** Refuses a draft that cannot be built, or whose functions would be taken for others. @throws DraftError */
export function checkDraft(draft: Draft, types: readonly DeviceType[] = deviceTypes): Draft {
  const faults = draftFaults(draft, types);
  if (faults.length > 0) throw new DraftError(draft.name, faults);
  return draft;
}
