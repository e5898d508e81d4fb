import {
  type DeviceType,
  deviceTypes,
  MODERN_DEVICE_ID_BASE,
  ModernOnlyTypeError,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import { type Draft, draft2023 } from './draft.ts';

/** What a function's ids say: `legacy` stands for transitional functions too, whose ids are the same (PCI-ID-09). */
export interface VirtioIdentity {
  readonly type: DeviceType;
  readonly ids: 'legacy' | 'modern' | 'mmr';
}

/** PCI device id of a type's MMR functions, or null where neither draft nor type has one. */
export const idInDraft = (type: DeviceType, draft: Draft) => draft.deviceIds[type.name] ?? type.mmrId;

/** A type can be an MMR function of that draft. */
export const hasMmrId = (type: DeviceType, draft: Draft): boolean => idInDraft(type, draft) !== null;

/** PCI device id of a type's MMR functions: the draft's, or where that names none, the type's own. @throws ModernOnlyTypeError */
export function mmrIdOf(type: DeviceType, draft: Draft): number {
  const id = idInDraft(type, draft);
  if (id === null)
    throw new ModernOnlyTypeError(type, 'mmr', `id, nor has the draft ${draft.name} one for it`);
  return id;
}

/** The virtio device behind a vendor and a device id, or null for another maker's, or one that is of none of the types. */
export function identify(
  vendorId: number,
  deviceId: number,
  draft: Draft = draft2023,
  types = deviceTypes,
): VirtioIdentity | null {
  for (const type of types) {
    if (vendorId === draft.vendorId && deviceId === idInDraft(type, draft)) return { type, ids: 'mmr' };
    if (vendorId !== VIRTIO_VENDOR_ID) continue;
    if (deviceId === type.transitionalId) return { type, ids: 'legacy' };
    if (deviceId === MODERN_DEVICE_ID_BASE + type.typeNumber) return { type, ids: 'modern' };
  }
  return null;
}
