import { status, type0Header } from '../../pci/index.ts';
import type { DeviceMutant } from './mutant.ts';

/** Functions whose interrupt pin does not do what ISR says. */
export const interruptPinMutants: readonly DeviceMutant[] = [
  {
    name: 'status-without-interrupt',
    breaks: ['PCI-ISR-04'],
    says: 'the interrupt bit of the PCI status is never set',
    bus: () => ({
      read: ({ place, offset }, value) =>
        place === 'config' && offset === type0Header.status.offset ? value & ~status.interrupt : value,
    }),
  },
  {
    name: 'pin-is-silent',
    breaks: ['PCI-ISR-04'],
    says: 'the pin is never asserted',
    device({ pci }) {
      pci.setInterrupt = () => {};
    },
  },
];
