import { Room, type Task } from '../../../core/index.ts';
import { reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { RTC_ALARM_NOTIFICATION, RTC_NOTIFICATION_BYTES, rtcNotification } from '../../layout/index.ts';
import { aboutChain, type Chain, type TakenRequest } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';
import type { ClockLine } from './clock-line.ts';

/** What is kept with a buffer in hand: that it is one. */
export const ALARM_BUFFER = 'alarm buffer';
const IN_HAND: TakenRequest = { save: () => ALARM_BUFFER };

/** The alarm queue: buffers that wait for an alarm to expire, and alarms that wait for a buffer (RTC-ALM-11). */
export class AlarmQueue implements Task {
  readonly label = 'rtc alarms';
  readonly #device: DevicePort;
  readonly #lines: readonly ClockLine[];
  readonly #buffers = new WaitingChains();
  readonly #notification = new Room(RTC_NOTIFICATION_BYTES);
  #waits = false;

  constructor(device: DevicePort, lines: readonly ClockLine[]) {
    this.#device = device;
    this.#lines = lines;
  }

  /** A buffer of the driver's. */
  take(chain: Chain): void {
    const { writableBytes } = chain;
    if (writableBytes < RTC_NOTIFICATION_BYTES) {
      this.#device.report(
        'driver',
        'RTC-ALN-02',
        `an alarm buffer of ${writableBytes} writable bytes`,
        aboutChain(chain, 'length in bytes', writableBytes),
      );
      this.#device.complete(chain, 0);
      return;
    }
    this.keep(chain);
  }

  /** A buffer that is long enough, also one from a saved state. */
  keep(chain: Chain): void {
    chain.request = IN_HAND;
    this.#buffers.add(chain);
    this.tell();
  }

  /** Tells the driver of alarms that have expired, as soon as there is a buffer and guest memory may be touched. */
  tell(): void {
    if (this.#waits || this.#buffers.length === 0 || !this.#lines.some(({ expired }) => expired)) return;
    this.#waits = true;
    this.#device.whenDma(this);
  }

  run(): void {
    this.#waits = false;
    this.#device.batch(() => {
      for (const line of this.#lines)
        while (line.expired) {
          const chain = this.#buffers.take();
          if (chain === undefined) return;
          line.expired = !this.#fill(chain, line.number);
        }
    });
  }

  /** @returns whether the driver can read it. */
  #fill(chain: Chain, clock: number): boolean {
    const { bytes, view } = this.#notification;
    view.setUint16(rtcNotification.messageType.offset, RTC_ALARM_NOTIFICATION, true);
    view.setUint16(rtcNotification.clockId.offset, clock, true);
    const written = chain.write(0, bytes, 0, RTC_NOTIFICATION_BYTES);
    if (!written)
      this.#device.report(
        'driver',
        reachClause(this.#device),
        'an alarm buffer out of reach',
        aboutChain(chain),
      );
    this.#device.complete(chain, written ? RTC_NOTIFICATION_BYTES : 0);
    return written;
  }

  /** The buffers are gone. */
  clear(): void {
    this.#buffers.clear();
  }
}
