import type { Register } from '../../core/index.ts';
import { commonConfig, feature, notifyCapability } from '../../virtio/index.ts';
import { capabilityAt, setConfig } from './capabilities.ts';
import { type DeviceMutant, touches } from './mutant.ts';
import { lyingOffer } from './offers.ts';

const setting = 'modern' as const;

/** NOTIFICATION_DATA is offered, and the capability is not one for it. */
const forData = (
  name: string,
  breaks: string,
  says: string,
  register: Register,
  value: number,
): DeviceMutant => ({
  name,
  breaks: [breaks],
  says,
  setting,
  bus: () => lyingOffer({ add: [feature.notificationData] }),
  device: (fn) => setConfig(fn, register, value, capabilityAt(fn, 'notify')),
});

/** Devices that are to be kicked where nobody can. */
export const notifyMutants: readonly DeviceMutant[] = [
  {
    name: 'kicked-outside-structure',
    breaks: ['PCI-NOT-05'],
    says: 'queue_notify_off leads out of the structure',
    setting,
    bus: () => ({
      read: (access, value) => (touches(access, 'common', commonConfig.queueNotifyOffset) ? 0x4000 : value),
    }),
  },
  {
    name: 'kicked-at-the-end',
    breaks: ['PCI-NOT-09'],
    says: 'there is room for two bytes where a queue is kicked with four',
    setting,
    bus: () => lyingOffer({ add: [feature.notificationData] }),
    device: (fn) => setConfig(fn, notifyCapability.length, 2, capabilityAt(fn, 'notify')),
  },
  forData(
    'multiplier-of-2-with-data',
    'PCI-NOT-06',
    'the multiplier is 2',
    notifyCapability.notifyOffMultiplier,
    2,
  ),
  {
    name: 'notify-offset-with-data',
    breaks: ['PCI-NOT-07'],
    says: 'the structure stands at 0x3002',
    setting,
    bus: () => lyingOffer({ add: [feature.notificationData] }),
    device(fn) {
      const at = capabilityAt(fn, 'notify');
      setConfig(fn, notifyCapability.offset, 0x3002, at);
      setConfig(fn, notifyCapability.length, 0x800, at);
    },
  },
  forData('two-bytes-with-data', 'PCI-NOT-08', 'the structure has two bytes', notifyCapability.length, 2),
];
