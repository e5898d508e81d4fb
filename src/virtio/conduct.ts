import type { FindingAbout } from '../core/index.ts';
import { deviceStatus } from './layout/index.ts';

/** The device whose driver is judged. */
export interface Judged {
  readonly status: number;
  /** The queues work by what the driver has set so far. */
  readonly served: boolean;
  readonly stopping: boolean;
  report(party: 'driver', clause: string, message: string, about: FindingAbout): void;
}

/** What a driver does at the wrong time. It is said; whether it counts is not decided here. */
export class DriverConduct {
  readonly #device: Judged;

  constructor(device: Judged) {
    this.#device = device;
  }

  /**
   * The driver does a part of initialization: after FAILED only a reset leads back there (BF-STAT-03). `what` names `value`.
   */
  goesOn(deed: string, what: string, value: number, queue?: number): void {
    if ((this.#device.status & deviceStatus.failed) === 0) return;
    const about = { what, value, ...(queue === undefined ? {} : { queue }) };
    this.#device.report('driver', 'BF-STAT-03', `${deed} after FAILED, without a reset`, about);
  }

  /** DRIVER_OK rose. */
  starts(): void {
    const { served, status } = this.#device;
    if (!served)
      this.#device.report('driver', 'INIT-05', 'DRIVER_OK was set although FEATURES_OK does not stand', {
        what: 'device status',
        value: status,
      });
  }

  /** @returns whether it was the wrong time for a kick. */
  kicks(queue: number): boolean {
    const { stopping, served, status } = this.#device;
    if (stopping) this.#kick('SUSP-04', 'a kick for a device that is suspended', queue);
    else if (!served && (status & deviceStatus.driverOk) === 0)
      this.#kick('INIT-08', 'a kick before DRIVER_OK', queue);
    else if (!served) this.#kick('INIT-05', 'a kick although FEATURES_OK does not stand', queue);
    this.goesOn('a kick', 'queue number', queue, queue);
    return stopping || !served;
  }

  #kick(clause: string, message: string, queue: number): void {
    this.#device.report('driver', clause, message, { what: 'queue number', value: queue, queue });
  }
}
