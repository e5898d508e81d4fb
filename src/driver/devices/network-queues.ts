import { concatenated } from '../../core/index.ts';
import {
  feature,
  NETWORK_HEADER_BYTES,
  type NetworkHeaderFields,
  networkFeature,
  networkHeader,
  newNetworkHeader,
  readNetworkHeader,
  SHORT_NETWORK_HEADER_BYTES,
  writeNetworkHeader,
} from '../../virtio/layout/index.ts';
import { NoDeviceError, ResourceError } from '../errors.ts';
import type { ChainBuffer } from '../ring.ts';
import type { VirtioDriver } from '../virtio-driver.ts';

/** What the sender of a frame leaves to be done. */
export type FrameHeader = Readonly<NetworkHeaderFields>;

/** LEG-NET-05: the number of buffers is there for modern drivers, and where buffers are merged. */
function headerBytes(driver: VirtioDriver): number {
  const whole = driver.has(networkFeature.mergeableBuffers) || driver.has(feature.version1);
  return whole ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;
}

/** Cuts `length` bytes into descriptors: of the lengths that `framing` says, as far as they go, and the rest in one. */
function cut(
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
  #failed: Error | null = null;

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
  }

  /** Resolves when the device is done with the frame. @throws ResourceError; what {@link fail} was told. */
  send(frame: Uint8Array, header: FrameHeader | null): Promise<void> {
    if (frame.length > this.#frameBytes)
      return Promise.reject(
        new ResourceError(`a frame of ${frame.length} bytes; the driver has room for ${this.#frameBytes}`),
      );
    if (this.#failed !== null) return Promise.reject(this.#failed);
    const done = new Promise<void>((resolve, reject) => {
      this.#backlog.push({ frame: frame.slice(), header, resolve, reject });
    });
    this.#pump();
    return done;
  }

  #pump(): void {
    const ring = this.#driver.rings.get(this.#index)!;
    let added = 0;
    for (let next = this.#backlog[0]; next !== undefined; next = this.#backlog[0]) {
      const slot = this.#free.at(-1);
      if (slot === undefined) break;
      this.#write(slot, next);
      const head = ring.add(cut(slot, this.#headerBytes + next.frame.length, this.#framing, false));
      if (head < 0) break;
      this.#free.pop();
      this.#backlog.shift();
      this.#pending.set(head, { slot, done: next.resolve, reject: next.reject });
      added++;
    }
    if (added > 0) this.#driver.kick(this.#index);
    else if (this.#pending.size === 0 && this.#backlog.length > 0)
      this.#backlog
        .shift()!
        .reject(new NoDeviceError(`a ring of ${ring.size} descriptors is too short for a frame`));
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
    const ring = this.#driver.rings.get(this.#index);
    for (let used = ring?.take() ?? null; used !== null; used = ring!.take()) {
      const pending = this.#pending.get(used.head);
      if (pending === undefined) continue;
      this.#pending.delete(used.head);
      this.#free.push(pending.slot);
      pending.done();
    }
    if (ring !== undefined && this.#backlog.length > 0) this.#pump();
  }

  /** Ends what is in flight or waits, and what is sent from now on, with an error. */
  fail(error: Error): void {
    this.#failed = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const { reject } of this.#backlog.splice(0)) reject(error);
  }
}

/** One receive queue: keeps the device supplied with buffers, and puts frames together that are spread over several. */
export class NetworkReceiveQueue {
  readonly #driver: VirtioDriver;
  readonly #index: number;
  readonly #bufferBytes: number;
  readonly #framing: readonly number[];
  readonly #headerBytes: number;
  readonly #onFrame: (frame: Uint8Array, header: FrameHeader) => void;
  readonly #addresses = new Map<number, number>();
  /** Buffers that wait for descriptors. */
  readonly #spare: number[] = [];
  /** Bytes of a frame of which more is to come, and how many buffers that will be. */
  readonly #parts: Uint8Array[] = [];
  #missing = 0;
  /** Frames that were no frames: shorter than a header, or short of a buffer. */
  errors = 0;

  /** To be made after bring-up: the buffers are the device's at once. @throws ResourceError */
  constructor(
    driver: VirtioDriver,
    index: number,
    options: {
      readonly buffers: number;
      readonly bufferBytes: number;
      readonly framing: readonly number[];
      readonly onFrame: (frame: Uint8Array, header: FrameHeader) => void;
    },
  ) {
    this.#driver = driver;
    this.#index = index;
    this.#bufferBytes = options.bufferBytes;
    this.#framing = options.framing;
    this.#onFrame = options.onFrame;
    this.#headerBytes = headerBytes(driver);
    for (let i = 0; i < options.buffers; i++) this.#spare.push(driver.memory.allocate(options.bufferBytes));
    this.#give();
  }

  /** Exposes as many buffers as the ring has room for. */
  #give(): void {
    const ring = this.#driver.rings.get(this.#index)!;
    let given = 0;
    for (let address = this.#spare[0]; address !== undefined; address = this.#spare[0]) {
      const head = ring.add(cut(address, this.#bufferBytes, this.#framing, true));
      if (head < 0) break;
      this.#addresses.set(head, address);
      this.#spare.shift();
      given++;
    }
    if (given > 0) this.#driver.kick(this.#index);
  }

  /** Takes what the device filled; to be called by the interrupt handler. */
  poll(): void {
    const ring = this.#driver.rings.get(this.#index);
    const whole: (() => void)[] = [];
    for (let used = ring?.take() ?? null; used !== null; used = ring!.take()) {
      const address = this.#addresses.get(used.head);
      if (address === undefined) continue;
      this.#addresses.delete(used.head);
      this.#spare.push(address);
      const bytes = this.#driver.memory.ram.read(address, Math.min(used.length, this.#bufferBytes));
      const frame = this.#take(bytes);
      if (frame !== null) whole.push(frame);
    }
    if (ring !== undefined && this.#spare.length > 0) this.#give();
    for (const frame of whole) frame();
  }

  /** @returns what hands the frame over, when this was its last buffer. */
  #take(bytes: Uint8Array): (() => void) | null {
    if (this.#parts.length === 0) {
      if (bytes.length < this.#headerBytes) {
        this.errors++;
        return null;
      }
      const view = new DataView(bytes.buffer);
      const merged = this.#driver.has(networkFeature.mergeableBuffers);
      const little = this.#driver.transport.littleEndian;
      this.#missing = merged ? Math.max(1, view.getUint16(networkHeader.numBuffers.offset, little)) : 1;
    }
    this.#parts.push(bytes);
    if (--this.#missing > 0) return null;
    const parts = this.#parts.splice(0);
    const header = this.#readHeader(parts[0]!);
    const frame = concatenated([parts[0]!.subarray(this.#headerBytes), ...parts.slice(1)]);
    return () => this.#onFrame(frame, header);
  }

  #readHeader(bytes: Uint8Array): FrameHeader {
    const fields = newNetworkHeader();
    readNetworkHeader(new DataView(bytes.buffer), 0, this.#driver.transport.littleEndian, fields);
    return fields;
  }
}
