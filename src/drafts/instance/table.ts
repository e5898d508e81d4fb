import { lengthOf, type Register, ro } from '../../core/index.ts';
import { type CapabilityEncoding, type Draft, draft2023, draftFaults } from '../../mmr/index.ts';
import { extendedCapabilityId } from '../../pci/layout/index.ts';
import { VIRTIO_VENDOR_ID } from '../../virtio/index.ts';
import { legacyRow } from '../checks/blocks.ts';
import { hasVendorHeader } from '../checks/capabilities.ts';
import { plainName } from '../checks/check.ts';
import { isTransitionalId } from '../checks/ids.ts';
import type { DraftDocument } from '../document/document.ts';
import type { DraftModel, PlacedCapability, PlacedField, PlacedStructure } from '../model.ts';

/** A draft that functions can be made by: of a document, what its legacy block is. */
export interface DraftTable {
  /**
   * A function with the draft's capability and ids; one with the ids of legacy functions and BAR0 in memory; or a modern one
   * over which legacy registers are made up.
   */
  readonly kind: 'mmr' | 'legacy-memory' | 'modern-shim';
  readonly draft: Draft;
  readonly structure: PlacedStructure;
  /** Choices that the document leaves open, and what was taken. */
  readonly assumed: readonly string[];
}

/** Why a document cannot be run. */
export interface NotRun {
  readonly reasons: readonly string[];
}

const PLACES = ['bar', 'offset', 'length'] as const;

/** Bytes of a capability's field, wherever they stand. */
const registerOf = ({ offset, bytes }: PlacedField): Register => ro(offset, 1, '', { count: bytes });

/** The encoding that a capability describes; null where it does not say where its block is. */
function encodingOf({ capability, fields, length }: PlacedCapability): CapabilityEncoding | null {
  const named = (name: string) => fields.find(({ field }) => plainName(field.name) === name);
  const [bar, offset, bytes] = PLACES.map(named);
  if (bar === undefined || offset === undefined || bytes === undefined) return null;
  const cfgType = named('cfgtype');
  const vendorHeader = capability.id === extendedCapabilityId.vendorSpecific && hasVendorHeader(fields);
  const map = {
    bar: registerOf(bar),
    offset: registerOf(offset),
    length: registerOf(bytes),
    ...(cfgType === undefined || vendorHeader ? {} : { cfgType: registerOf(cfgType) }),
  };
  const end = lengthOf(map);
  const tail: Record<string, Register> =
    length > end ? { tail: ro(end, 1, '', { count: length - end }) } : {};
  return { map: { ...map, ...tail }, vendorHeader };
}

const idsOf = ({ ids }: DraftDocument) =>
  Object.fromEntries((ids?.devices ?? []).map(({ type, id }) => [type, id]));

/** What a document says of a choice, or what is taken in its place, which is told. */
function chooser(assumed: string[]) {
  return <T>(what: string, said: T | undefined, otherwise: T): T => {
    if (said !== undefined) return said;
    assumed.push(`${what}: ${String(otherwise)}`);
    return otherwise;
  };
}

/** The table by which functions of a document can be made; else the reasons why none can. */
export function tableOf(model: DraftModel): DraftTable | NotRun {
  const { document } = model;
  const row = legacyRow(model);
  if (row === undefined) return { reasons: ['it describes no legacy block'] };
  const { block, structure } = row;
  if (structure === undefined) return { reasons: [`the registers of ${block.name} are not said`] };
  if (block.space === 'io')
    return { reasons: [`${block.name} stands in I/O space, where legacy drivers find it`] };
  const { ids, rules = {} } = document;
  if (ids === undefined || ids.devices.length === 0) return { reasons: ['no device type has an id'] };
  const assumed: string[] = [];
  const choose = chooser(assumed);
  const capability = model.capabilities.find(({ capability: { points } }) => points === block.name);
  const transitional = ids.devices.every(({ id }) => isTransitionalId(id)) && ids.vendor === VIRTIO_VENDOR_ID;
  const emulated = block.space === 'emulated';
  if (capability === undefined && !transitional && !emulated)
    return { reasons: [`no capability leads to ${block.name}`] };
  if (capability?.capability.list === 'ordinary')
    return {
      reasons: [`${capability.capability.name} is an ordinary capability: functions here have extended ones`],
    };
  const encoding = capability === undefined ? draft2023.encoding : encodingOf(capability);
  if (encoding === null)
    return { reasons: [`${capability!.capability.name} does not say bar, offset and length`] };
  const offset = emulated ? draft2023.offset : choose('place', block.offset, draft2023.offset);
  const draft: Draft = {
    name: document.name,
    vendorId: ids.vendor,
    revisionId: choose('revision', ids.revision, draft2023.revisionId),
    deviceIds: idsOf(document),
    extendedCapabilityId: capability?.capability.id ?? draft2023.extendedCapabilityId,
    extendedCapabilityVersion: capability?.capability.version ?? draft2023.extendedCapabilityVersion,
    cfgType: capability?.capability.cfgType ?? draft2023.cfgType,
    encoding,
    msixShift: choose('msixShift', rules.msixShift, draft2023.msixShift),
    resetHandshake: choose('resetHandshake', rules.resetHandshake, draft2023.resetHandshake),
    bar: (emulated ? draft2023.bar : choose('BAR', block.bar, draft2023.bar)) as Draft['bar'],
    offset,
    offsetAlignment:
      block.alignment ?? (offset % draft2023.offsetAlignment === 0 ? draft2023.offsetAlignment : 4),
    prefetchable: block.prefetchable ?? draft2023.prefetchable,
  };
  choose('postedWrites', rules.postedWrites, 'flushed-by-read');
  if (emulated) return { kind: 'modern-shim', draft, structure, assumed };
  if (transitional) return { kind: 'legacy-memory', draft, structure, assumed };
  const faults = draftFaults(draft);
  if (faults.length > 0)
    return {
      reasons: faults.map(({ field, value, wants }) =>
        typeof value === 'object'
          ? `${field}: wants ${wants}`
          : `${field} is ${String(value)}; wants ${wants}`,
      ),
    };
  return { kind: 'mmr', draft, structure, assumed };
}

export const cannotRun = (table: DraftTable | NotRun): table is NotRun => 'reasons' in table;
