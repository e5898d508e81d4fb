import {
  type DeviceType,
  deviceTypes,
  LEGACY_REVISION,
  MODERN_DEVICE_ID_BASE,
  MODERN_REVISION,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import type { DraftDocument } from '../document/document.ts';
import { BLOCK, common, HEADER, legacyFields } from './mmr.ts';

/*
 * Other ways to the same end, as documents: what exists, and what was proposed in place of the MMR draft.
 */

const structures = [{ name: HEADER, fields: legacyFields('as-legacy') }];
const idsOf = (idOf: (type: DeviceType) => number | null) =>
  deviceTypes.flatMap((type) => {
    const id = idOf(type);
    return id === null || type.transitionalId === null ? [] : [{ type: type.name, id }];
  });
const transitional = idsOf(({ transitionalId }) => transitionalId);

/** What 1.4 has, put where it was never meant to be. */
const ioBar: DraftDocument = {
  draft: 1,
  name: 'io-bar',
  title: 'The transitional function of 1.4, as a virtual function',
  ids: { vendor: VIRTIO_VENDOR_ID, revision: LEGACY_REVISION, devices: transitional },
  structures,
  blocks: [{ name: BLOCK, structure: HEADER, space: 'io', bar: 0, offset: 0, legacy: true }],
  rules: { ...common, msixShift: 'as-legacy', resetHandshake: 'none' },
  virtualFunctions: true,
};

/** Software makes legacy registers up over the structures of 1.x: what a reviewer asked for, and why it fails. */
const modernShim: DraftDocument = {
  draft: 1,
  name: 'modern-shim',
  title: 'Legacy registers that software makes up over the structures of a modern function',
  ids: {
    vendor: VIRTIO_VENDOR_ID,
    revision: MODERN_REVISION,
    devices: idsOf(({ typeNumber }) => MODERN_DEVICE_ID_BASE + typeNumber),
  },
  structures,
  blocks: [{ name: BLOCK, structure: HEADER, space: 'emulated', legacy: true }],
  rules: { ...common, msixShift: 'as-legacy', resetHandshake: 'read-back' },
  virtualFunctions: true,
};

/** The legacy block in a memory BAR under transitional ids, as clouds have it. `devices` are the types they show. */
const legacyMemory: DraftDocument = {
  draft: 1,
  name: 'legacy-memory',
  title: 'The legacy block in a memory BAR0 of a function with legacy ids',
  ids: {
    vendor: VIRTIO_VENDOR_ID,
    revision: LEGACY_REVISION,
    devices: [
      { type: 'network', id: 0x1000 },
      { type: 'block', id: 0x1001 },
    ],
  },
  structures,
  blocks: [
    {
      name: BLOCK,
      structure: HEADER,
      space: 'memory',
      bar: 0,
      offset: 0,
      length: 0x1000,
      prefetchable: true,
      legacy: true,
    },
  ],
  rules: { msixShift: 'as-legacy', registerOrder: 'little', configOrder: 'guest' },
};

export const otherDocuments: readonly DraftDocument[] = [legacyMemory, ioBar, modernShim];
