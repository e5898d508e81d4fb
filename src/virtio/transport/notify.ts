import type { BusTarget, Width } from '../../core/index.ts';
import { namingClause } from '../clauses.ts';
import type { VirtioDevice } from '../device.ts';
import { feature, NOTIFICATION_BYTES, NOTIFICATION_DATA_BYTES } from '../layout/index.ts';

/** Bytes between two queues' places: queue_notify_off counts in these units (PCI-NOT-03, PCI-NOT-06). */
export const NOTIFY_MULTIPLIER = 4;

/** What queue_notif_config_data adds to a queue's number, so that a driver cannot do with the number instead. */
const CONFIG_DATA_BASE = 0x4000;

/** A queue's name in notifications, with NOTIF_CONFIG_DATA (PCI-KICK-05). */
export const notificationConfigData = (queue: number) => (queue + CONFIG_DATA_BASE) & 0xffff;

const queueOf = (configData: number) => (configData - CONFIG_DATA_BASE) & 0xffff;

/**
 * The notification structure: a queue's number or the device's name for it, written at the queue's place, with
 * NOTIFICATION_DATA followed by the position of the next available entry (PCI-KICK-01..06). It reads 0. A kick of a wrong
 * width, at a wrong place or with wrong data is reported, and counts all the same. `multiplier` is the bytes from one queue's
 * place to the next, 0 where all queues share one; `offsets` what queue_notify_off shows of each queue, in these units; null for its own
 * number.
 */
export class NotifyWindow implements BusTarget {
  readonly #device: VirtioDevice;
  readonly #multiplier: number;
  readonly #offsets: readonly number[] | null;

  constructor(device: VirtioDevice, multiplier: number, offsets: readonly number[] | null) {
    this.#device = device;
    this.#multiplier = multiplier;
    this.#offsets = offsets;
  }

  read(): number {
    return 0;
  }

  write(offset: number, width: Width, value: number): void {
    const device = this.#device;
    device.speak('modern');
    const named = value & 0xffff;
    const next = value >>> 16;
    const data = device.has(feature.notificationData);
    const queue = device.has(feature.notificationConfigData) ? queueOf(named) : named;
    const bytes = data ? NOTIFICATION_DATA_BYTES : NOTIFICATION_BYTES;
    if (width !== bytes)
      device.report(
        'driver',
        data ? 'PCI-KICK-02' : 'PCI-KICK-01',
        `a kick of ${width} bytes where ${bytes} are due`,
        { what: 'width in bytes', value: width, queue },
      );
    else if (data && device.queue(queue)?.plausibleNext(next) === false)
      device.report('driver', 'KICK-01', 'a kick names a next entry that its ring does not bear out', {
        what: 'next offset and wrap counter',
        value: next,
        queue,
      });
    if (offset !== (this.#offsets?.[queue] ?? queue) * this.#multiplier)
      device.report(
        'driver',
        namingClause(device),
        `a kick at 0x${offset.toString(16)} names another queue`,
        { what: 'name of a queue', value: named, queue },
      );
    device.notify(queue);
  }
}
