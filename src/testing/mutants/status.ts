import { commonConfig, deviceStatus, legacyHeader } from '../../virtio/index.ts';
import { type DeviceMutant, touches } from './mutant.ts';

const { deviceStatus: legacyStatus } = legacyHeader;

/** Devices that get status and reset wrong. */
export const statusMutants: readonly DeviceMutant[] = [
  {
    name: 'reset-leaves-acknowledge',
    breaks: ['BF-RST-01'],
    says: 'after a reset the status reads ACKNOWLEDGE',
    bus: () => ({
      read: (access, value) =>
        (touches(access, 'common', commonConfig.deviceStatus) || touches(access, 'legacy', legacyStatus)) &&
        value === 0
          ? deviceStatus.acknowledge
          : value,
    }),
  },
  {
    name: 'reset-ignored',
    breaks: ['BF-RST-01', 'PCI-COM-07'],
    says: 'once DRIVER was set, writing 0 to the status does nothing',
    bus() {
      let before = 0;
      return {
        write: (access, value) => {
          if (
            !touches(access, 'common', commonConfig.deviceStatus) &&
            !touches(access, 'legacy', legacyStatus)
          )
            return value;
          if (value === 0 && (before & deviceStatus.driver) !== 0) return null;
          before = value;
          return value;
        },
      };
    },
  },
  {
    name: 'reset-keeps-queues',
    breaks: ['BF-RST-02'],
    says: 'after a reset queues are served on',
    device({ device }) {
      const { queues } = device;
      queues.reset = () => {};
      device.statusRegister.reset = () => {};
    },
  },
  {
    name: 'driver-ok-not-awaited',
    breaks: ['BF-STAT-05'],
    says: 'queues are served from FEATURES_OK on',
    setting: 'modern',
    bus: () => ({
      write: (access, value) =>
        touches(access, 'common', commonConfig.deviceStatus) && (value & deviceStatus.featuresOk) !== 0
          ? value | deviceStatus.driverOk
          : value,
    }),
  },
  {
    name: 'isr-stays',
    breaks: ['PCI-ISR-05'],
    says: 'reading ISR does not clear it',
    bus() {
      let kept = 0;
      return {
        read: (access, value) => {
          if (access.place !== 'isr' && !touches(access, 'legacy', legacyHeader.isrStatus)) return value;
          kept |= value;
          return kept;
        },
      };
    },
  },
  {
    name: 'isr-always-clear',
    breaks: ['PCI-ISR-03'],
    says: 'ISR never shows anything',
    bus: () => ({
      read: (access, value) =>
        access.place === 'isr' || touches(access, 'legacy', legacyHeader.isrStatus) ? 0 : value,
    }),
  },
  {
    name: 'driver-bit-lost',
    breaks: ['PCI-COM-07'],
    says: 'DRIVER is not kept in the status',
    setting: 'modern',
    bus: () => ({
      read: (access, value) =>
        touches(access, 'common', commonConfig.deviceStatus) ? value & ~deviceStatus.driver : value,
    }),
  },
];
