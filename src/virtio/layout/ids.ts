/** Vendor of every virtio function (PCI-ID-02). */
export const VIRTIO_VENDOR_ID = 0x1af4;

/** Ids of non-transitional functions start here, transitional subsystem ids equal the type (PCI-ID-03, LEG-ID-02). */
export const MODERN_DEVICE_ID_BASE = 0x1040;

/** Ids of 1.x functions lie in 0x1040..0x107f (PCI-ID-05, PCI-ID-08). */
export const MODERN_ID_RANGE = { first: MODERN_DEVICE_ID_BASE, last: 0x107f } as const;

/** Revision of the legacy interface (LEG-ID-01). */
export const LEGACY_REVISION = 0;

/** Lowest revision and subsystem id of a modern-only function (PCI-ID-06, PCI-ID-07). */
export const MODERN_REVISION = 1;
export const MODERN_SUBSYSTEM_ID = 0x1100;

/** Transitional ids lie in 0x1000..0x103f (LEG-ID-03). */
export const TRANSITIONAL_ID_RANGE = { first: 0x1000, last: 0x103f } as const;

/**
 * The seven types that a transitional function can be. `type` is the virtio device type, `transitionalId` its PCI device
 * id (PCI-ID-09; their order is not that of the types), `classCode` what the observed QEMU shows.
 */
export const deviceTypes = {
  network: { name: 'virtio-net', type: 1, transitionalId: 0x1000, classCode: 0x020000 },
  block: { name: 'virtio-blk', type: 2, transitionalId: 0x1001, classCode: 0x010000 },
  console: { name: 'virtio-console', type: 3, transitionalId: 0x1003, classCode: 0x078000 },
  entropy: { name: 'virtio-rng', type: 4, transitionalId: 0x1005, classCode: 0x00ff00 },
  balloon: { name: 'virtio-balloon', type: 5, transitionalId: 0x1002, classCode: 0x00ff00 },
  scsi: { name: 'virtio-scsi', type: 8, transitionalId: 0x1004, classCode: 0x010000 },
  p9: { name: 'virtio-9p', type: 9, transitionalId: 0x1009, classCode: 0x000200 },
} as const;

export type DeviceTypeName = keyof typeof deviceTypes;
export const deviceTypeNames = Object.keys(deviceTypes) as DeviceTypeName[];
