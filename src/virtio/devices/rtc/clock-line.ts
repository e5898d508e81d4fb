import { flag, group, type ValueOf, words } from '../../../core/index.ts';
import type { RtcClock, RtcCrossReading } from '../../backends/rtc-clock.ts';
import { rtcClockType } from '../../layout/index.ts';

/** Times are two words each, the lower one first. */
export const clockLineState = group(
  { alarmTime: words(2), enabled: flag, reached: flag, expired: flag, floor: words(2) },
  ({ enabled, expired }, expect) => {
    expect(enabled || !expired, 'expired', expired, 'false where the alarm is not enabled');
  },
);

const halves = (time: bigint) => [Number(time & 0xffffffffn), Number(time >> 32n)] as const;
const whole = ([low = 0, high = 0]: readonly number[]) => (BigInt(high) << 32n) | BigInt(low);

/** A clock, and its alarm where it can have one. */
export class ClockLine {
  readonly clock: RtcClock;
  readonly number: number;
  alarmTime = 0n;
  enabled = false;
  /** The alarm expired, and the driver was not told yet. */
  expired = false;
  /** The clock had reached the alarm's time when it was looked at last. */
  #reached = true;
  /** The highest reading of a monotonic clock. */
  #floor = 0n;

  constructor(clock: RtcClock, number: number) {
    this.clock = clock;
    this.number = number;
  }

  get hasAlarm(): boolean {
    return this.clock.watch !== undefined;
  }

  /** @returns null where the host cannot tell. */
  read(): bigint | null {
    const reading = this.clock.read();
    return reading === null ? null : this.#rising(reading);
  }

  readCross(counter: number): RtcCrossReading | null {
    const both = this.clock.readCross?.(counter) ?? null;
    return both === null ? null : { reading: this.#rising(both.reading), cycles: both.cycles };
  }

  /** RTC-READ-05: whatever the host does to a monotonic clock. */
  #rising(reading: bigint): bigint {
    if (this.clock.type !== rtcClockType.monotonic) return reading;
    if (reading > this.#floor) this.#floor = reading;
    return this.#floor;
  }

  /**
   * The driver sets the alarm, or switches it. What had expired before is over (RTC-ALM-16, RTC-ALM-17); a time that was
   * reached already expires at once (RTC-ALM-08, RTC-ALM-09).
   */
  setAlarm(time: bigint, enabled: boolean): void {
    this.alarmTime = time;
    this.enabled = enabled;
    this.#reached = this.#isReached();
    this.expired = enabled && this.#reached;
    this.#wake();
  }

  /** The clock has moved (RTC-ALM-07). One that went back before the alarm's time takes back what was not told (RTC-ALM-18). */
  look(): void {
    const reached = this.#isReached();
    if (!reached) this.expired = false;
    else if (!this.#reached && this.enabled) this.expired = true;
    this.#reached = reached;
    this.#wake();
  }

  #isReached(): boolean {
    const now = this.clock.read();
    return now !== null && now >= this.alarmTime;
  }

  #wake(): void {
    this.clock.wakeAt?.(this.enabled && !this.#reached ? this.alarmTime : null);
  }

  /** Nothing is retained (RTC-ALM-02, RTC-ALM-03). */
  reset(): void {
    this.alarmTime = 0n;
    this.enabled = this.expired = false;
    this.#reached = true;
    this.#wake();
  }

  save(): ValueOf<typeof clockLineState> {
    return {
      alarmTime: halves(this.alarmTime),
      enabled: this.enabled,
      reached: this.#reached,
      expired: this.expired,
      floor: halves(this.#floor),
    };
  }

  load(saved: ValueOf<typeof clockLineState>): void {
    this.alarmTime = whole(saved.alarmTime);
    this.enabled = saved.enabled;
    this.#reached = saved.reached;
    this.expired = saved.expired;
    this.#floor = whole(saved.floor);
  }
}
