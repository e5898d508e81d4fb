import { DeviceFailedError, ResourceError, UnansweredError } from './errors.ts';
import type { VirtioDriver } from './virtio-driver.ts';

export interface RequestQueueOptions {
  /** Bytes that one request sends and gets at most. */
  readonly outBytes: number;
  readonly inBytes: number;
  /** Requests in flight at most. */
  readonly depth: number;
}

/** What came back: all writable bytes in a row, and how many of them the device says that it wrote. */
export interface Reply {
  readonly bytes: Uint8Array;
  readonly length: number;
}

interface Slot {
  readonly out: number;
  readonly in: number;
}

interface Pending {
  readonly slot: Slot;
  readonly inBytes: number;
  readonly answerBytes: number;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** What writable bytes hold when a request goes out: no answer begins with as many of them as it has. */
const NO_ANSWER = 0xff;

/** A queue of requests that the device answers, in whatever order: control commands, SCSI commands, 9P messages. */
export class RequestQueue {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #options: RequestQueueOptions;
  readonly #free: Slot[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];

  /** To be made after bring-up. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number, options: RequestQueueOptions) {
    this.#driver = driver;
    this.#index = index;
    this.#options = options;
    const { memory } = driver;
    for (let i = 0; i < options.depth; i++)
      this.#free.push({ out: memory.allocate(options.outBytes), in: memory.allocate(options.inBytes) });
    driver.whenFailed((error) => this.#fail(error));
  }

  /**
   * Sends one request, each piece in a descriptor of its own; waits for its turn where too many are in flight.
   * @param outs readable pieces; @param ins lengths of the writable ones. Pieces of no bytes are left out.
   * @param answerBytes of the writable ones with which every answer begins.
   * @throws ResourceError for more than a request has room for; UnansweredError for one that comes back without its answer;
   * NoAnswerError; what ended the use of the device.
   */
  async send(outs: readonly Uint8Array[], ins: readonly number[], answerBytes: number): Promise<Reply> {
    const { outBytes, inBytes } = this.#options;
    const sent = outs.reduce((sum, { length }) => sum + length, 0);
    const wanted = ins.reduce((sum, length) => sum + length, 0);
    if (sent > outBytes || wanted > inBytes)
      throw new ResourceError(
        `a request of ${sent} bytes out and ${wanted} in; the driver has room for ${outBytes} and ${inBytes}`,
      );
    for (;;) {
      if (this.#driver.failure !== null) throw this.#driver.failure;
      const ring = this.#driver.rings.get(this.#index);
      if (ring === undefined) throw new DeviceFailedError(`queue ${this.#index} is not set up`);
      const slot = this.#free.pop();
      const head = slot === undefined ? -1 : this.#driver.add(this.#index, this.#buffers(slot, outs, ins));
      if (head >= 0) {
        const done = new Promise<Reply>((resolve, reject) => {
          this.#pending.set(head, { slot: slot!, inBytes: wanted, answerBytes, resolve, reject });
        });
        this.#driver.kick(this.#index);
        return this.#driver.wait(`an answer on queue ${this.#index}`, done);
      }
      if (slot !== undefined) this.#free.push(slot);
      if (this.#pending.size === 0)
        throw new ResourceError(`a ring of ${ring.size} descriptors is too short for a request`);
      const room = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await this.#driver.wait(`room on queue ${this.#index}`, room);
    }
  }

  #buffers(slot: Slot, outs: readonly Uint8Array[], ins: readonly number[]) {
    const { ram } = this.#driver.memory;
    const buffers: { address: number; length: number; writable: boolean }[] = [];
    let at = slot.out;
    for (const piece of outs) {
      if (piece.length === 0) continue;
      ram.write(at, piece);
      buffers.push({ address: at, length: piece.length, writable: false });
      at += piece.length;
    }
    at = slot.in;
    for (const length of ins) {
      if (length === 0) continue;
      ram.fill(at, length, NO_ANSWER);
      buffers.push({ address: at, length, writable: true });
      at += length;
    }
    return buffers;
  }

  /** Takes what the device handed back; to be called by the interrupt handler. */
  poll(): void {
    const driver = this.#driver;
    for (let used = driver.take(this.#index); used !== null; used = driver.take(this.#index)) {
      const pending = this.#pending.get(used.head);
      if (pending === undefined) continue;
      this.#pending.delete(used.head);
      this.#free.push(pending.slot);
      const { inBytes, answerBytes } = pending;
      const bytes = driver.memory.ram.read(pending.slot.in, inBytes);
      const length = Math.min(used.length, inBytes);
      if (this.#answered(bytes, used.length, answerBytes)) pending.resolve({ bytes, length });
      else
        pending.reject(
          new UnansweredError(`a request of queue ${this.#index}`, used.length, answerBytes, inBytes),
        );
      this.#waiting.shift()?.();
    }
  }

  /** A legacy device's used length says nothing (LEG-USED-01): there, what was written tells. */
  #answered(bytes: Uint8Array, length: number, answerBytes: number): boolean {
    if (this.#driver.trustsLengths && (length < answerBytes || length > bytes.length)) return false;
    return answerBytes === 0 || bytes.subarray(0, answerBytes).some((byte) => byte !== NO_ANSWER);
  }

  /** Ends everything that is in flight or waits. */
  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
