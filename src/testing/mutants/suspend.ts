import { commonConfig, deviceStatus } from '../../virtio/index.ts';
import { type DeviceMutant, type MutantAccess, touches } from './mutant.ts';

const setting = 'modern' as const;
const { driverOk, suspend } = deviceStatus;
const isStatus = (access: MutantAccess) => touches(access, 'common', commonConfig.deviceStatus);

/** Devices that cannot keep still, or not wake up. */
export const suspendMutants: readonly DeviceMutant[] = [
  {
    name: 'suspend-too-early-shown',
    breaks: ['SUSP-07'],
    says: 'SUSPEND reads back before the device is initialized',
    setting,
    bus() {
      let asked = false;
      return {
        write(access, value) {
          if (isStatus(access)) asked = (value & suspend) !== 0 && (value & driverOk) === 0;
          return value;
        },
        read: (access, value) => (asked && isStatus(access) ? value | suspend : value),
      };
    },
  },
  {
    name: 'suspend-never-ends',
    breaks: ['SUSP-12'],
    says: 'DRIVER_OK stays set while the device is suspended',
    setting,
    bus: () => ({
      read: (access, value) => (isStatus(access) && (value & suspend) !== 0 ? value | driverOk : value),
    }),
  },
  {
    name: 'resume-ignored',
    breaks: ['SUSP-13'],
    says: 'a suspended device is not resumed',
    setting,
    bus() {
      let last = 0;
      return {
        write(access, value) {
          if (!isStatus(access)) return value;
          const resumes = (last & suspend) !== 0 && (last & driverOk) === 0 && (value & driverOk) !== 0;
          return resumes ? null : value;
        },
        read(access, value) {
          if (isStatus(access)) last = value;
          return value;
        },
      };
    },
  },
  {
    name: 'suspended-serves',
    breaks: ['SUSP-09'],
    says: 'queues are served while the device is suspended',
    setting,
    device({ device, interrupts }) {
      interrupts.hold = () => {};
      for (const [name, value] of [
        ['stopping', false],
        ['suspended', false],
        ['served', true],
      ] as const)
        Object.defineProperty(device, name, { value });
    },
  },
  {
    name: 'suspended-before-the-last-word',
    breaks: ['SUSP-14'],
    says: 'interrupts of queues come when the device is resumed',
    setting,
    device({ interrupts }) {
      const [tell, release] = [interrupts.queue.bind(interrupts), interrupts.release.bind(interrupts)];
      const waiting: number[] = [];
      interrupts.queue = (index) => void waiting.push(index);
      interrupts.release = () => {
        release();
        for (const index of waiting.splice(0)) tell(index);
      };
    },
  },
  {
    name: 'suspended-configuration-writable',
    breaks: ['SUSP-08'],
    says: 'configuration is written while the device is suspended',
    setting,
    type: 'balloon',
    device({ device: { config } }) {
      config.hold = () => {};
    },
  },
  {
    name: 'suspended-changes-told',
    breaks: ['SUSP-10'],
    says: 'changes of configuration are told at once while the device is suspended',
    setting,
    type: 'block',
    device({ device, interrupts }) {
      interrupts.hold = () => {};
      device.configChanged = () => interrupts.config();
    },
  },
  {
    name: 'suspended-changes-forgotten',
    breaks: ['SUSP-11'],
    says: 'changes of configuration while the device was suspended are never told',
    setting,
    type: 'block',
    device({ device, interrupts }) {
      device.configChanged = () => {
        if (!device.suspended) interrupts.config();
      };
      const { suspension } = device.statusRegister;
      suspension.mayTell = () => !suspension.suspended;
    },
  },
];
