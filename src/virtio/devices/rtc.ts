import { expectSame, list, OptionError, record, type State, shape } from '../../core/index.ts';
import { type RtcClock, SteppedClock } from '../backends/rtc-clock.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  rtcClockType,
  rtcCounter,
  rtcDeviceType,
  rtcFeature,
  rtcQueue,
  rtcSmearing,
} from '../layout/index.ts';
import { aboutChain, type Chain } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import { ALARM_BUFFER, AlarmQueue } from './rtc/alarm-queue.ts';
import { ClockLine, clockLineState } from './rtc/clock-line.ts';
import { RtcRequests } from './rtc/requests.ts';

/** An option of an RTC device that none can have. */
export class RtcOptionError extends OptionError {}

export interface RtcOptions {
  /** Clocks by their numbers; by default one, of UTC, that stands still. Those that can be watched can have an alarm. */
  readonly clocks?: readonly RtcClock[];
  /** Descriptors of the queues. */
  readonly queueSize?: number;
  readonly alarmQueueSize?: number;
}

/** Clocks are numbered with 16 bits, and so is their number. */
const MOST_CLOCKS = 0xffff;

export const rtcState = record('rtc', 1, { shape, clocks: list(clockLineState) });

const isByte = (value: number) => Number.isInteger(value) && value >= 0 && value <= 0xff;

/** @throws RtcOptionError */
function checkClock({ type, smearing, counters = [] }: RtcClock): void {
  if (!isByte(type)) throw new RtcOptionError('type', type, 'a value of rtcClockType');
  // RTC-CTL-22.
  if (smearing !== undefined && smearing !== rtcSmearing.unspecified && type !== rtcClockType.utcSmeared)
    throw new RtcOptionError('smearing', smearing, 'none but for a clock of type utcSmeared');
  if (smearing !== undefined && !isByte(smearing))
    throw new RtcOptionError('smearing', smearing, 'a value of rtcSmearing');
  const wrong = counters.find((each) => !isByte(each) || each === rtcCounter.invalid);
  if (wrong !== undefined) throw new RtcOptionError('counters', wrong, 'values of rtcCounter');
}

/**
 * The RTC device (chapter RTC Device): clocks that the driver reads, alone or beside a counter of its own, and alarms of
 * those that can be watched. Alarms do not outlive a reset (RTC-ALM-01).
 */
export class RtcDevice implements DeviceBehaviour {
  readonly type = rtcDeviceType;
  readonly record = rtcState;
  readonly features: readonly number[];
  readonly config = new DeviceConfig({});
  readonly queueSizes: readonly number[];
  readonly #lines: readonly ClockLine[];
  #device!: DevicePort;
  #requests!: RtcRequests;
  #alarms!: AlarmQueue;

  /** @throws RtcOptionError, QueueSizeError */
  constructor({ clocks = [new SteppedClock()], queueSize = 16, alarmQueueSize = 16 }: RtcOptions = {}) {
    if (clocks.length > MOST_CLOCKS)
      throw new RtcOptionError('clocks', clocks.length, `at most ${MOST_CLOCKS} of them`);
    for (const clock of clocks) checkClock(clock);
    this.#lines = clocks.map((clock, number) => new ClockLine(clock, number));
    const alarms = this.#lines.some(({ hasAlarm }) => hasAlarm);
    this.features = alarms ? [rtcFeature.alarm] : [];
    this.queueSizes = [queueSize, alarms ? alarmQueueSize : 0];
    checkQueueSizes(this.queueSizes);
  }

  attach(device: DevicePort): void {
    this.#device = device;
    this.#requests = new RtcRequests(device, this.#lines);
    this.#alarms = new AlarmQueue(device, this.#lines);
    for (const line of this.#lines)
      line.clock.watch?.(() => {
        line.look();
        this.#alarms.tell();
      });
  }

  handle(chain: Chain): void {
    if (chain.queue === rtcQueue.request) {
      this.#requests.handle(chain);
      this.#alarms.tell();
    } else if (this.#device.has(rtcFeature.alarm)) this.#alarms.take(chain);
    else {
      this.#device.report('driver', 'BF-FEAT-03', 'a queue that is none without ALARM', aboutChain(chain));
      this.#device.complete(chain, 0);
    }
  }

  /** Of all chains only buffers for alarms stay here. */
  resumeChain(chain: Chain): void {
    this.#alarms.keep(chain);
  }

  checkRequest(request: State, path: string, queue: number): void {
    expectSame(path, request, queue === rtcQueue.alarm ? ALARM_BUFFER : null);
  }

  queueReset(queue: number): void {
    if (queue === rtcQueue.alarm) this.#alarms.clear();
  }

  reset(): void {
    for (const line of this.#lines) line.reset();
    this.#alarms.clear();
  }

  #shape() {
    const clocks = this.#lines.map(({ clock, hasAlarm }) => ({
      type: clock.type,
      smearing: clock.smearing ?? rtcSmearing.unspecified,
      counters: [...(clock.counters ?? [])],
      alarm: hasAlarm,
    }));
    return { type: this.type.name, clocks };
  }

  check(state: State, path = 'rtc') {
    const saved = rtcState.parse(state, path, this.#shape());
    expectSame(`${path}.clocks.length`, saved.clocks.length, this.#lines.length);
    for (const [i, { enabled }] of saved.clocks.entries())
      if (!this.#lines[i]!.hasAlarm) expectSame(`${path}.clocks[${i}].enabled`, enabled, false);
    return saved;
  }

  save() {
    return rtcState.save({ shape: this.#shape(), clocks: this.#lines.map((line) => line.save()) });
  }

  /** The clocks are the host's, and may have moved since. */
  load(state: State): void {
    const saved = this.check(state);
    this.#alarms.clear();
    for (const [i, line] of this.#lines.entries()) {
      line.load(saved.clocks[i]!);
      if (line.hasAlarm) line.look();
    }
  }
}
