import type { Bus } from '../core/index.ts';
import { NoAnswerError } from './errors.ts';

/** Pauses for which a handshake is waited for: the device has nothing to do but to show that it is done. */
export const HANDSHAKE_PAUSES = 100_000;

/** Pauses for which a request is waited for on a bus that has to be asked for its interrupts. */
export const REQUEST_PAUSES = 10_000;

/** So many pauses follow each other at once; each later one lets the program's other work have its turn. */
const QUICK_PAUSES = 200;

export interface WaitOptions {
  /**
   * Pauses (see {@link Bus.pause}) after which nothing that is waited for is waited for any longer. By default
   * {@link HANDSHAKE_PAUSES} for a reset, and {@link REQUEST_PAUSES} for requests on a bus that delivers interrupts in pauses
   * only. On others a request ends when its interrupt comes, and nobody pauses for it, unless a number is given here.
   */
  readonly patience?: number;
}

/** How the drivers of a function wait: in pauses of its bus, and not for ever. */
export class Waits {
  readonly bus: Bus;
  readonly #handshake: number;
  /** Null where requests are waited for without pauses. */
  readonly #request: number | null;

  constructor(bus: Bus, { patience }: WaitOptions = {}) {
    this.bus = bus;
    this.#handshake = patience ?? HANDSHAKE_PAUSES;
    this.#request = patience ?? (bus.interrupts.inPausesOnly === true ? REQUEST_PAUSES : null);
  }

  /** Looks, and pauses, until it is done. @param what is waited for. @throws NoAnswerError, TargetGoneError */
  handshake(what: string, done: () => boolean): void {
    for (let pauses = 0; ; pauses++) {
      if (done()) return;
      if (pauses === this.#handshake) throw new NoAnswerError(what, pauses);
      this.bus.pause();
    }
  }

  /** Waits for what an interrupt brings. @param what is waited for. @throws NoAnswerError, TargetGoneError; as `answer` does */
  request<T>(what: string, answer: Promise<T>): Promise<T> {
    return this.#request === null ? answer : this.#paused(what, answer, this.#request);
  }

  async #paused<T>(what: string, answer: Promise<T>, most: number): Promise<T> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    answer.then(settle, settle);
    for (let pauses = 0; ; pauses++) {
      await (pauses < QUICK_PAUSES ? null : new Promise((resolve) => setTimeout(resolve, 0)));
      if (settled) return answer;
      if (pauses === most) throw new NoAnswerError(what, pauses);
      this.bus.pause();
    }
  }
}
