import {
  availableRing,
  availEventOffset,
  feature,
  packedEvent,
  packedEventFlag,
  RING_SUPPRESS,
  usedEventOffset,
  usedRing,
} from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { mutateRings, type RingMutation, type RingParts } from './ring-parts.ts';

const rings =
  (make: () => RingMutation): NonNullable<DeviceMutant['device']> =>
  (fn) =>
    mutateRings(fn, make);

const hasEvents = ({ device }: RingParts) => device.has(feature.ringEventIndex);

/** Writes the flags of the used ring, or of the device's event area. */
function putDeviceFlags(at: RingParts, value: number): void {
  const { offset } = at.packed ? packedEvent.flags : usedRing.flags;
  at.put(at.ring.addresses.get('device') + offset, 2, value);
}

/** Devices that tell too much, too little, or are not told. */
export const eventMutants: readonly DeviceMutant[] = [
  {
    name: 'always-interrupts',
    breaks: ['SPL-UNS-07', 'SPL-UNS-11', 'PKD-EVT-01'],
    says: 'used buffers lead to interrupts, whatever the driver asks for',
    device: rings(() => ({
      publish(honest) {
        honest();
        return true;
      },
    })),
  },
  {
    name: 'never-interrupts',
    breaks: ['SPL-UNS-08', 'SPL-UNS-10', 'PKD-EVT-01'],
    says: 'used buffers lead to no interrupts',
    device: rings(() => ({
      publish(honest) {
        honest();
        return false;
      },
    })),
  },
  {
    name: 'used-event-always-counts',
    breaks: ['SPL-UNS-06'],
    says: 'used_event is obeyed without EVENT_IDX',
    setting: 'modern',
    device: rings(() => {
      let used = 0;
      return {
        publish(honest, at) {
          const wanted = honest();
          const event = at.ring.addresses.get('driver') + usedEventOffset(at.ring.size);
          return wanted && (hasEvents(at) || at.get(event, 2) === used++);
        },
      };
    }),
  },
  {
    name: 'flag-always-counts',
    breaks: ['SPL-UNS-09'],
    says: 'the flag that asks for no interrupts is obeyed with EVENT_IDX',
    setting: 'modern',
    device: rings(() => ({
      publish(honest, at) {
        const flags = at.get(at.ring.addresses.get('driver') + availableRing.flags.offset, 2);
        return honest() && (flags & RING_SUPPRESS) === 0;
      },
    })),
  },
  {
    name: 'unknown-device-flags',
    breaks: ['SPL-ANS-08', 'SPL-ANS-10', 'PKD-EVT-01'],
    says: 'flags that mean nothing stand in the part of the ring that is the device’s',
    device: rings(() => ({
      publish(honest, at) {
        putDeviceFlags(at, 2);
        return honest();
      },
    })),
  },
  {
    name: 'spurious-kick-breaks',
    breaks: ['SPL-ANS-12'],
    says: 'a kick of a queue that does not exist breaks the device',
    device({ device }) {
      const notify = device.notify.bind(device);
      device.notify = (queue) => {
        if (device.queues.services[queue] === undefined) device.statusRegister.fail();
        else notify(queue);
      };
    },
  },
  {
    name: 'asks-for-no-kicks',
    breaks: ['SPL-ANS-09', 'PKD-SUP-04'],
    says: 'after the first chain the device asks for no kicks, and does not look by itself',
    device: rings(() => ({
      rearm(honest, at) {
        const more = honest();
        putDeviceFlags(at, packedEventFlag.disable);
        return more;
      },
    })),
  },
  {
    name: 'asks-for-kicks-late',
    breaks: ['SPL-ANS-11'],
    says: 'the device asks for a kick that is far away, and does not look by itself',
    setting: 'modern',
    device: rings(() => ({
      rearm(honest, at) {
        const more = honest();
        at.put(at.ring.addresses.get('device') + availEventOffset(at.ring.size), 2, 0x4000);
        return more;
      },
    })),
  },
  {
    name: 'uses-chains-twice',
    breaks: ['SPL-SUP-03', 'PKD-SUP-02'],
    says: 'each chain is handed back twice',
    device: rings(() => ({
      push:
        (honest) =>
        (...args) =>
          honest(...args) && honest(...args),
    })),
  },
];
