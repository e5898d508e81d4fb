import {
  bareCapabilityDraft,
  capabilityBytes,
  type Draft,
  draft2023,
  encodingOf,
  fixedVectorsDraft,
} from '../../mmr/layout/index.ts';
import { legacyHeader, legacyVectors, VIRTIO_VENDOR_ID } from '../../virtio/layout/index.ts';
import type { DraftDocument, DraftField, DraftRules } from '../document/document.ts';
import { fieldsOf } from './fields.ts';

export const HEADER = 'legacy header';
export const BLOCK = 'legacy block';

/** Registers of the legacy block. */
export const legacyFields = (msixShift: Draft['msixShift']): DraftField[] => [
  ...fieldsOf(legacyHeader),
  ...fieldsOf(legacyVectors).map((field) =>
    msixShift === 'fixed' ? field : { ...field, when: 'msix' as const },
  ),
];

/** What all readings of the MMR draft have in common, beside what their tables say. */
export const common: DraftRules = {
  postedWrites: 'flushed-by-read',
  registerOrder: 'little',
  configOrder: 'guest',
  orderTold: 'out-of-band',
  resets: [
    { by: 'status', what: ['status', 'features', 'queues', 'vectors'] },
    { by: 'function-level-reset', what: ['the device', 'configuration space'] },
  ],
  withoutMsix: 'translated',
};

/** A reading of the MMR draft as a document. */
export function documentOfDraft(draft: Draft, title?: string): DraftDocument {
  const { vendorId, revisionId, deviceIds, msixShift, resetHandshake } = draft;
  return {
    draft: 1,
    name: draft.name,
    ...(title === undefined ? {} : { title }),
    ids: {
      vendor: vendorId,
      revision: revisionId,
      devices: Object.entries(deviceIds).map(([type, id]) => ({ type, id })),
    },
    capabilities: [
      {
        name: 'legacy block capability',
        list: 'extended',
        id: draft.extendedCapabilityId,
        version: draft.extendedCapabilityVersion,
        cfgType: draft.cfgType,
        length: capabilityBytes(draft),
        fields: fieldsOf(encodingOf(draft).map, { offset: 4, length: 4 }),
        points: BLOCK,
      },
    ],
    structures: [{ name: HEADER, fields: legacyFields(msixShift) }],
    blocks: [
      {
        name: BLOCK,
        structure: HEADER,
        space: 'memory',
        bar: draft.bar,
        offset: draft.offset,
        alignment: draft.offsetAlignment,
        prefetchable: draft.prefetchable,
        legacy: true,
      },
    ],
    rules: { ...common, msixShift, resetHandshake },
    virtualFunctions: true,
  };
}

/** What the cover letter of March 2023 fixes, and nothing more. */
const letter: DraftDocument = {
  draft: 1,
  name: 'mmr-letter',
  title: 'The transitional MMR device, as the cover letter of March 2023 has it',
  ids: { vendor: VIRTIO_VENDOR_ID, devices: [] },
  capabilities: [
    {
      name: 'legacy block capability',
      list: 'extended',
      id: draft2023.extendedCapabilityId,
      cfgType: draft2023.cfgType,
      fields: [
        { name: 'header', width: 4 },
        { name: 'bar', width: 1 },
        { name: 'offset', width: 4, offset: 8 },
      ],
      points: BLOCK,
    },
  ],
  structures: [{ name: HEADER, fields: legacyFields('as-legacy') }],
  blocks: [{ name: BLOCK, structure: HEADER, space: 'memory', offset: draft2023.offset, legacy: true }],
  virtualFunctions: true,
};

export const mmrDocuments: readonly DraftDocument[] = [
  documentOfDraft(draft2023, 'The transitional MMR draft of March 2023, as this project reads it'),
  documentOfDraft(fixedVectorsDraft, 'The vector registers always stand in the block'),
  documentOfDraft(bareCapabilityDraft, 'The capability without a vendor-specific header'),
  documentOfDraft(
    { ...draft2023, name: 'mmr-no-handshake', resetHandshake: 'none' },
    'Nothing tells a driver that a reset is done',
  ),
  letter,
];
