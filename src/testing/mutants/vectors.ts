import { messageControl, msixCapability } from '../../pci/index.ts';
import { commonConfig, legacyVectors, NO_VECTOR, type VirtioFunction } from '../../virtio/index.ts';
import { type BusLies, type DeviceMutant, type MutantAccess, touches } from './mutant.ts';

const isConfigVector = (access: MutantAccess) =>
  touches(access, 'common', commonConfig.configMsixVector) ||
  touches(access, 'legacy', legacyVectors.configMsixVector);
const isQueueVector = (access: MutantAccess) =>
  touches(access, 'common', commonConfig.queueMsixVector) ||
  touches(access, 'legacy', legacyVectors.queueMsixVector);
const isVector = (access: MutantAccess) => isConfigVector(access) || isQueueVector(access);

/** Another vector is written than the driver says; null for none at all. */
const written = (lie: (value: number, access: MutantAccess) => number | null): BusLies => ({
  write: (access, value) => (isVector(access) ? lie(value, access) : value),
});

const control = ({ pci }: VirtioFunction) =>
  pci.capabilities.offsets[0]! + msixCapability.messageControl.offset;

/** Devices that tell by other vectors than they are asked to, or by one where they have none. */
export const vectorMutants: readonly DeviceMutant[] = [
  {
    name: 'vectors-outlive-reset',
    breaks: ['PCI-MSIX-07'],
    says: 'vectors stay mapped in a reset',
    device({ interrupts }) {
      interrupts.reset = () => {};
    },
  },
  {
    name: 'table-size-too-large',
    breaks: ['PCI-MSIX-02'],
    says: 'the table is said to have one vector more than the device takes',
    device(fn) {
      const { pci } = fn;
      // The field is one less than the vectors.
      const { vectors } = pci.msix!;
      pci.config.set(control(fn), 2, (pci.config.get(control(fn), 2) & ~messageControl.tableSize) | vectors);
    },
  },
  {
    name: 'vector-0-refused',
    breaks: ['PCI-MSIX-04'],
    says: 'nothing can be mapped to vector 0',
    bus: () => written((value) => (value === 0 ? NO_VECTOR : value)),
  },
  {
    name: 'vector-shown-otherwise',
    breaks: ['PCI-MSIX-06'],
    says: 'vector registers read one more than was written',
    bus: () => ({ read: (access, value) => (isVector(access) && value !== NO_VECTOR ? value + 1 : value) }),
  },
  {
    name: 'vectors-for-one-event',
    breaks: ['PCI-MSIX-08'],
    says: 'a vector of the configuration is no queue’s',
    bus() {
      let taken = NO_VECTOR;
      return written((value, access) => {
        if (isConfigVector(access)) taken = value;
        return isQueueVector(access) && value === taken ? NO_VECTOR : value;
      });
    },
  },
  {
    name: 'vectors-stay-mapped',
    breaks: ['PCI-MSIX-05'],
    says: 'what is mapped cannot be left without a vector',
    bus: () => written((value) => (value === NO_VECTOR ? null : value)),
  },
  {
    name: 'vectors-cut-off',
    breaks: ['PCI-MSIX-09'],
    says: 'of a vector one bit counts',
    bus: () => written((value) => (value === NO_VECTOR ? value : value & 1)),
  },
  {
    name: 'queue-without-vector-tells',
    breaks: ['PCI-USED-01'],
    says: 'a queue without a vector is told of by the last vector',
    device({ interrupts, pci }) {
      const tell = interrupts.queue.bind(interrupts);
      interrupts.queue = (index) => {
        tell(index);
        if (interrupts.queueVector(index) === NO_VECTOR) pci.msix!.trigger(pci.msix!.vectors - 1, index);
      };
    },
  },
  {
    name: 'configuration-without-vector-tells',
    breaks: ['PCI-CHG-02'],
    says: 'changes of the configuration without a vector are told by vector 0',
    type: 'block',
    device({ interrupts, pci }) {
      const tell = interrupts.config.bind(interrupts);
      interrupts.config = () => {
        tell();
        if (interrupts.configVector === NO_VECTOR) pci.msix!.trigger(0);
      };
    },
  },
];
