import { concatenated, VirtiolabError } from '../../core/index.ts';
import {
  networkFeature,
  networkHeader,
  newNetworkHeader,
  readNetworkHeader,
} from '../../virtio/layout/index.ts';
import type { VirtioDriver } from '../virtio-driver.ts';
import { cut, type FrameHeader, headerBytes } from './network-queues.ts';

/** What a device put into receive buffers, and what is no frame. Reception goes on behind it. */
export class ReceiveError extends VirtiolabError {
  /** What was wrong: a number of buffers, or of bytes. */
  readonly value: number;

  constructor(what: string, value: number) {
    super(`received: ${what}`);
    this.value = value;
  }
}

export interface NetworkReceiveOptions {
  readonly buffers: number;
  readonly bufferBytes: number;
  readonly framing: readonly number[];
  readonly onFrame: (frame: Uint8Array, header: FrameHeader) => void;
  readonly onError: (error: ReceiveError) => void;
}

/** One receive queue: keeps the device supplied with buffers, and puts frames together that are spread over several. */
export class NetworkReceiveQueue {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #options: NetworkReceiveOptions;
  readonly #headerBytes: number;
  readonly #addresses = new Map<number, number>();
  /** Buffers that wait for descriptors. */
  readonly #spare: number[] = [];
  /** Frames that were no frames. */
  errors = 0;

  /** To be made after bring-up: the buffers are the device's at once. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number, options: NetworkReceiveOptions) {
    this.#driver = driver;
    this.#index = index;
    this.#options = options;
    this.#headerBytes = headerBytes(driver);
    for (let i = 0; i < options.buffers; i++) this.#spare.push(driver.memory.allocate(options.bufferBytes));
    this.#give();
  }

  /** Exposes as many buffers as the ring has room for. */
  #give(): void {
    const { bufferBytes, framing } = this.#options;
    let given = 0;
    for (let address = this.#spare[0]; address !== undefined; address = this.#spare[0]) {
      const head = this.#driver.add(this.#index, cut(address, bufferBytes, framing, true));
      if (head < 0) break;
      this.#addresses.set(head, address);
      this.#spare.shift();
      given++;
    }
    if (given > 0) this.#driver.kick(this.#index);
  }

  /**
   * Takes what the device filled; to be called by the interrupt handler. Handlers are told of all that was there; what they
   * throw comes afterwards.
   */
  poll(): void {
    const exposed = this.#addresses.size;
    const filled = this.#take();
    if (this.#spare.length > 0) this.#give();
    const failures: unknown[] = [];
    for (let at = 0; at < filled.length; ) {
      const count = this.#countBuffers(filled, at, exposed);
      try {
        if (typeof count === 'number') this.#hand(filled.slice(at, at + count));
        else {
          this.errors++;
          this.#options.onError(count);
        }
      } catch (error) {
        failures.push(error);
      }
      at += typeof count === 'number' ? count : 1;
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Copies of all buffers that came back, each as long as the device says: of none, where it says more than there is. */
  #take(): Uint8Array[] {
    const { memory } = this.#driver;
    const filled: Uint8Array[] = [];
    for (let used = this.#driver.take(this.#index); used !== null; used = this.#driver.take(this.#index)) {
      const address = this.#addresses.get(used.head);
      if (address === undefined) continue;
      this.#addresses.delete(used.head);
      this.#spare.push(address);
      const length = used.length > this.#options.bufferBytes ? 0 : used.length;
      filled.push(memory.ram.read(address, length));
    }
    return filled;
  }

  /**
   * Buffers of the frame that begins in one; or what is wrong with it, which concerns this buffer alone then. All buffers of a
   * frame come back together, each but the last one full (NET-RX-12, NET-RX-13). @param exposed buffers that the device had.
   */
  #countBuffers(filled: readonly Uint8Array[], at: number, exposed: number): number | ReceiveError {
    const first = filled[at]!;
    if (first.length < this.#headerBytes)
      return new ReceiveError(`${first.length} bytes, less than a header`, first.length);
    if (!this.#driver.has(networkFeature.mergeableBuffers)) return 1;
    const little = this.#driver.transport.littleEndian;
    const count = new DataView(first.buffer).getUint16(networkHeader.numBuffers.offset, little);
    if (count === 0 || count > exposed)
      return new ReceiveError(`a frame of ${count} buffers, of ${exposed} that the device had`, count);
    if (at + count > filled.length)
      return new ReceiveError(`a frame of ${count} buffers, of which ${filled.length - at} came back`, count);
    const { bufferBytes } = this.#options;
    const short = filled.slice(at, at + count - 1).find(({ length }) => length < bufferBytes);
    return short === undefined
      ? count
      : new ReceiveError(`a frame of ${count} buffers, one with ${short.length} of ${bufferBytes}`, count);
  }

  #hand(parts: readonly Uint8Array[]): void {
    const header = newNetworkHeader();
    readNetworkHeader(new DataView(parts[0]!.buffer), 0, this.#driver.transport.littleEndian, header);
    const frame = concatenated([parts[0]!.subarray(this.#headerBytes), ...parts.slice(1)]);
    this.#options.onFrame(frame, header);
  }
}
