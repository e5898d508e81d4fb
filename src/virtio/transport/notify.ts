import type { BusTarget } from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';

/** Bytes between two queues' places: queue_notify_off counts in these units (PCI-NOT-03). */
export const NOTIFY_MULTIPLIER = 4;

/** The notification structure: a queue's number, written at the queue's place (PCI-KICK-03). It reads 0. */
export function notifyWindow(device: VirtioDevice): BusTarget {
  return {
    read: () => 0,
    write: (offset, _width, value) => {
      const queue = value & 0xffff;
      if (offset !== queue * NOTIFY_MULTIPLIER)
        device.report(
          'driver',
          'PCI-KICK-03',
          `a kick at 0x${offset.toString(16)} names another queue`,
          queue,
        );
      device.notify(queue);
    },
  };
}
