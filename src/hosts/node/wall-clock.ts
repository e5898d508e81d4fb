import { type RtcClock, rtcClockType } from '../../virtio/index.ts';

const NANOSECONDS = 1_000_000n;
/** A timer runs no longer. */
const MOST_MS = 2 ** 31 - 1;

/** The time of the machine that Node runs on, for an RTC device: in whole milliseconds, smeared or not as that machine has it. */
export class WallClock implements RtcClock {
  readonly type = rtcClockType.utcMaybeSmeared;
  #moved: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  read(): bigint {
    return BigInt(Date.now()) * NANOSECONDS;
  }

  watch(moved: () => void): void {
    this.#moved = moved;
  }

  /** An alarm keeps no process running. */
  wakeAt(time: bigint | null): void {
    clearTimeout(this.#timer);
    if (time === null) return;
    const ms = Number((time - this.read() + NANOSECONDS - 1n) / NANOSECONDS);
    this.#timer = setTimeout(() => this.#moved(), Math.min(Math.max(ms, 0), MOST_MS)).unref();
  }
}
