import { swapBytes } from '../../driver/index.ts';
import {
  commonConfig,
  deviceStatus,
  isrStatus,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
} from '../../virtio/index.ts';
import { type DeviceMutant, type MutantAccess, touches } from './mutant.ts';

const { featuresOk } = deviceStatus;

/** Device configuration in the legacy block, while MSI-X is off or on. */
const legacyConfig = ({ place, offset }: MutantAccess) =>
  place === 'legacy' && offset >= LEGACY_CONFIG_OFFSET_MSIX - 4;

const block = { type: 'block' } as const;

/** Devices whose configuration is there too late, elsewhere, or changes in silence. */
export const configurationMutants: readonly DeviceMutant[] = [
  {
    name: 'configuration-late',
    breaks: ['BF-CFG-06'],
    says: 'configuration reads 0 until FEATURES_OK',
    setting: 'modern',
    ...block,
    bus() {
      let settled = false;
      return {
        write(access, value) {
          if (touches(access, 'common', commonConfig.deviceStatus)) settled = (value & featuresOk) !== 0;
          return value;
        },
        read: ({ place }, value) => (place === 'device' && !settled ? 0 : value),
      };
    },
  },
  {
    name: 'configuration-big-endian',
    breaks: ['LEG-CFG-01'],
    says: 'configuration is big-endian for a guest that is not',
    setting: 'legacy',
    ...block,
    bus: () => ({
      read: (access, value) => (legacyConfig(access) ? swapBytes(value, access.width) : value),
    }),
  },
  {
    name: 'configuration-by-bytes',
    breaks: ['LEG-LAY-04'],
    says: 'configuration reads 0 by bytes',
    setting: 'legacy',
    ...block,
    bus: () => ({ read: (access, value) => (legacyConfig(access) && access.width === 1 ? 0 : value) }),
  },
  {
    name: 'configuration-early-writes-lost',
    breaks: ['LEG-INIT-02'],
    says: 'legacy configuration cannot be written before DRIVER_OK',
    setting: 'legacy',
    type: 'scsi',
    bus() {
      let ready = false;
      return {
        write(access, value) {
          if (touches(access, 'legacy', legacyHeader.deviceStatus))
            ready = (value & deviceStatus.driverOk) !== 0;
          return legacyConfig(access) && !ready ? null : value;
        },
      };
    },
  },
  {
    name: 'configuration-changes-in-silence',
    breaks: ['OPER-01'],
    says: 'nobody is told that configuration changed',
    ...block,
    device({ interrupts }) {
      interrupts.config = () => {};
    },
  },
  {
    name: 'isr-without-configuration-bit',
    breaks: ['PCI-ISR-02'],
    says: 'ISR does not show that configuration changed',
    ...block,
    bus: () => ({
      read: (access, value) =>
        access.place === 'isr' || touches(access, 'legacy', legacyHeader.isrStatus)
          ? value & ~isrStatus.configuration
          : value,
    }),
  },
  {
    name: 'generation-stands-still',
    breaks: ['PCI-COM-06'],
    says: 'config_generation never changes',
    setting: 'modern',
    ...block,
    bus: () => ({
      read: (access, value) => (touches(access, 'common', commonConfig.configGeneration) ? 0 : value),
    }),
  },
];
