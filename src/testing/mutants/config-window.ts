import { pciConfigCapability } from '../../virtio/index.ts';
import { capabilityAt } from './capabilities.ts';
import type { DeviceMutant } from './mutant.ts';

/** Functions whose window leads nowhere. */
export const configWindowMutants: readonly DeviceMutant[] = [
  {
    name: 'window-reads-0',
    breaks: ['PCI-CFGW-03'],
    says: 'pci_cfg_data reads 0',
    setting: 'modern',
    device(fn) {
      const { config } = fn.pci;
      const data = capabilityAt(fn, 'pciConfig') + pciConfigCapability.data.offset;
      const read = config.read.bind(config);
      config.read = (offset, width) => (offset === data ? 0 : read(offset, width));
    },
  },
  {
    name: 'window-never-writes',
    breaks: ['PCI-CFGW-02'],
    says: 'what is written into pci_cfg_data gets nowhere',
    setting: 'modern',
    device(fn) {
      const { config } = fn.pci;
      const data = capabilityAt(fn, 'pciConfig') + pciConfigCapability.data.offset;
      const write = config.write.bind(config);
      config.write = (offset, width, value) => {
        if (offset !== data) write(offset, width, value);
      };
    },
  },
];
