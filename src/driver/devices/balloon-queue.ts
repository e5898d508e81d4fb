import { DeviceFailedError } from '../errors.ts';
import type { ChainBuffer } from '../ring.ts';
import type { VirtioDriver } from '../virtio-driver.ts';

interface Pending {
  resolve(): void;
  reject(error: Error): void;
}

/** A queue of buffers that lie anywhere in memory; nothing comes back but the buffers themselves. */
export class BalloonQueue {
  /** Descriptors of the ring. */
  readonly size: number;
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];

  /** To be made after bring-up. */
  constructor(driver: VirtioDriver, index: number) {
    this.#driver = driver;
    this.#index = index;
    this.size = driver.rings.get(index)!.size;
    driver.whenFailed((error) => this.#fail(error));
  }

  /** Sends a chain; waits for room where there is none. Resolved when the device has handed it back. */
  async send(buffers: readonly ChainBuffer[]): Promise<void> {
    for (;;) {
      if (this.#driver.failure !== null) throw this.#driver.failure;
      const head = this.#driver.add(this.#index, buffers);
      if (head >= 0) {
        const done = new Promise<void>((resolve, reject) => this.#pending.set(head, { resolve, reject }));
        this.#driver.kick(this.#index);
        return this.#driver.wait(`pages on queue ${this.#index}`, done);
      }
      if (this.#pending.size === 0) throw new DeviceFailedError('a ring too short for a request');
      const room = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await this.#driver.wait(`room on queue ${this.#index}`, room);
    }
  }

  /** Takes what the device handed back; used lengths are not looked at (LEG-BAL-04). */
  poll(): void {
    const driver = this.#driver;
    for (let used = driver.take(this.#index); used !== null; used = driver.take(this.#index)) {
      const pending = this.#pending.get(used.head);
      this.#pending.delete(used.head);
      pending?.resolve();
      this.#waiting.shift()?.();
    }
  }

  /** Ends everything that is in flight or waits. */
  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
