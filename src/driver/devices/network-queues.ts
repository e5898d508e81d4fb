import {
  feature,
  NETWORK_HEADER_BYTES,
  type NetworkHeaderFields,
  networkFeature,
  SHORT_NETWORK_HEADER_BYTES,
  writeNetworkHeader,
} from '../../virtio/layout/index.ts';
import { NoDeviceError, ResourceError } from '../errors.ts';
import type { ChainBuffer } from '../ring.ts';
import type { VirtioDriver } from '../virtio-driver.ts';

/** What the sender of a frame leaves to be done. */
export type FrameHeader = Readonly<NetworkHeaderFields>;

/** LEG-NET-05: the number of buffers is there for modern drivers, and where buffers are merged. */
export function headerBytes(driver: VirtioDriver): number {
  const whole = driver.has(networkFeature.mergeableBuffers) || driver.has(feature.version1);
  return whole ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;
}

/** Cuts `length` bytes into descriptors: of the lengths that `framing` says, as far as they go, and the rest in one. */
export function cut(
  address: number,
  length: number,
  framing: readonly number[],
  writable: boolean,
): readonly ChainBuffer[] {
  const buffers: ChainBuffer[] = [];
  for (const piece of [...framing, length]) {
    const size = Math.min(piece, length);
    if (size === 0) break;
    buffers.push({ address, length: size, writable });
    address += size;
    length -= size;
  }
  return buffers;
}

interface Waiting {
  readonly frame: Uint8Array;
  readonly header: FrameHeader | null;
  resolve(): void;
  reject(error: Error): void;
}

/** One transmit queue: frames go out in the order in which they are sent. */
export class NetworkTransmitQueue {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #frameBytes: number;
  readonly #framing: readonly number[];
  readonly #headerBytes: number;
  readonly #free: number[] = [];
  readonly #pending = new Map<number, { slot: number; done: () => void; reject: (error: Error) => void }>();
  readonly #backlog: Waiting[] = [];

  /** To be made after bring-up. @param depth frames in flight at most. @throws ResourceError */
  constructor(
    driver: VirtioDriver,
    index: number,
    options: { readonly frameBytes: number; readonly depth: number; readonly framing: readonly number[] },
  ) {
    this.#driver = driver;
    this.#index = index;
    this.#frameBytes = options.frameBytes;
    this.#framing = options.framing;
    this.#headerBytes = headerBytes(driver);
    for (let i = 0; i < options.depth; i++)
      this.#free.push(driver.memory.allocate(this.#headerBytes + options.frameBytes));
    driver.whenFailed((error) => this.#fail(error));
  }

  /** Resolves when the device is done with the frame. @throws ResourceError, NoAnswerError; what ended the device. */
  send(frame: Uint8Array, header: FrameHeader | null): Promise<void> {
    if (frame.length > this.#frameBytes)
      return Promise.reject(
        new ResourceError(`a frame of ${frame.length} bytes; the driver has room for ${this.#frameBytes}`),
      );
    if (this.#driver.failure !== null) return Promise.reject(this.#driver.failure);
    const done = new Promise<void>((resolve, reject) => {
      this.#backlog.push({ frame: frame.slice(), header, resolve, reject });
    });
    this.#pump();
    return this.#driver.wait(`a frame to be sent on queue ${this.#index}`, done);
  }

  #pump(): void {
    let added = 0;
    for (let next = this.#backlog[0]; next !== undefined; next = this.#backlog[0]) {
      const slot = this.#free.at(-1);
      if (slot === undefined) break;
      this.#write(slot, next);
      const head = this.#driver.add(
        this.#index,
        cut(slot, this.#headerBytes + next.frame.length, this.#framing, false),
      );
      if (head < 0) break;
      this.#free.pop();
      this.#backlog.shift();
      this.#pending.set(head, { slot, done: next.resolve, reject: next.reject });
      added++;
    }
    if (added > 0) this.#driver.kick(this.#index);
    else if (this.#pending.size === 0 && this.#backlog.length > 0) {
      const size = this.#driver.rings.get(this.#index)?.size ?? 0;
      this.#backlog
        .shift()!
        .reject(new NoDeviceError(`a ring of ${size} descriptors is too short for a frame`));
    }
  }

  #write(at: number, { frame, header }: Waiting): void {
    const bytes = new Uint8Array(this.#headerBytes);
    if (header !== null)
      writeNetworkHeader(new DataView(bytes.buffer), this.#driver.transport.littleEndian, header);
    const { ram } = this.#driver.memory;
    ram.write(at, bytes);
    ram.write(at + this.#headerBytes, frame);
  }

  /** Takes what the device handed back; to be called by the interrupt handler. Used lengths say nothing (LEG-NET-06). */
  poll(): void {
    const driver = this.#driver;
    for (let used = driver.take(this.#index); used !== null; used = driver.take(this.#index)) {
      const pending = this.#pending.get(used.head);
      if (pending === undefined) continue;
      this.#pending.delete(used.head);
      this.#free.push(pending.slot);
      pending.done();
    }
    if (driver.failure === null && this.#backlog.length > 0) this.#pump();
  }

  /** Ends what is in flight or waits. */
  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const { reject } of this.#backlog.splice(0)) reject(error);
  }
}
