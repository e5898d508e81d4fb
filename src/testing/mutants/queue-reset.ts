import type { Register } from '../../core/index.ts';
import { commonConfig } from '../../virtio/index.ts';
import { type BusLies, type DeviceMutant, type MutantAccess, touches } from './mutant.ts';

const setting = 'modern' as const;
const { queueReset, queueEnable, queueSize, deviceStatus } = commonConfig;

const common = (access: MutantAccess, register: Register) => touches(access, 'common', register);

/** Reads are lied about once queue_reset was written. */
function afterwards(read: NonNullable<BusLies['read']>): BusLies {
  let asked = false;
  return {
    write(access, value) {
      if (common(access, queueReset)) asked = true;
      return value;
    },
    read: (access, value) => (asked ? read(access, value) : value),
  };
}

/** Devices that do not reset single queues as they say. */
export const queueResetMutants: readonly DeviceMutant[] = [
  {
    name: 'queue-reset-after-reset',
    breaks: ['PCI-COM-09'],
    says: 'queue_reset reads 1 after a reset of the device',
    setting,
    bus: () => ({ read: (access, value) => (common(access, queueReset) ? 1 : value) }),
  },
  {
    name: 'queue-reset-when-enabled',
    breaks: ['PCI-COM-10'],
    says: 'queue_reset reads 1 once the queue is enabled',
    setting,
    bus() {
      let enabled = false;
      return {
        write(access, value) {
          if (common(access, deviceStatus) && value === 0) enabled = false;
          if (common(access, queueEnable)) enabled = true;
          return value;
        },
        read: (access, value) => (enabled && common(access, queueReset) ? 1 : value),
      };
    },
  },
  {
    name: 'queue-reset-flickers',
    breaks: ['PCI-COM-12'],
    says: 'queue_reset reads 0 and then 1 again',
    setting,
    bus() {
      let reads = 0;
      return afterwards((access, value) => {
        if (!common(access, queueReset)) return value;
        return reads++ % 3 === 2 ? 1 : 0;
      });
    },
  },
  {
    name: 'enabled-after-queue-reset',
    breaks: ['PCI-COM-13'],
    says: 'queue_enable reads 1 after the queue was reset',
    setting,
    bus: () => afterwards((access, value) => (common(access, queueEnable) ? 1 : value)),
  },
  {
    name: 'queue-reset-ignored',
    breaks: ['PCI-COM-11'],
    says: 'writing queue_reset does nothing',
    setting,
    bus: () => ({ write: (access, value) => (common(access, queueReset) ? null : value) }),
  },
  {
    name: 'reset-queue-serves',
    breaks: ['BF-VQR-01'],
    says: 'a queue that was reset is served on',
    setting,
    bus() {
      let asked = false;
      return {
        write(access, value) {
          if (!common(access, queueReset)) return value;
          asked = true;
          return null;
        },
        read: (access, value) => (asked && common(access, queueEnable) ? 0 : value),
      };
    },
  },
  {
    name: 'reset-queue-goes-on',
    breaks: ['BF-VQR-02'],
    says: 'a queue that was reset goes on where it was',
    setting,
    device({ device }) {
      device.resetQueue = (index) => {
        device.queues.services[index]!.ring.ready = false;
      };
    },
  },
  {
    name: 'reset-queue-keeps-size',
    breaks: ['BF-VQR-05'],
    says: 'a queue that was reset has its old size',
    setting,
    bus() {
      let asked = false;
      return {
        write(access, value) {
          if (common(access, deviceStatus) && value === 0) asked = false;
          if (common(access, queueReset)) asked = true;
          return asked && common(access, queueSize) ? null : value;
        },
      };
    },
  },
];
