import type { VirtioDriver } from './virtio-driver.ts';

export interface ReceiveQueueOptions {
  /** Buffers that the device always has, as far as the ring is long enough. */
  readonly count: number;
  /** Bytes of each. */
  readonly bytes: number;
  /** Gets a copy of what the device wrote, as long as it says; the buffer is the device's again afterwards. */
  readonly onBuffer: (bytes: Uint8Array) => void;
}

/** A queue that the driver keeps filled with buffers for the device to write: received frames, events, input. */
export class ReceiveQueue {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #options: ReceiveQueueOptions;
  readonly #addresses = new Map<number, number>();

  /** Buffers that came back with more in them than they hold: what they have is not believed, and passed over. */
  errors = 0;

  /** To be made after bring-up: the buffers are the device's at once. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number, options: ReceiveQueueOptions) {
    this.#driver = driver;
    this.#index = index;
    this.#options = options;
    const ring = driver.rings.get(index)!;
    for (let i = Math.min(options.count, ring.free); i > 0; i--)
      this.#give(driver.memory.allocate(options.bytes));
    driver.kick(index);
  }

  #give(address: number): void {
    const buffer = { address, length: this.#options.bytes, writable: true };
    const head = this.#driver.add(this.#index, [buffer]);
    if (head >= 0) this.#addresses.set(head, address);
  }

  /** Takes what the device handed back; to be called by the interrupt handler. */
  poll(): void {
    const driver = this.#driver;
    let taken = 0;
    try {
      for (let used = driver.take(this.#index); used !== null; used = driver.take(this.#index)) {
        const address = this.#addresses.get(used.head);
        if (address === undefined) continue;
        this.#addresses.delete(used.head);
        const over = used.length > this.#options.bytes;
        const bytes = over ? null : driver.memory.ram.read(address, used.length);
        this.#give(address);
        taken++;
        if (bytes === null) this.errors++;
        else this.#options.onBuffer(bytes);
      }
    } finally {
      if (taken > 0) driver.kick(this.#index);
    }
  }
}
