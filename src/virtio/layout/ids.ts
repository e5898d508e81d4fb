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
