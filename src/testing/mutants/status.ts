import { commonConfig, deviceStatus, feature, legacyHeader } from '../../virtio/index.ts';
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
    name: 'breaks-in-silence',
    breaks: ['BF-STAT-06'],
    says: 'a device that broke does not ask for a reset',
    setting: 'modern',
    bus: () => ({
      read: (access, value) =>
        touches(access, 'common', commonConfig.deviceStatus) ? value & ~deviceStatus.needsReset : value,
    }),
  },
  {
    name: 'breaks-untold',
    breaks: ['BF-STAT-07'],
    says: 'the driver is not told of a device that broke',
    setting: 'modern',
    device({ interrupts }) {
      interrupts.config = () => {};
    },
  },
  {
    name: 'no-legacy-drivers',
    breaks: ['LEG-FEAT-02'],
    says: 'drivers that set no FEATURES_OK are not served',
    setting: 'legacy',
    bus() {
      let settled = false;
      return {
        write(access, value) {
          if (touches(access, 'legacy', legacyStatus)) settled = (value & deviceStatus.featuresOk) !== 0;
          return touches(access, 'legacy', legacyHeader.queueNotify) && !settled ? null : value;
        },
      };
    },
  },
  {
    name: 'packed-for-ever',
    breaks: ['LEG-LAY-10'],
    says: 'once it was accepted RING_PACKED stays, for legacy drivers too',
    setting: 'legacy',
    device({ device: { features } }) {
      const has = features.has.bind(features);
      let packed = false;
      features.has = (bit) => {
        if (bit !== feature.ringPacked) return has(bit);
        packed ||= has(bit);
        return packed;
      };
    },
  },
  {
    name: 'legacy-awaits-driver-ok',
    breaks: ['LEG-INIT-03'],
    says: 'legacy drivers are served from DRIVER_OK on',
    setting: 'legacy',
    bus() {
      let ready = false;
      return {
        write(access, value) {
          if (touches(access, 'legacy', legacyStatus)) ready = (value & deviceStatus.driverOk) !== 0;
          return touches(access, 'legacy', legacyHeader.queueNotify) && !ready ? null : value;
        },
      };
    },
  },
];
