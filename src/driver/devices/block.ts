import { FOUR_GIB } from '../../core/index.ts';
import {
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  blockConfig,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockStatus,
  feature,
  SECTOR_BYTES,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, NoDeviceError, RequestFailedError, ResourceError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';

/** Memory of one request in flight: header, data, status. */
interface Slot {
  readonly header: number;
  readonly data: number;
  readonly status: number;
}

interface Pending {
  readonly slot: Slot;
  readonly length: number;
  resolve(data: Uint8Array): void;
  reject(error: Error): void;
}

export interface BlockDriverOptions {
  /** Bytes of data of one request at most; a multiple of 512. */
  readonly requestBytes?: number;
  /** Requests in flight at most. */
  readonly depth?: number;
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
}

const FEATURES = [
  blockFeature.readOnly,
  blockFeature.blockSize,
  blockFeature.flush,
  blockFeature.topology,
  blockFeature.configWriteCache,
];

/** Descriptors of one request: header, data, status. */
const MAX_CHAIN = 3;

const statusNames = Object.entries(blockStatus);

/** A driver for the block device, on any transport. Sectors are of 512 bytes. */
export class BlockDriver {
  readonly driver: VirtioDriver;
  /** Sectors. */
  readonly capacity: number;
  readonly readOnly: boolean;
  readonly #requestBytes: number;
  /** Descriptors of the ring that a request takes. */
  readonly #chainDescriptors: number;
  readonly #free: Slot[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  #failed: Error | null = null;

  /** Brings the device up. @throws NoDeviceError, also for a queue too short for a request; DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, options: BlockDriverOptions = {}) {
    const { requestBytes = 65536, depth = 16, ringFeatures } = options;
    this.driver = new VirtioDriver(transport, memory);
    this.#requestBytes = requestBytes;
    this.driver.bringUp(
      { features: FEATURES, queues: [0], ...(ringFeatures === undefined ? {} : { ringFeatures }) },
      { queue: () => this.poll(), config: () => this.#onConfig() },
    );
    this.#chainDescriptors = this.driver.has(feature.ringIndirectDescriptors) ? 1 : MAX_CHAIN;
    const { size } = this.driver.rings.get(0)!;
    if (size < this.#chainDescriptors)
      throw new NoDeviceError(`a queue of ${size} descriptors; a request takes ${this.#chainDescriptors}`);
    for (let i = 0; i < depth; i++)
      this.#free.push({
        header: memory.allocate(BLOCK_REQUEST_BYTES),
        data: memory.allocate(requestBytes, SECTOR_BYTES),
        status: memory.allocate(1),
      });
    this.capacity = this.driver.readField(blockConfig, 'capacity');
    this.readOnly = this.driver.has(blockFeature.readOnly);
  }

  /** Reads `sectors` sectors. @throws RequestFailedError, DeviceFailedError */
  async read(sector: number, sectors: number): Promise<Uint8Array> {
    const whole = new Uint8Array(sectors * SECTOR_BYTES);
    await this.#split(sector, whole.length, async (at, offset, length) => {
      whole.set(await this.#request(blockRequestType.in, at, null, length), offset);
    });
    return whole;
  }

  /** Writes whole sectors. @throws RequestFailedError, DeviceFailedError */
  async write(sector: number, data: Uint8Array): Promise<void> {
    await this.#split(sector, data.length, async (at, offset, length) => {
      await this.#request(blockRequestType.out, at, data.subarray(offset, offset + length), 0);
    });
  }

  /** Makes every write that has ended stable. */
  async flush(): Promise<void> {
    await this.#request(blockRequestType.flush, 0, null, 0);
  }

  /** The device's id, without its padding. */
  async getId(): Promise<string> {
    const id = await this.#request(blockRequestType.getId, 0, null, BLOCK_ID_BYTES);
    const end = id.indexOf(0);
    return String.fromCharCode(...id.subarray(0, end < 0 ? id.length : end));
  }

  /**
   * Sends one request as it is, for tests: any type, any sector. @returns the data that came back.
   * @throws ResourceError for more data than a request has room for.
   */
  async request(type: number, sector: number, out: Uint8Array | null, inBytes: number): Promise<Uint8Array> {
    const length = out?.length ?? inBytes;
    if (length > this.#requestBytes)
      throw new ResourceError(`a request of ${length} bytes; the driver has room for ${this.#requestBytes}`);
    return this.#request(type, sector, out, inBytes);
  }

  /** Resets the device; requests in flight fail. */
  close(): void {
    this.driver.close();
    this.#fail(new DeviceFailedError('the driver was closed'));
  }

  async #split(
    sector: number,
    length: number,
    piece: (sector: number, offset: number, length: number) => Promise<void>,
  ): Promise<void> {
    const pieces: Promise<void>[] = [];
    for (let offset = 0; offset < length; offset += this.#requestBytes)
      pieces.push(
        piece(sector + offset / SECTOR_BYTES, offset, Math.min(this.#requestBytes, length - offset)),
      );
    await Promise.all(pieces);
  }

  async #request(type: number, sector: number, out: Uint8Array | null, inBytes: number): Promise<Uint8Array> {
    const ring = this.driver.rings.get(0);
    while (this.#failed === null && (this.#free.length === 0 || ring!.free < this.#chainDescriptors))
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failed !== null) throw this.#failed;
    const slot = this.#free.pop()!;
    this.#writeHeader(slot, type, sector);
    if (out !== null) this.driver.memory.ram.write(slot.data, out);
    const length = out?.length ?? inBytes;
    const head = ring!.add([
      { address: slot.header, length: BLOCK_REQUEST_BYTES, writable: false },
      ...(length === 0 ? [] : [{ address: slot.data, length, writable: out === null }]),
      { address: slot.status, length: 1, writable: true },
    ]);
    const done = new Promise<Uint8Array>((resolve, reject) => {
      this.#pending.set(head, { slot, length: inBytes, resolve, reject });
    });
    this.driver.kick(0);
    return done;
  }

  #writeHeader(slot: Slot, type: number, sector: number): void {
    const bytes = new Uint8Array(BLOCK_REQUEST_BYTES);
    const view = new DataView(bytes.buffer);
    const little = this.driver.transport.littleEndian;
    const [low, high] = [sector % FOUR_GIB, Math.floor(sector / FOUR_GIB)];
    view.setUint32(blockRequest.type.offset, type, little);
    view.setUint32(blockRequest.sectorLow.offset, little ? low : high, little);
    view.setUint32(blockRequest.sectorHigh.offset, little ? high : low, little);
    const { ram } = this.driver.memory;
    ram.write(slot.header, bytes);
    ram.fill(slot.status, 1, 0xff);
  }

  /** Takes what the device handed back; the interrupt handler. Used lengths are not relied on (LEG-BLK-08). */
  poll(): void {
    const ring = this.driver.rings.get(0);
    for (let used = ring?.take() ?? null; used !== null; used = ring!.take()) {
      const pending = this.#pending.get(used.head);
      if (pending === undefined) continue;
      this.#pending.delete(used.head);
      const { slot } = pending;
      const { ram } = this.driver.memory;
      const status = ram.read(slot.status, 1)[0]!;
      const data = ram.read(slot.data, pending.length);
      this.#free.push(slot);
      this.#waiting.shift()?.();
      if (status === blockStatus.ok) pending.resolve(data);
      else {
        const name = statusNames.find(([, value]) => value === status)?.[0] ?? 'unknown';
        pending.reject(new RequestFailedError(`the device answered status ${status} (${name})`, status));
      }
    }
  }

  #onConfig(): void {
    if (this.driver.needsReset) this.#fail(new DeviceFailedError('the device asks to be reset'));
  }

  #fail(error: Error): void {
    this.#failed = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
