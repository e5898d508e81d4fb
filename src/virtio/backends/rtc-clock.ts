import { record, type State, text, VirtiolabError } from '../../core/index.ts';
import { rtcClockType } from '../layout/index.ts';

/** Nanoseconds of a clock, and the value that a hardware counter of the driver's had then. */
export interface RtcCrossReading {
  readonly reading: bigint;
  readonly cycles: bigint;
}

/**
 * A clock of the host's. Times are nanoseconds since the clock's epoch, counted modulo 2^64; they are BigInts from end to
 * end, since today's have more bits than a Number.
 */
export interface RtcClock {
  /** A value of `rtcClockType`. */
  readonly type: number;
  /** A value of `rtcSmearing`, for the type `utcSmeared` only. */
  readonly smearing?: number;
  /** Hardware counters, values of `rtcCounter`, beside which it can be read: {@link readCross}. */
  readonly counters?: readonly number[];
  /** The time now; null where it cannot be told, which is an I/O error to the driver. */
  read(): bigint | null;
  /** Clock and counter at one instant; null where that cannot be told. */
  readCross?(counter: number): RtcCrossReading | null;
  /**
   * Calls `moved` whenever the clock was stepped, and when it has reached the time of {@link wakeAt}, or more often. A clock
   * that has this can have an alarm.
   */
  watch?(moved: () => void): void;
  /** The next time that somebody waits for, or null: for a clock that does not move in steps. */
  wakeAt?(time: bigint | null): void;
}

/** A time that a clock cannot be set to. */
export class ClockStepError extends VirtiolabError {
  readonly time: bigint;

  constructor(time: bigint, wants: string) {
    super(`a clock cannot be set to ${time} ns: wants ${wants}`);
    this.time = time;
  }
}

export interface SteppedClockOptions {
  /** A value of `rtcClockType`; by default UTC. */
  readonly type?: number;
  readonly smearing?: number;
  /** What it shows at first, in nanoseconds; by default 0. */
  readonly time?: bigint;
  /** Hertz of hardware counters, by a value of `rtcCounter`: they run with the clock, and start at 0. */
  readonly counters?: Readonly<Record<number, bigint>>;
}

const SECOND = 1_000_000_000n;
const TIMES = 2n ** 64n;

/** Nanoseconds in decimal digits: what it shows, modulo 2^64, and how many have passed. */
export const steppedClockState = record(
  'stepped-clock',
  1,
  { time: text(20), elapsed: text(40) },
  {
    relate({ time, elapsed }, expect) {
      const whole = /^(0|[1-9]\d*)$/;
      expect(whole.test(time) && BigInt(time) < TIMES, 'time', time, 'a number of 64 bits in decimal digits');
      expect(whole.test(elapsed), 'elapsed', elapsed, 'a number in decimal digits');
    },
  },
);

/** A clock that stands still until it is told that time passes: the same at each run. */
export class SteppedClock implements RtcClock {
  readonly type: number;
  readonly smearing?: number;
  readonly counters: readonly number[];
  #time: bigint;
  /** Nanoseconds that have passed: counters do not know of steps. */
  #elapsed = 0n;
  readonly #hertz: Readonly<Record<number, bigint>>;
  readonly #watchers: (() => void)[] = [];

  /** @throws ClockStepError */
  constructor(options: SteppedClockOptions = {}) {
    const { type = rtcClockType.utc, smearing, time = 0n, counters = {} } = options;
    this.type = type;
    if (smearing !== undefined) this.smearing = smearing;
    this.counters = Object.keys(counters).map(Number);
    this.#hertz = counters;
    this.#time = checked(time);
  }

  read(): bigint {
    return this.#time;
  }

  readCross(counter: number): RtcCrossReading | null {
    const hertz = this.#hertz[counter];
    return hertz === undefined ? null : { reading: this.#time, cycles: (this.#elapsed * hertz) / SECOND };
  }

  watch(moved: () => void): void {
    this.#watchers.push(moved);
  }

  /** So many nanoseconds pass. @throws ClockStepError for time that runs backwards, or beyond 2^64. */
  advance(nanoseconds: bigint): void {
    if (nanoseconds < 0n) throw new ClockStepError(this.#time + nanoseconds, 'time that passes');
    this.#time = checked(this.#time + nanoseconds);
    this.#elapsed += nanoseconds;
    this.#tell();
  }

  /** The clock is set: no time passes. @throws ClockStepError, also for a monotonic clock that is set back (RTC-READ-05). */
  set(time: bigint): void {
    if (this.type === rtcClockType.monotonic && time < this.#time)
      throw new ClockStepError(time, `at least ${this.#time}: the clock is monotonic`);
    this.#time = checked(time);
    this.#tell();
  }

  #tell(): void {
    for (const moved of this.#watchers) moved();
  }

  save() {
    return steppedClockState.save({ time: `${this.#time}`, elapsed: `${this.#elapsed}` });
  }

  check(state: State, path = 'stepped clock') {
    return steppedClockState.parse(state, path);
  }

  /** Goes on from there; nobody is told. */
  load(state: State): void {
    const { time, elapsed } = this.check(state);
    this.#time = BigInt(time);
    this.#elapsed = BigInt(elapsed);
  }
}

function checked(time: bigint): bigint {
  if (time < 0n || time >= TIMES) throw new ClockStepError(time, '0 or more, below 2^64');
  return time;
}
