import { entropyQueue } from '../../virtio/layout/index.ts';
import { checkWhole, DeviceFailedError, UnansweredError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';

const BUFFER_BYTES = 4096;
/** Bytes of one read. */
const MAX_READ_BYTES = 2 ** 31 - 1;

export interface EntropyDriverOptions {
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
}

/** A driver for the entropy device, on any transport: one buffer in flight at a time. */
export class EntropyDriver {
  readonly driver: VirtioDriver;
  readonly #buffer: number;
  #pending: { resolve(length: number): void; reject(error: Error): void } | null = null;

  /** Brings the device up. @throws NoDeviceError, DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, { ringFeatures }: EntropyDriverOptions = {}) {
    this.driver = new VirtioDriver(transport, memory);
    this.driver.bringUp(
      {
        features: [],
        queues: [entropyQueue.request],
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
      },
      { queue: () => this.poll(), config: () => {} },
    );
    this.#buffer = memory.allocate(BUFFER_BYTES);
    this.driver.whenFailed((error) => {
      this.#pending?.reject(error);
      this.#pending = null;
    });
  }

  /**
   * `length` random bytes; only what the device says that it wrote is taken (RNG-02).
   * @throws ArgumentError; UnansweredError for more than was asked for; NoAnswerError; DeviceFailedError, also for a device that returns none (RNG-03).
   */
  async read(length: number): Promise<Uint8Array> {
    checkWhole('length', length, 0, MAX_READ_BYTES);
    const whole = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const got = await this.#request(Math.min(BUFFER_BYTES, length - at));
      if (got === 0) throw new DeviceFailedError('the device returned no bytes (RNG-03)');
      whole.set(this.driver.memory.ram.read(this.#buffer, got), at);
      at += got;
    }
    return whole;
  }

  #request(length: number): Promise<number> {
    if (this.#pending !== null) throw new DeviceFailedError('a read is in flight already');
    if (this.driver.failure !== null) throw this.driver.failure;
    const done = new Promise<number>((resolve, reject) => {
      this.#pending = {
        resolve: (got) => {
          // LEG-USED-01: of a legacy device's length as much as can be is believed.
          if (got <= length || !this.driver.trustsLengths) resolve(Math.min(got, length));
          else reject(new UnansweredError('a read', got, 1, length));
        },
        reject,
      };
    });
    this.driver.add(entropyQueue.request, [{ address: this.#buffer, length, writable: true }]);
    this.driver.kick(entropyQueue.request);
    return this.driver.wait('random bytes', done);
  }

  /** Takes what the device handed back, to the end: only an empty ring asks for the next interrupt. The interrupt handler. */
  poll(): void {
    const { request } = entropyQueue;
    for (let used = this.driver.take(request); used !== null; used = this.driver.take(request)) {
      const pending = this.#pending;
      this.#pending = null;
      pending?.resolve(used.length);
    }
  }

  /** Resets the device; a read in flight fails. */
  close(): void {
    this.driver.close();
  }
}
