import type { Register } from '../../core/index.ts';
import { commonConfig, deviceStatus, feature } from '../../virtio/index.ts';
import { type BusLies, type DeviceMutant, touches } from './mutant.ts';
import { lyingOffer } from './offers.ts';

const modern = { setting: 'modern' } as const;

/** A register of the common configuration reads something else. */
const reads = (register: Register, lie: (value: number) => number): BusLies => ({
  read: (access, value) => (touches(access, 'common', register) ? lie(value) : value),
});

/** ADMIN_VQ is offered, and its registers say something. */
function administration(index: number, count: number): BusLies {
  const offer = lyingOffer({ add: [feature.adminQueue] });
  return {
    ...offer,
    read(access, value) {
      if (touches(access, 'common', commonConfig.adminQueueIndex)) return index;
      return touches(access, 'common', commonConfig.adminQueueNum) ? count : offer.read!(access, value);
    },
  };
}

/** Devices whose common configuration is not what it should be. */
export const commonConfigMutants: readonly DeviceMutant[] = [
  {
    name: 'driver-bit-lost',
    breaks: ['PCI-COM-07'],
    says: 'DRIVER is not kept in the status',
    ...modern,
    bus: () => reads(commonConfig.deviceStatus, (value) => value & ~deviceStatus.driver),
  },
  {
    name: 'lower-half-clears-upper',
    breaks: ['PCI-LAY-03'],
    says: 'writing the lower half of queue_desc clears the upper one',
    ...modern,
    bus() {
      let cleared = false;
      return {
        write(access, value) {
          if (touches(access, 'common', commonConfig.queueDescriptorLow)) cleared = true;
          if (touches(access, 'common', commonConfig.queueDescriptorHigh)) cleared = false;
          return value;
        },
        read: (access, value) =>
          cleared && touches(access, 'common', commonConfig.queueDescriptorHigh) ? 0 : value,
      };
    },
  },
  {
    name: 'high-queue-numbers-ignored',
    breaks: ['PCI-COM-14'],
    says: 'queue numbers from 1024 on are not taken by queue_select',
    ...modern,
    bus: () => ({
      write: (access, value) =>
        touches(access, 'common', commonConfig.queueSelect) && value >= 1024 ? null : value,
    }),
  },
  {
    name: 'size-one-less',
    breaks: ['PCI-COM-15'],
    says: 'queue_size is one less than a power of two',
    ...modern,
    bus: () => reads(commonConfig.queueSize, (value) => Math.max(0, value - 1)),
  },
  {
    name: 'enabled-after-reset',
    breaks: ['PCI-COM-08'],
    says: 'queue_enable reads 1 after a reset',
    bus: () => reads(commonConfig.queueEnable, () => 1),
  },
  {
    name: 'admin-queue-among-others',
    breaks: ['PCI-COM-16'],
    says: 'the administration queue is queue 0',
    ...modern,
    bus: () => administration(0, 1),
  },
  {
    name: 'admin-queues-too-many',
    breaks: ['PCI-COM-17'],
    says: 'administration queues have numbers that there are none of',
    ...modern,
    bus: () => administration(0xfff0, 0x20),
  },
];
