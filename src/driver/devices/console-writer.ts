import type { VirtioDriver } from '../virtio-driver.ts';

export interface ConsoleWriterOptions {
  /** Buffers that are in flight at most, and bytes of each. */
  readonly count: number;
  readonly bytes: number;
}

interface Write {
  readonly bytes: Uint8Array;
  /** Bytes that went into buffers. */
  at: number;
  inFlight: number;
  resolve(): void;
  reject(error: Error): void;
}

/** Bytes on their way to the device, in order: cut into buffers of one descriptor each, as many as there are in flight. */
export class ConsoleWriter {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #bufferBytes: number;
  readonly #free: number[] = [];
  readonly #flying = new Map<number, { readonly buffer: number; readonly write: Write }>();
  #writes: Write[] = [];
  #held = false;

  /** To be made after bring-up. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number, options: ConsoleWriterOptions) {
    this.#driver = driver;
    this.#index = index;
    this.#bufferBytes = options.bytes;
    for (let i = 0; i < options.count; i++) this.#free.push(driver.memory.allocate(options.bytes));
    driver.whenFailed((error) => this.drop(error));
  }

  /** Ends when the device has taken the last byte. @throws NoAnswerError; what {@link drop} was told, or what ended the device. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#driver.failure !== null) return Promise.reject(this.#driver.failure);
    if (bytes.length === 0) return Promise.resolve();
    const done = new Promise<void>((resolve, reject) => {
      this.#writes.push({ bytes: bytes.slice(), at: 0, inFlight: 0, resolve, reject });
    });
    this.#send();
    return this.#driver.wait(`bytes to be taken on queue ${this.#index}`, done);
  }

  /** While held, nothing more is given to the device. */
  hold(held: boolean): void {
    this.#held = held;
    this.#send();
  }

  #send(): void {
    const { ram } = this.#driver.memory;
    let added = 0;
    while (this.#driver.failure === null && !this.#held && this.#writes.length > 0 && this.#free.length > 0) {
      const write = this.#writes[0]!;
      const buffer = this.#free.pop()!;
      const piece = write.bytes.subarray(write.at, write.at + this.#bufferBytes);
      ram.write(buffer, piece);
      const head = this.#driver.add(this.#index, [
        { address: buffer, length: piece.length, writable: false },
      ]);
      if (head < 0) {
        this.#free.push(buffer);
        break;
      }
      this.#flying.set(head, { buffer, write });
      write.at += piece.length;
      write.inFlight++;
      added++;
      if (write.at === write.bytes.length) this.#writes.shift();
    }
    if (added > 0) this.#driver.kick(this.#index);
  }

  /** Takes what the device handed back, whatever length it says (LEG-CON-03); to be called by the interrupt handler. */
  poll(): void {
    const driver = this.#driver;
    for (let used = driver.take(this.#index); used !== null; used = driver.take(this.#index)) {
      const flight = this.#flying.get(used.head);
      if (flight === undefined) continue;
      this.#flying.delete(used.head);
      this.#free.push(flight.buffer);
      const { write } = flight;
      write.inFlight--;
      if (write.inFlight === 0 && write.at === write.bytes.length) write.resolve();
    }
    this.#send();
  }

  /** Ends what has not ended with an error; the device keeps the buffers that it has. */
  drop(error: Error): void {
    for (const { write } of this.#flying.values()) write.reject(error);
    for (const { reject } of this.#writes) reject(error);
    this.#writes = [];
  }
}
