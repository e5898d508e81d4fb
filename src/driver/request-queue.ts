import { ResourceError } from './errors.ts';
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
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** A queue of requests that the device answers, in whatever order: control commands, SCSI commands, 9P messages. */
export class RequestQueue {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #options: RequestQueueOptions;
  readonly #free: Slot[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  #failed: Error | null = null;

  /** To be made after bring-up. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number, options: RequestQueueOptions) {
    this.#driver = driver;
    this.#index = index;
    this.#options = options;
    const { memory } = driver;
    for (let i = 0; i < options.depth; i++)
      this.#free.push({ out: memory.allocate(options.outBytes), in: memory.allocate(options.inBytes) });
  }

  /**
   * Sends one request, each piece in a descriptor of its own; waits for its turn where too many are in flight.
   * @param outs readable pieces; @param ins lengths of the writable ones. Pieces of no bytes are left out.
   * @throws ResourceError for more than a request has room for; what {@link fail} was told.
   */
  async send(outs: readonly Uint8Array[], ins: readonly number[]): Promise<Reply> {
    const { outBytes, inBytes } = this.#options;
    const sent = outs.reduce((sum, { length }) => sum + length, 0);
    const wanted = ins.reduce((sum, length) => sum + length, 0);
    if (sent > outBytes || wanted > inBytes)
      throw new ResourceError(
        `a request of ${sent} bytes out and ${wanted} in; the driver has room for ${outBytes} and ${inBytes}`,
      );
    const ring = this.#driver.rings.get(this.#index)!;
    for (;;) {
      if (this.#failed !== null) throw this.#failed;
      const slot = this.#free.pop();
      const head = slot === undefined ? -1 : ring.add(this.#buffers(slot, outs, ins));
      if (head >= 0) {
        const done = new Promise<Reply>((resolve, reject) => {
          this.#pending.set(head, { slot: slot!, inBytes: wanted, resolve, reject });
        });
        this.#driver.kick(this.#index);
        return done;
      }
      if (slot !== undefined) this.#free.push(slot);
      if (this.#pending.size === 0)
        throw new ResourceError(`a ring of ${ring.size} descriptors is too short for a request`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
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
      ram.fill(at, length, 0);
      buffers.push({ address: at, length, writable: true });
      at += length;
    }
    return buffers;
  }

  /** Takes what the device handed back; to be called by the interrupt handler. */
  poll(): void {
    const ring = this.#driver.rings.get(this.#index);
    for (let used = ring?.take() ?? null; used !== null; used = ring!.take()) {
      const pending = this.#pending.get(used.head);
      if (pending === undefined) continue;
      this.#pending.delete(used.head);
      this.#free.push(pending.slot);
      const bytes = this.#driver.memory.ram.read(pending.slot.in, pending.inBytes);
      pending.resolve({ bytes, length: Math.min(used.length, pending.inBytes) });
      this.#waiting.shift()?.();
    }
  }

  /** Ends everything that is in flight or waits, and whatever is sent from now on, with an error. */
  fail(error: Error): void {
    this.#failed = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
