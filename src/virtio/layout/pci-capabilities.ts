import { registers, ro, rw } from '../../core/index.ts';
import { capabilityHeader } from '../../pci/layout/index.ts';

/** What a virtio structure capability points at (PCI-CAP-02). */
export const structureType = {
  common: 1,
  notify: 2,
  isr: 3,
  device: 4,
  pciConfig: 5,
  sharedMemory: 8,
  vendor: 9,
} as const;

/** Structure capability: a vendor-specific capability with a place in a BAR (PCI-CAP-15). */
export const structureCapability = registers({
  ...capabilityHeader,
  capabilityLength: ro(2, 1, 'PCI-CAP-15'),
  structureType: ro(3, 1, 'PCI-CAP-02 PCI-CAP-07'),
  bar: ro(4, 1, 'PCI-CAP-04 PCI-CAP-10'),
  id: ro(5, 1, 'PCI-SHM-02'),
  padding: ro(6, 1, '', { count: 2 }),
  offset: ro(8, 4),
  length: ro(12, 4, 'PCI-CAP-05'),
});

/** Notification capability: queue_notify_off counts in units of the multiplier (PCI-NOT-03). */
export const notifyCapability = registers({
  ...structureCapability,
  notifyOffMultiplier: ro(16, 4, 'PCI-NOT-03'),
});

/** Structure capability whose offset and length have 64 bits: a shared memory region, named by `id`. */
export const sharedMemoryCapability = registers({
  ...structureCapability,
  offsetHigh: ro(16, 4, 'PCI-SHM-01'),
  lengthHigh: ro(20, 4, 'PCI-SHM-01'),
});

/** Vendor data: what follows is the vendor's, up to the capability's length, a multiple of 4 (PCI-VND-04). */
export const vendorDataCapability = registers({
  ...capabilityHeader,
  capabilityLength: ro(2, 1, 'PCI-CAP-15 PCI-VND-04'),
  structureType: ro(3, 1, 'PCI-CAP-02'),
  vendorId: ro(4, 2, 'PCI-VND-03 PCI-VND-07'),
});

/** Window into the BARs through configuration space (PCI-CFGW-01..03). */
export const pciConfigCapability = registers({
  ...structureCapability,
  bar: rw(4, 1, 'PCI-CFGW-02'),
  offset: rw(8, 4, 'PCI-CFGW-02'),
  length: rw(12, 4, 'PCI-CFGW-02'),
  data: rw(16, 4, 'PCI-CFGW-02 PCI-CFGW-03'),
});
