import { FOUR_GIB } from '../../core/index.ts';
import {
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  BLOCK_SEGMENT_BYTES,
  blockConfig,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockStatus,
  feature,
  SECTOR_BYTES,
} from '../../virtio/layout/index.ts';
import {
  ArgumentError,
  checkWhole,
  DeviceFailedError,
  NoDeviceError,
  OutOfRangeError,
  RequestFailedError,
  ResourceError,
  UnansweredError,
} from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';
import { encodeSegments, type SectorRange, segmentRows } from './block-segments.ts';

/** Memory of one request in flight: header, data, status. */
interface Slot {
  readonly header: number;
  readonly data: number;
  readonly status: number;
}

interface Pending {
  readonly slot: Slot;
  /** Bytes of data in. */
  readonly length: number;
  resolve(data: Uint8Array): void;
  reject(error: Error): void;
}

export interface BlockDriverOptions {
  /** Bytes of data of one request at most; a multiple of 512. */
  readonly requestBytes?: number;
  /** Requests in flight at most, over all queues. */
  readonly depth?: number;
  /** Queues at most; more than one where the device offers them. Requests go to each in turn. */
  readonly queues?: number;
  readonly maxQueueSize?: number;
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
  /** The device has become longer or shorter: its sectors by now. */
  readonly onResize?: (capacity: number) => void;
}

const FEATURES = [
  blockFeature.sizeMax,
  blockFeature.readOnly,
  blockFeature.blockSize,
  blockFeature.flush,
  blockFeature.topology,
  blockFeature.configWriteCache,
  blockFeature.discard,
  blockFeature.writeZeroes,
  blockFeature.secureErase,
];

/** Requests with a row of segments. */
const segmentKinds = {
  discard: {
    type: blockRequestType.discard,
    feature: blockFeature.discard,
    sectors: 'maxDiscardSectors',
    segments: 'maxDiscardSegments',
  },
  writeZeroes: {
    type: blockRequestType.writeZeroes,
    feature: blockFeature.writeZeroes,
    sectors: 'maxWriteZeroesSectors',
    segments: 'maxWriteZeroesSegments',
  },
  secureErase: {
    type: blockRequestType.secureErase,
    feature: blockFeature.secureErase,
    sectors: 'maxSecureEraseSectors',
    segments: 'maxSecureEraseSegments',
  },
} as const;

/** Descriptors of one request: header, data, status. */
const MAX_CHAIN = 3;

/** @throws ArgumentError */
function checkSectors({ sector, sectors }: SectorRange): void {
  checkWhole('sector', sector, 0, Number.MAX_SAFE_INTEGER);
  checkWhole('sectors', sectors, 0, Number.MAX_SAFE_INTEGER - sector);
}

/** What the status byte holds until the device writes it: no status. */
const NO_STATUS = 0xff;

const statusNames = Object.entries(blockStatus);

/** A driver for the block device, on any transport. Sectors are of 512 bytes. */
export class BlockDriver {
  readonly driver: VirtioDriver;
  readonly readOnly: boolean;
  readonly #options: BlockDriverOptions;
  readonly #requestBytes: number;
  /** Descriptors of the ring that a request takes. */
  readonly #chainDescriptors: number;
  readonly #free: Slot[] = [];
  /** By queue, and by the chain's name. */
  #pending: readonly Map<number, Pending>[] = [];
  readonly #waiting: (() => void)[] = [];
  #nextQueue = 0;
  /** -1 while it was never read. */
  #capacity = -1;

  /** Brings the device up. @throws NoDeviceError, also for a queue too short for a request; DeviceFailedError */
  constructor(transport: Transport, memory: DmaMemory, options: BlockDriverOptions = {}) {
    const { requestBytes = 65536, depth = 16, queues = 1, ringFeatures, maxQueueSize } = options;
    this.#options = options;
    this.driver = new VirtioDriver(transport, memory);
    this.driver.bringUp(
      {
        features: queues > 1 ? [...FEATURES, blockFeature.multiQueue] : FEATURES,
        queues: () => Array.from({ length: this.#countQueues(queues) }, (_, i) => i),
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
        ...(maxQueueSize === undefined ? {} : { maxQueueSize }),
      },
      { queue: () => this.poll(), config: () => this.#onConfig() },
    );
    this.#pending = [...this.driver.rings.values()].map(() => new Map());
    this.driver.whenFailed((error) => this.#fail(error));
    this.#chainDescriptors = this.driver.has(feature.ringIndirectDescriptors) ? 1 : MAX_CHAIN;
    const { size } = this.driver.rings.get(0)!;
    if (size < this.#chainDescriptors)
      throw new NoDeviceError(`a queue of ${size} descriptors; a request takes ${this.#chainDescriptors}`);
    this.#requestBytes = this.#mostBytes(requestBytes);
    for (let i = 0; i < depth; i++)
      this.#free.push({
        header: memory.allocate(BLOCK_REQUEST_BYTES),
        data: memory.allocate(this.#requestBytes, SECTOR_BYTES),
        status: memory.allocate(1),
      });
    this.#capacity = this.driver.readField(blockConfig, 'capacity');
    this.readOnly = this.driver.has(blockFeature.readOnly);
  }

  #countQueues(wanted: number): number {
    if (!this.driver.has(blockFeature.multiQueue)) return 1;
    return Math.max(1, Math.min(wanted, this.driver.readField(blockConfig, 'numQueues')));
  }

  /** A request's data is one buffer, which SIZE_MAX may bound. */
  #mostBytes(wanted: number): number {
    if (!this.driver.has(blockFeature.sizeMax)) return wanted;
    const most = this.driver.readField(blockConfig, 'sizeMax');
    if (most < SECTOR_BYTES) throw new NoDeviceError(`the device takes buffers of ${most} bytes at most`);
    return Math.min(wanted, most - (most % SECTOR_BYTES));
  }

  /** Sectors, as last read: at the start, and whenever the configuration has changed (BLK-OP-02). */
  get capacity(): number {
    return this.#capacity;
  }

  /** Queues in use. */
  get queues(): number {
    return this.#pending.length;
  }

  /**
   * Reads `sectors` whole sectors from `sector` on.
   * @throws ArgumentError for what is no range of whole sectors, OutOfRangeError beyond the device's end; RequestFailedError,
   * UnansweredError, NoAnswerError, DeviceFailedError
   */
  async read(sector: number, sectors: number): Promise<Uint8Array> {
    this.#checkRange({ sector, sectors });
    const whole = new Uint8Array(sectors * SECTOR_BYTES);
    await this.#split(sector, whole.length, async (at, offset, length) => {
      whole.set(await this.#request(blockRequestType.in, at, null, length), offset);
    });
    return whole;
  }

  /** Writes whole sectors, as many as `data` has, from `sector` on. @throws as {@link read}; ArgumentError for half ones. */
  async write(sector: number, data: Uint8Array): Promise<void> {
    if (data.length % SECTOR_BYTES !== 0)
      throw new ArgumentError('bytes of data', data.length, `whole sectors of ${SECTOR_BYTES} bytes`);
    this.#checkRange({ sector, sectors: data.length / SECTOR_BYTES });
    await this.#split(sector, data.length, async (at, offset, length) => {
      await this.#request(blockRequestType.out, at, data.subarray(offset, offset + length), 0);
    });
  }

  /** @throws ArgumentError for what is no range of whole sectors, OutOfRangeError for one that the device does not have now. */
  #checkRange(range: SectorRange): void {
    checkSectors(range);
    const { sector, sectors } = range;
    if (sector + sectors <= this.#capacity) return;
    // The device may have grown, and word of it be under way.
    if (this.driver.failure !== null) throw this.driver.failure;
    const capacity = this.driver.readField(blockConfig, 'capacity');
    if (sector + sectors > capacity)
      throw new OutOfRangeError(sector, sectors, capacity, blockStatus.ioError);
  }

  /** Makes every write that has ended stable. */
  async flush(): Promise<void> {
    await this.#request(blockRequestType.flush, 0, null, 0);
  }

  /**
   * Tells that ranges are not needed any more; what they read as is open then (BLK-OP-12).
   * @throws as {@link read}; DeviceFailedError also where DISCARD was not accepted.
   */
  async discard(ranges: readonly SectorRange[]): Promise<void> {
    await this.#segments('discard', ranges, false);
  }

  /** Makes ranges read as zeros. @param unmap lets the device give their space back. @throws as {@link discard}. */
  async writeZeroes(ranges: readonly SectorRange[], unmap = false): Promise<void> {
    await this.#segments('writeZeroes', ranges, unmap);
  }

  /** Makes what ranges held irrecoverable. @throws as {@link discard}. */
  async secureErase(ranges: readonly SectorRange[]): Promise<void> {
    await this.#segments('secureErase', ranges, false);
  }

  /** Chooses whether writes may stay in a cache until a flush (BLK-OP-10). @throws DeviceFailedError */
  setWriteback(on: boolean): void {
    if (!this.driver.has(blockFeature.configWriteCache))
      throw new DeviceFailedError('the cache mode is fixed: CONFIG_WCE was not accepted');
    this.driver.transport.writeConfig(blockConfig.writeback.offset, 1, on ? 1 : 0);
  }

  /** The device's id, without its padding. */
  async getId(): Promise<string> {
    const id = await this.#request(blockRequestType.getId, 0, null, BLOCK_ID_BYTES);
    const end = id.indexOf(0);
    return String.fromCharCode(...id.subarray(0, end < 0 ? id.length : end));
  }

  /**
   * Sends one request as it is, for tests: any type, any sector. @returns the data that came back.
   * @throws ResourceError for more data than a request has room for; ArgumentError; else as {@link read}
   */
  async request(type: number, sector: number, out: Uint8Array | null, inBytes: number): Promise<Uint8Array> {
    checkWhole('type', type, 0, 0xffffffff);
    checkWhole('sector', sector, 0, Number.MAX_SAFE_INTEGER);
    checkWhole('inBytes', inBytes, 0, Number.MAX_SAFE_INTEGER);
    const length = out?.length ?? inBytes;
    if (length > this.#requestBytes)
      throw new ResourceError(`a request of ${length} bytes; the driver has room for ${this.#requestBytes}`);
    return this.#request(type, sector, out, inBytes);
  }

  /** Resets the device; requests in flight fail. */
  close(): void {
    this.driver.close();
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

  async #segments(
    name: keyof typeof segmentKinds,
    ranges: readonly SectorRange[],
    unmap: boolean,
  ): Promise<void> {
    const { driver } = this;
    const kind = segmentKinds[name];
    if (!driver.has(kind.feature))
      throw new DeviceFailedError(`feature ${kind.feature} was not accepted, so there is no ${name}`);
    // Whether the device has them is the device's to say (BLK-OP-03).
    for (const range of ranges) checkSectors(range);
    const bounds = {
      // A device that says 0 takes one sector, one segment at a time, if any.
      sectors: Math.max(1, driver.readField(blockConfig, kind.sectors)),
      segments: Math.max(
        1,
        Math.min(driver.readField(blockConfig, kind.segments), this.#requestBytes / BLOCK_SEGMENT_BYTES),
      ),
    };
    await Promise.all(
      segmentRows(ranges, bounds).map((row) => this.#request(kind.type, 0, encodeSegments(row, unmap), 0)),
    );
  }

  async #request(type: number, sector: number, out: Uint8Array | null, inBytes: number): Promise<Uint8Array> {
    let queue = this.#roomyQueue();
    while (this.driver.failure === null && (this.#free.length === 0 || queue < 0)) {
      const room = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await this.driver.wait('room for a block request', room);
      queue = this.#roomyQueue();
    }
    if (this.driver.failure !== null) throw this.driver.failure;
    this.#nextQueue = (queue + 1) % this.queues;
    const slot = this.#free.pop()!;
    this.#writeHeader(slot, type, sector);
    if (out !== null) this.driver.memory.ram.write(slot.data, out);
    const length = out?.length ?? inBytes;
    const head = this.driver.add(queue, [
      { address: slot.header, length: BLOCK_REQUEST_BYTES, writable: false },
      ...(length === 0 ? [] : [{ address: slot.data, length, writable: out === null }]),
      { address: slot.status, length: 1, writable: true },
    ]);
    const done = new Promise<Uint8Array>((resolve, reject) => {
      this.#pending[queue]!.set(head, { slot, length: inBytes, resolve, reject });
    });
    this.driver.kick(queue);
    return this.driver.wait(`a block request on queue ${queue}`, done);
  }

  /** The queue whose turn it is, or the next with room; -1 when there is none. */
  #roomyQueue(): number {
    for (let i = 0; i < this.queues; i++) {
      const queue = (this.#nextQueue + i) % this.queues;
      const ring = this.driver.rings.get(queue);
      if (ring !== undefined && ring.free >= this.#chainDescriptors) return queue;
    }
    return -1;
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
    ram.fill(slot.status, 1, NO_STATUS);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    for (const [queue, pending] of this.#pending.entries()) this.#pollQueue(queue, pending);
  }

  #pollQueue(queue: number, inFlight: Map<number, Pending>): void {
    const { driver } = this;
    for (let used = driver.take(queue); used !== null; used = driver.take(queue)) {
      const pending = inFlight.get(used.head);
      if (pending === undefined) continue;
      inFlight.delete(used.head);
      const { slot, length } = pending;
      const status = driver.memory.ram.read(slot.status, 1)[0]!;
      const data = driver.memory.ram.read(slot.data, length);
      this.#free.push(slot);
      this.#waiting.shift()?.();
      // LEG-BLK-08: a legacy device's used length says nothing; another's covers the data and the status.
      const wrong = driver.trustsLengths && used.length !== length + 1;
      if (status === NO_STATUS || (status === blockStatus.ok && wrong))
        pending.reject(new UnansweredError('a block request', used.length, length + 1, length + 1));
      else if (status === blockStatus.ok) pending.resolve(data);
      else {
        const name = statusNames.find(([, value]) => value === status)?.[0] ?? 'unknown';
        pending.reject(new RequestFailedError(`the device answered status ${status} (${name})`, status));
      }
    }
  }

  #onConfig(): void {
    const capacity = this.driver.readField(blockConfig, 'capacity');
    const before = this.#capacity;
    this.#capacity = capacity;
    if (before >= 0 && before !== capacity) this.#options.onResize?.(capacity);
  }

  #fail(error: Error): void {
    for (const inFlight of this.#pending) {
      for (const { reject } of inFlight.values()) reject(error);
      inFlight.clear();
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
