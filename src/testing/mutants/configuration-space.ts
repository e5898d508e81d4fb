import { capabilityHeader, messageControl, msixCapability, type0Header } from '../../pci/index.ts';
import { structureCapability, structureType, type VirtioFunction } from '../../virtio/index.ts';
import { addStructure, capabilityAt, type StructureName, setConfig } from './capabilities.ts';
import type { DeviceMutant } from './mutant.ts';

const { vendorId, deviceId, revisionId, subsystemId, bar } = type0Header;
type Header = typeof vendorId;

/** One register of the header holds something else. */
const header = (
  name: string,
  breaks: string,
  says: string,
  register: Header,
  value: number,
  more: Partial<DeviceMutant> = {},
): DeviceMutant => ({
  name,
  breaks: [breaks],
  says,
  device: (fn) => setConfig(fn, register, value),
  ...more,
});

/** There is one more capability of a structure, and something is wrong with it. */
const extra = (
  name: string,
  breaks: string,
  says: string,
  structure: StructureName,
  values: Readonly<Record<string, number>>,
): DeviceMutant => ({
  name,
  breaks: [breaks],
  says,
  device: (fn) => void addStructure(fn, structure, values),
});

/** A capability says that it is of another structure, of which there is one already. */
const missing = (structure: StructureName, breaks: string, other: StructureName = 'isr'): DeviceMutant => ({
  name: `no-${structure.toLowerCase()}-structure`,
  breaks: [breaks],
  says: `there is no capability of a ${structure} structure`,
  type: 'block',
  device: (fn) =>
    setConfig(fn, structureCapability.structureType, structureType[other], capabilityAt(fn, structure)),
});

const modern = { kind: 'modern' } as const;

const msixAt = ({ pci }: VirtioFunction) => pci.capabilities.offsets[0]!;

/** Functions whose configuration space tells what is not, or cannot be. */
export const configurationSpaceMutants: readonly DeviceMutant[] = [
  header('other-vendor', 'PCI-ID-02', 'the vendor is another', vendorId, 0x1af5),
  header('id-of-no-type', 'PCI-ID-03', 'the device id is of type 0', deviceId, 0x1040, modern),
  header('id-of-another-type', 'PCI-ID-03', 'the device id is of a block device', deviceId, 0x1001),
  header(
    'transitional-id-without-legacy',
    'PCI-ID-05',
    'a modern function has a transitional id',
    deviceId,
    0x1005,
    modern,
  ),
  header('modern-id-with-legacy', 'LEG-ID-03', 'a transitional function has a modern id', deviceId, 0x1044),
  header('p9-modern-id', 'P9-01', 'the device id of a 9P transport is not that of type 9', deviceId, 0x104a, {
    type: 'p9',
    ...modern,
  }),
  header('p9-subsystem', 'P9-02', 'the subsystem of a 9P transport is not 9', subsystemId, 10, {
    type: 'p9',
  }),
  header('modern-revision-0', 'PCI-ID-06', 'a modern function has revision 0', revisionId, 0, modern),
  header('modern-subsystem-low', 'PCI-ID-07', 'a modern function has subsystem 4', subsystemId, 4, modern),
  header('transitional-revision-1', 'LEG-ID-01', 'a transitional function has revision 1', revisionId, 1),
  header('transitional-subsystem', 'LEG-ID-02', 'a transitional subsystem is not the type', subsystemId, 5),
  {
    name: 'legacy-in-memory',
    breaks: ['LEG-DET-01', 'LEG-LAY-01'],
    says: 'BAR0 says that it is in memory',
    bus: () => ({
      read: ({ place, offset }, value) =>
        place === 'config' && offset === bar.offset ? (value & ~1) >>> 0 : value,
    }),
  },
  {
    name: 'capabilities-in-a-circle',
    breaks: ['PCI-BUS-01'],
    says: 'the list of capabilities comes back to where it was',
    device({ pci }) {
      const { offsets } = pci.capabilities;
      pci.capabilities.link(offsets.at(-1)! + capabilityHeader.nextPointer.offset, offsets[0]!);
    },
  },
  extra('reserved-structure', 'PCI-CAP-02', 'a capability has a reserved type', 'isr', { structureType: 10 }),
  extra('structure-in-no-bar', 'PCI-CAP-04', 'a structure stands in BAR6', 'isr', { bar: 6 }),
  extra('capability-too-short', 'PCI-CAP-15', 'a capability leaves bytes out of its length', 'isr', {
    capabilityLength: 8,
  }),
  extra('common-misaligned', 'PCI-COM-01', 'a common configuration stands at offset 2', 'common', {
    offset: 2,
  }),
  extra('notify-misaligned', 'PCI-NOT-02', 'a notify structure stands at offset 1', 'notify', { offset: 1 }),
  extra('multiplier-of-3', 'PCI-NOT-03', 'a notify multiplier is 3', 'notify', { notifyOffMultiplier: 3 }),
  extra('notify-of-one-byte', 'PCI-NOT-04', 'a notify structure has one byte', 'notify', { length: 1 }),
  extra('device-misaligned', 'PCI-DEV-02', 'a device structure stands at offset 2', 'device', { offset: 2 }),
  missing('common', 'PCI-COM-02'),
  missing('notify', 'PCI-NOT-01'),
  missing('isr', 'PCI-ISR-01', 'common'),
  missing('device', 'PCI-DEV-01'),
  missing('pciConfig', 'PCI-CFGW-01'),
  {
    name: 'region-id-twice',
    breaks: ['PCI-SHM-02'],
    says: 'two shared memory regions have the same id',
    device(fn) {
      for (const offset of [0x4000, 0x5000]) addStructure(fn, 'sharedMemory', { id: 1, offset });
    },
  },
  extra('vendor-data-of-virtio', 'PCI-VND-03', 'vendor data says that it is of 1AF4', 'vendor', {
    vendorId: 0x1af4,
    capabilityLength: 8,
  }),
  extra('vendor-data-length', 'PCI-VND-04', 'vendor data has 10 bytes', 'vendor', {
    vendorId: 0x1d0f,
    capabilityLength: 10,
  }),
  {
    name: 'one-vector',
    breaks: ['PCI-MSIX-01'],
    says: 'MSI-X has one vector',
    device(fn) {
      const { offset } = msixCapability.messageControl;
      const control = fn.pci.config.get(msixAt(fn) + offset, 2) & ~messageControl.tableSize;
      setConfig(fn, msixCapability.messageControl, control, msixAt(fn));
    },
  },
];
