import { lengthOf } from '../../core/index.ts';
import { type VirtioFunction, vendorDataCapability } from '../../virtio/index.ts';
import { addStructure } from './capabilities.ts';
import type { DeviceMutant } from './mutant.ts';

/** A function with four bytes of vendor data, whose reader does something. */
function readVendorData(fn: VirtioFunction, does: (at: number) => void): void {
  const bytes = lengthOf(vendorDataCapability);
  const at = addStructure(fn, 'vendor', { vendorId: 0x1d0f, capabilityLength: bytes + 6 }) + bytes;
  fn.pci.config.onRead(at, 6, () => does(at));
}

/** Functions whose shared memory is none, or whose vendor data is more than data. */
export const regionMutants: readonly DeviceMutant[] = [
  {
    name: 'region-outside-bar',
    breaks: ['PCI-SHM-01'],
    says: 'a shared memory region ends beyond its BAR',
    device: (fn) => void addStructure(fn, 'sharedMemory', { offset: 0x3000, lengthHigh: 1 }),
  },
  {
    name: 'region-over-registers',
    breaks: ['SHM-01'],
    says: 'a shared memory region lies over the common configuration',
    device: (fn) => void addStructure(fn, 'sharedMemory', { offset: 0 }),
  },
  {
    name: 'vendor-data-counts-reads',
    breaks: ['PCI-VND-05'],
    says: 'vendor data counts how often it was read',
    device(fn) {
      const { config } = fn.pci;
      readVendorData(fn, (at) => config.set(at, 1, (config.get(at, 1) + 1) & 0xff));
    },
  },
  {
    name: 'vendor-data-resets',
    breaks: ['PCI-VND-01'],
    says: 'reading vendor data resets the device',
    device: (fn) => readVendorData(fn, () => fn.device.reset()),
  },
];
