import type { InterruptPort } from '../behaviour.ts';

/** Tells of a queue, or of the configuration. */
export type VdpaCallback = () => void;

/** How a parent's device reaches whoever uses it: by one function for each queue, and one for the configuration. */
export class VdpaCallbacks implements InterruptPort {
  onConfig: VdpaCallback | null = null;
  readonly #queues: (VdpaCallback | null)[];
  /** At rest: what there is to tell waits. */
  #held = false;
  #configWaits = false;
  readonly #waiting = new Set<number>();

  constructor(count: number) {
    this.#queues = new Array(count).fill(null);
  }

  set(index: number, callback: VdpaCallback | null): void {
    this.#queues[index] = callback;
  }

  queue(index: number): void {
    if (this.#held) this.#waiting.add(index);
    else this.#queues[index]?.();
  }

  config(): void {
    if (this.#held) this.#configWaits = true;
    else this.onConfig?.();
  }

  queueStopped(index: number): void {
    this.#waiting.delete(index);
  }

  queueReset(index: number): void {
    this.queueStopped(index);
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    const config = this.#configWaits;
    this.#configWaits = false;
    for (const index of waiting) this.queue(index);
    if (config) this.config();
  }

  /** Callbacks stay: they are whoever uses the device's, not its driver's. */
  reset(): void {
    this.#held = this.#configWaits = false;
    this.#waiting.clear();
  }
}
