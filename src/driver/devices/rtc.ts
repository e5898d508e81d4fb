import { lengthOf } from '../../core/index.ts';
import {
  RTC_ALARM_NOTIFICATION,
  RTC_MOST_BYTES,
  RTC_NOTIFICATION_BYTES,
  type RtcRequestName,
  rtcFeature,
  rtcFlag,
  rtcNotification,
  rtcQueue,
  rtcRequests,
  rtcStatus,
} from '../../virtio/layout/index.ts';
import { ArgumentError, checkWhole, RequestFailedError, UnansweredError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import { ReceiveQueue } from '../receive-queue.ts';
import { RequestQueue } from '../request-queue.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';

export interface RtcDriverOptions {
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
  /** Hears of alarms that expired, by the number of the clock; without it no alarms are asked for. */
  readonly onAlarm?: (clock: number) => void;
}

/** What a clock is. */
export interface RtcClockCapabilities {
  /** A value of `rtcClockType`. */
  readonly type: number;
  /** A value of `rtcSmearing`. */
  readonly smearing: number;
  readonly alarm: boolean;
}

const DEPTH = 8;
const ALARM_BUFFERS = 8;
const MOST_TIME = 2n ** 64n - 1n;
const statusNames = new Map(Object.entries(rtcStatus).map(([name, value]) => [value as number, name]));

/** Values for the fields of a request. */
interface Fields {
  readonly clockId?: number;
  readonly hardwareCounter?: number;
  readonly flags?: number;
  readonly alarmTime?: bigint;
}

/** A driver for the RTC device, on any transport. Times are nanoseconds, as BigInts. */
export class RtcDriver {
  readonly driver: VirtioDriver;
  /** Alarms can be set: the device offered the feature, and it was wanted. */
  readonly hasAlarms: boolean;
  readonly #requests: RequestQueue;
  readonly #alarms: ReceiveQueue | null;

  /** Brings the device up. @throws NoDeviceError, DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, { ringFeatures, onAlarm }: RtcDriverOptions = {}) {
    this.driver = new VirtioDriver(transport, memory);
    this.driver.bringUp(
      {
        features: onAlarm === undefined ? [] : [rtcFeature.alarm],
        queues: () => (this.driver.has(rtcFeature.alarm) ? Object.values(rtcQueue) : [rtcQueue.request]),
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
      },
      { queue: () => this.poll(), config: () => {} },
    );
    this.hasAlarms = this.driver.has(rtcFeature.alarm);
    this.#requests = new RequestQueue(this.driver, rtcQueue.request, {
      outBytes: RTC_MOST_BYTES,
      inBytes: RTC_MOST_BYTES,
      depth: DEPTH,
    });
    // RTC-ALN-01, RTC-ALN-02.
    this.#alarms = this.hasAlarms
      ? new ReceiveQueue(this.driver, rtcQueue.alarm, {
          count: ALARM_BUFFERS,
          bytes: RTC_NOTIFICATION_BYTES,
          onBuffer: (bytes) => {
            const clock = alarmOf(bytes);
            if (clock !== null) onAlarm?.(clock);
          },
        })
      : null;
  }

  /** How many clocks there are. @throws RequestFailedError, DeviceFailedError */
  async clockCount(): Promise<number> {
    const view = await this.#send('config', {});
    return view.getUint16(rtcRequests.config.response.numClocks.offset, true);
  }

  /** @throws RequestFailedError, also for a clock that there is not; DeviceFailedError */
  async capabilities(clock: number): Promise<RtcClockCapabilities> {
    const view = await this.#send('clockCapabilities', { clockId: clock });
    const { type, leapSecondSmearing, flags } = rtcRequests.clockCapabilities.response;
    return {
      type: view.getUint8(type.offset),
      smearing: view.getUint8(leapSecondSmearing.offset),
      // RTC-OP-05: the flag means something with the feature only.
      alarm: this.hasAlarms && (view.getUint8(flags.offset) & rtcFlag.alarmCapable) !== 0,
    };
  }

  /** Whether clock and counter can be read at one instant. @param counter a value of `rtcCounter`. @throws as {@link capabilities} */
  async canCross(clock: number, counter: number): Promise<boolean> {
    const view = await this.#send('crossCapabilities', { clockId: clock, hardwareCounter: counter });
    const { flags } = rtcRequests.crossCapabilities.response;
    return (view.getUint8(flags.offset) & rtcFlag.crossCapable) !== 0;
  }

  /** Nanoseconds since the clock's epoch. @throws as {@link capabilities} */
  async read(clock: number): Promise<bigint> {
    const view = await this.#send('read', { clockId: clock });
    return view.getBigUint64(rtcRequests.read.response.clockReading.offset, true);
  }

  /** A clock's time, and what the counter showed then. @throws as {@link capabilities} */
  async readCross(clock: number, counter: number): Promise<{ reading: bigint; cycles: bigint }> {
    const view = await this.#send('readCross', { clockId: clock, hardwareCounter: counter });
    const { clockReading, counterCycles } = rtcRequests.readCross.response;
    return {
      reading: view.getBigUint64(clockReading.offset, true),
      cycles: view.getBigUint64(counterCycles.offset, true),
    };
  }

  /** @throws as {@link capabilities} */
  async readAlarm(clock: number): Promise<{ time: bigint; enabled: boolean }> {
    const view = await this.#send('readAlarm', { clockId: clock });
    const { alarmTime, flags } = rtcRequests.readAlarm.response;
    return {
      time: view.getBigUint64(alarmTime.offset, true),
      enabled: (view.getUint8(flags.offset) & rtcFlag.alarmEnabled) !== 0,
    };
  }

  /** Sets a clock's alarm; a time that has come already expires at once. @throws ArgumentError; as {@link capabilities} */
  async setAlarm(clock: number, time: bigint, enabled = true): Promise<void> {
    if (time < 0n || time > MOST_TIME) throw new ArgumentError('time', time, '0 or more, below 2^64');
    await this.#send('setAlarm', { clockId: clock, alarmTime: time, flags: flagsOf(enabled) });
  }

  /** Switches a clock's alarm, which keeps its time. @throws as {@link capabilities} */
  async enableAlarm(clock: number, enabled: boolean): Promise<void> {
    await this.#send('setAlarmEnabled', { clockId: clock, flags: flagsOf(enabled) });
  }

  /** @returns the response. */
  async #send(name: RtcRequestName, fields: Fields): Promise<DataView> {
    const { message, request, response } = rtcRequests[name];
    const bytes = new Uint8Array(lengthOf(request));
    const view = new DataView(bytes.buffer);
    view.setUint16(request.messageType.offset, message, true);
    const { clockId, hardwareCounter, flags, alarmTime } = fields;
    for (const [field, value, most] of [
      ['clockId', clockId, 0xffff],
      ['hardwareCounter', hardwareCounter, 0xff],
      ['flags', flags, 0xff],
    ] as const) {
      if (value === undefined) continue;
      checkWhole(field, value, 0, most);
      const { offset, width } = (request as Record<string, { offset: number; width: number }>)[field]!;
      if (width === 2) view.setUint16(offset, value, true);
      else view.setUint8(offset, value);
    }
    if (alarmTime !== undefined)
      view.setBigUint64(rtcRequests.setAlarm.request.alarmTime.offset, alarmTime, true);
    const wanted = lengthOf(response);
    const { bytes: answer, length } = await this.#requests.send([bytes], [wanted], 1);
    const status = answer[response.status.offset]!;
    // RTC-OP-01: the rest means something only then.
    if (status !== rtcStatus.ok)
      throw new RequestFailedError(
        `${name}: status ${status} (${statusNames.get(status) ?? 'unknown'})`,
        status,
      );
    if (length < wanted) throw new UnansweredError(name, length, wanted, wanted);
    return new DataView(answer.buffer, answer.byteOffset);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    this.#requests?.poll();
    this.#alarms?.poll();
  }

  /** Resets the device; requests in flight fail. */
  close(): void {
    this.driver.close();
  }
}

const flagsOf = (enabled: boolean) => (enabled ? rtcFlag.alarmEnabled : 0);

/** The clock whose alarm a notification is about; null for what is none. */
function alarmOf(bytes: Uint8Array): number | null {
  if (bytes.length < RTC_NOTIFICATION_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint16(rtcNotification.messageType.offset, true) !== RTC_ALARM_NOTIFICATION) return null;
  return view.getUint16(rtcNotification.clockId.offset, true);
}
