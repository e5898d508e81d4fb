import {
  type DeviceTypeName,
  deviceTypeNames,
  deviceTypes,
  MODERN_DEVICE_ID_BASE,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import { type Draft, draft2023 } from './draft.ts';

/** What a function's ids say: `legacy` stands for transitional functions too, whose ids are the same (PCI-ID-09). */
export interface VirtioIdentity {
  readonly type: DeviceTypeName;
  readonly ids: 'legacy' | 'modern' | 'mmr';
}

/** The virtio device behind a vendor and a device id, or null for another maker's or another type's. */
export function identify(
  vendorId: number,
  deviceId: number,
  draft: Draft = draft2023,
): VirtioIdentity | null {
  for (const type of deviceTypeNames) {
    if (vendorId === draft.vendorId && deviceId === draft.deviceIds[type]) return { type, ids: 'mmr' };
    if (vendorId !== VIRTIO_VENDOR_ID) continue;
    if (deviceId === deviceTypes[type].transitionalId) return { type, ids: 'legacy' };
    if (deviceId === MODERN_DEVICE_ID_BASE + deviceTypes[type].type) return { type, ids: 'modern' };
  }
  return null;
}
