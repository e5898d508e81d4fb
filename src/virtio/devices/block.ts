import { expectSame, expectShape, FOUR_GIB, type State } from '../../core/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { framingClause, reachClause, shapeClause, strictFraming } from '../clauses.ts';
import type { DeviceConfig } from '../config.ts';
import type { VirtioDevice } from '../device.ts';
import {
  BLOCK_BARRIER,
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  type blockConfig,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockStatus,
  SECTOR_BYTES,
} from '../layout/index.ts';
import { aboutChain, type Chain } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { Storage } from '../storage.ts';
import { BarrierOrder } from './block/barriers.ts';
import {
  BlockOptionError,
  type BlockOptions,
  blockConfigOf,
  blockFeatures,
  setCapacity,
} from './block/config.ts';
import { BlockRequest } from './block/request.ts';
import { segmentCommands } from './block/segments.ts';

/**
 * The block device (chapter Block Device): IN, OUT, FLUSH and its legacy twin, GET_ID, DISCARD, WRITE_ZEROES and
 * SECURE_ERASE where the storage can, a cache mode that the driver may switch, a capacity that may change. Requests are
 * taken as streams of bytes, so any framing works; what a guest gets wrong ends as a status byte. Requests of all queues
 * end in any order.
 */
export class BlockDevice implements DeviceBehaviour {
  readonly type = 'block';
  readonly features: readonly number[];
  readonly legacyFeatures: readonly number[];
  readonly config: DeviceConfig<typeof blockConfig>;
  readonly queueSizes: readonly number[];
  readonly storage: Storage;
  device!: VirtioDevice;
  readonly #segmentMax: number;
  readonly #id = new Uint8Array(BLOCK_ID_BYTES);
  readonly #free: BlockRequest[] = [];
  /** What the driver has been shown of the storage. */
  #shownBytes = 0;
  readonly #labels: readonly string[];
  /** By queue: what barriers order is the requests of one queue. */
  readonly #orders: readonly BarrierOrder<BlockRequest>[];

  /** @throws StorageSizeError, BlockOptionError, QueueSizeError */
  constructor(options: BlockOptions) {
    const { storage, serial = 'virtiolab', queueSize = 256, queues = 1 } = options;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
    if (serial.length > BLOCK_ID_BYTES || !/^[\x00-\x7f]*$/.test(serial))
      throw new BlockOptionError(
        'serial',
        JSON.stringify(serial),
        `at most ${BLOCK_ID_BYTES} characters of ASCII`,
      );
    for (let i = 0; i < serial.length; i++) this.#id[i] = serial.charCodeAt(i);
    this.storage = storage;
    this.features = blockFeatures(options);
    this.legacyFeatures = options.barriers === true ? [blockFeature.barrier] : [];
    this.config = blockConfigOf(options, this.features);
    this.#segmentMax = this.config.get('segmentMax');
    this.queueSizes = new Array(queues).fill(queueSize);
    checkQueueSizes(this.queueSizes);
    const start = (request: BlockRequest) => this.device.scheduler.submit(request);
    this.#labels = this.queueSizes.map((_, i) => `block request${i === 0 ? '' : ` of queue ${i}`}`);
    const drop = (request: BlockRequest) => this.#giveBack(request);
    this.#orders = this.queueSizes.map(() => new BarrierOrder(start, drop));
    this.measure();
    this.reset();
  }

  attach(device: VirtioDevice): void {
    this.device = device;
  }

  /** Shows the storage's length without telling anybody: for a length that changed before there was a driver. */
  measure(): void {
    setCapacity(this.config, this.storage.length);
    this.#shownBytes = this.storage.length;
  }

  /**
   * The storage has become longer or shorter: shows its length and tells the driver (BLK-OP-15). Requests that lie beyond
   * the end by now fail. @throws StorageSizeError
   */
  resize(): void {
    this.measure();
    this.device.configChanged();
  }

  /** Sectors that the driver has been shown. */
  get capacity(): number {
    return this.#shownBytes / SECTOR_BYTES;
  }

  /** Bytes that a request may reach: what the driver was shown, as far as the storage still has it. */
  get reachBytes(): number {
    return Math.min(this.#shownBytes, this.storage.length);
  }

  /** Writes may stay in a cache until a flush. */
  get writeback(): boolean {
    return this.config.get('writeback') !== 0;
  }

  /** Writes are stable when they end (BLK-OP-22): the driver chose so, or cannot flush. */
  get stableWrites(): boolean {
    const { device } = this;
    return device.has(blockFeature.configWriteCache) ? !this.writeback : !device.has(blockFeature.flush);
  }

  /** Power-on and reset state: writeback, to be switched by the driver. */
  reset(): void {
    this.#setWriteback(1);
    for (const order of this.#orders) order.forgetDead();
  }

  queueReset(index: number): void {
    this.#orders[index]!.forgetDead();
  }

  /** BLK-INIT-10: CONFIG_WCE without FLUSH starts as writethrough; the driver may switch it from here on. */
  negotiated(): void {
    const { device } = this;
    if (device.has(blockFeature.configWriteCache) && !device.has(blockFeature.flush)) this.#setWriteback(0);
  }

  /**
   * LEG-BLK-05: without CONFIG_WCE, DRIVER_OK settles the cache mode by what the driver knows: one that cannot flush gets
   * writethrough.
   */
  started(): void {
    const { device } = this;
    if (!device.has(blockFeature.configWriteCache))
      this.#setWriteback(device.has(blockFeature.flush) ? 1 : 0);
  }

  #setWriteback(value: 0 | 1): void {
    if (this.config.get('writeback') !== value) this.config.set('writeback', value);
  }

  handle(chain: Chain): void {
    this.#checkFraming(chain);
    const request = this.#requestOf(chain);
    request.refused = this.#parse(request, chain);
    request.ordered = this.device.has(blockFeature.barrier);
    request.writesThrough = null;
    this.#submit(request);
  }

  resumeChain(chain: Chain, saved: State): void {
    const request = this.#requestOf(chain);
    request.load(saved as ReturnType<BlockRequest['save']>);
    this.#submit(request);
  }

  #requestOf(chain: Chain): BlockRequest {
    const request = this.#free.pop() ?? new BlockRequest(this);
    request.chain = chain;
    chain.held = true;
    request.label = this.#labels[chain.queue]!;
    chain.request = request;
    return request;
  }

  #submit(request: BlockRequest): void {
    if (request.ordered) this.#orders[request.chain!.queue]!.submit(request);
    else this.device.scheduler.submit(request);
  }

  /** What a driver may not do, and what is served all the same. */
  #checkFraming(chain: Chain): void {
    const { device } = this;
    const { count, lengths } = chain;
    // LEG-BLK-15: without ANY_LAYOUT the header and the status are descriptors of their own.
    if (strictFraming(device))
      if (lengths[0] !== BLOCK_REQUEST_BYTES || lengths[count - 1] !== 1)
        device.report(
          'driver',
          'LEG-BLK-15',
          'framing that wants ANY_LAYOUT, which was not accepted',
          aboutChain(chain),
        );
    if (this.#exceedsLimits(chain))
      device.report(
        'driver',
        'BLK-OP-09',
        'more or longer buffers of data than the device takes',
        aboutChain(chain),
      );
    if (chain.queue > 0 && !device.has(blockFeature.multiQueue))
      device.report('driver', 'BF-FEAT-03', 'a request of a queue that only MQ gives', aboutChain(chain));
  }

  /** Whether SEG_MAX or SIZE_MAX are disregarded. Two buffers may be header and status. */
  #exceedsLimits({ count, lengths }: Chain): boolean {
    const { device, config } = this;
    if (count - 2 > this.#segmentMax && device.has(blockFeature.segmentMax)) return true;
    if (!device.has(blockFeature.sizeMax)) return false;
    const most = config.get('sizeMax');
    for (let i = 0; i < count; i++) if (lengths[i]! > most) return true;
    return false;
  }

  /** Fills the request in. @returns null, or the status with which it is refused. */
  #parse(request: BlockRequest, chain: Chain): number | null {
    request.offset = request.length = 0;
    request.type = -1;
    request.command = null;
    request.barrier = false;
    const { device } = this;
    const view = chain.header(BLOCK_REQUEST_BYTES);
    if (view === null) {
      const length = chain.readableBytes;
      return length < BLOCK_REQUEST_BYTES
        ? this.#refuse(
            framingClause(device, 'LEG-BLK-15'),
            `a header of ${length} bytes`,
            chain,
            'length in bytes',
            length,
          )
        : this.#refuse(reachClause(device), 'a header out of reach', chain);
    }
    const at = chain.headerAt;
    const little = device.littleEndian;
    let type = view.getUint32(at + blockRequest.type.offset, little);
    if (device.legacyDriver) {
      // LEG-BLK-11: the bit is no part of the type, and says nothing where BARRIER was not accepted.
      request.barrier = (type & BLOCK_BARRIER) !== 0;
      type = (type & ~BLOCK_BARRIER) >>> 0;
      if (type === blockRequestType.flushOut) type = blockRequestType.flush;
    }
    request.type = type;
    const stray = this.#strayBytes(chain, type);
    if (stray > 0)
      device.report(
        'driver',
        shapeClause(device),
        type === blockRequestType.out ? 'writable data in a write' : 'readable data in a read',
        aboutChain(chain, 'length in bytes', stray),
      );
    const word0 = view.getUint32(at + blockRequest.sectorLow.offset, little);
    const word1 = view.getUint32(at + blockRequest.sectorHigh.offset, little);
    const sector = little ? word1 * FOUR_GIB + word0 : word0 * FOUR_GIB + word1;
    // Without a byte for the status there is none for data, which is said when the status is due.
    if (type === blockRequestType.in && chain.writableBytes > 0)
      return this.#range(request, chain, sector, chain.writableBytes - 1);
    if (type === blockRequestType.in) return blockStatus.ioError;
    if (type === blockRequestType.out) {
      const refused = this.#range(request, chain, sector, chain.readableBytes - BLOCK_REQUEST_BYTES);
      if (refused !== null || !this.storage.readOnly) return refused;
      return this.#refuse('BLK-OP-04', 'a write to a read-only device', chain, 'sector', sector);
    }
    if (type === blockRequestType.flush) return this.#checkFlush(chain, sector);
    if (type === blockRequestType.getId) return this.#checkId(chain);
    return this.#parseSegments(request, chain);
  }

  /** Bytes of data that are in the wrong direction for the request. */
  #strayBytes(chain: Chain, type: number): number {
    if (type === blockRequestType.out) return chain.writableBytes - 1;
    const reads = type === blockRequestType.in || type === blockRequestType.getId;
    return reads ? chain.readableBytes - BLOCK_REQUEST_BYTES : 0;
  }

  /** Checks place and length of a data transfer. */
  #range(request: BlockRequest, chain: Chain, sector: number, length: number): number | null {
    if (length % SECTOR_BYTES !== 0)
      return this.#refuse(
        'BLK-OP-06',
        `${length} bytes of data, not a multiple of ${SECTOR_BYTES}`,
        chain,
        'length in bytes',
        length,
      );
    if (sector * SECTOR_BYTES + length > this.reachBytes)
      return this.#refuse(
        'BLK-OP-03',
        `sector ${sector} and ${length} bytes lie beyond the capacity`,
        chain,
        'sector',
        sector,
      );
    // Whose data are all in the wrong direction gets no OK for moving nothing: an error of the driver's.
    if (length === 0 && this.#strayBytes(chain, request.type) > 0) return blockStatus.ioError;
    request.offset = sector * SECTOR_BYTES;
    request.length = length;
    return null;
  }

  #checkFlush(chain: Chain, sector: number): null {
    const data = chain.readableBytes - BLOCK_REQUEST_BYTES + Math.max(0, chain.writableBytes - 1);
    if (sector !== 0)
      this.device.report('driver', 'BLK-OP-05', 'a flush with a sector', aboutChain(chain, 'sector', sector));
    if (data !== 0)
      this.device.report(
        'driver',
        'BLK-OP-05',
        'a flush with data',
        aboutChain(chain, 'length in bytes', data),
      );
    return null;
  }

  /** Too long a buffer gets the id at its start. */
  #checkId(chain: Chain): number | null {
    const bytes = chain.writableBytes - 1;
    if (bytes === BLOCK_ID_BYTES) return null;
    if (bytes < 0) return blockStatus.ioError;
    const refused = this.#refuse(
      'BLK-OP-08',
      `an id buffer of ${bytes} bytes`,
      chain,
      'length in bytes',
      bytes,
    );
    return bytes < BLOCK_ID_BYTES ? refused : null;
  }

  /** Requests with a row of segments. What is of no such type either is unsupported, as is what was not offered. */
  #parseSegments(request: BlockRequest, chain: Chain): number | null {
    const command = segmentCommands[request.type];
    if (command === undefined || !this.features.includes(command.feature)) return blockStatus.unsupported;
    if (!this.device.has(command.feature)) {
      this.device.report(
        'driver',
        'BF-FEAT-03',
        'a request whose feature was not accepted',
        aboutChain(chain, 'request type', request.type),
      );
      return blockStatus.unsupported;
    }
    const capacity = this.reachBytes / SECTOR_BYTES;
    const fault = request.segments.read(chain, command, this.config, capacity, this.device);
    request.command = command;
    if (fault === null) return null;
    this.device.report('driver', fault.clause, fault.message, aboutChain(chain, fault.what, fault.value));
    return fault.status;
  }

  #refuse(clause: string, message: string, chain: Chain, what?: string, value?: number): number {
    this.device.report('driver', clause, message, aboutChain(chain, what, value));
    return blockStatus.ioError;
  }

  /** Answers GET_ID. */
  giveId(request: BlockRequest): boolean {
    return request.give(0, this.#id, 0, BLOCK_ID_BYTES);
  }

  /** Writes the status, the last writable byte, and hands the chain back. */
  finish(request: BlockRequest, status: number): void {
    const chain = request.chain!;
    if (!chain.live) {
      this.#orders[chain.queue]!.ended(request);
      this.#giveBack(request);
      return;
    }
    this.#handBack(chain, request, status);
    request.chain = null;
    this.#orders[chain.queue]!.ended(request);
    this.#free.push(request);
  }

  /** Nobody works on a request any more whose chain is dead. */
  #giveBack(request: BlockRequest): void {
    const chain = request.chain!;
    request.chain = null;
    this.#free.push(request);
    this.device.letGo(chain);
  }

  #handBack(chain: Chain, request: BlockRequest, status: number): void {
    const last = chain.writableBytes - 1;
    if (!chain.writeLast(status)) {
      const clause = last < 0 ? framingClause(this.device, 'LEG-BLK-15') : reachClause(this.device);
      const message = last < 0 ? 'no byte for the status' : 'a byte for the status that is out of reach';
      this.device.report('driver', clause, message, aboutChain(chain));
      this.device.complete(chain, 0);
      return;
    }
    // SPL-USED-02: only as many bytes count as were written from the first writable one on.
    const whole = request.type === blockRequestType.in || request.type === blockRequestType.getId;
    this.device.complete(
      chain,
      last === 0 || (whole && status === blockStatus.ok && this.#filled(request, last)) ? last + 1 : 0,
    );
  }

  #filled(request: BlockRequest, data: number): boolean {
    return (request.type === blockRequestType.in ? request.length : BLOCK_ID_BYTES) === data;
  }

  #shape() {
    const fixed = this.config.fixed(['capacity', 'cylinders', 'heads', 'sectors', 'writeback']);
    return { type: this.type, readOnly: this.storage.readOnly, id: this.#id.slice(), ...fixed };
  }

  save() {
    return { shape: this.#shape(), capacity: this.capacity };
  }

  /** @throws StateMismatchError, also for a storage of another length: what it holds is no part of the state. */
  check(state: State): void {
    const saved = state as ReturnType<BlockDevice['save']>;
    expectShape('block device', state, this.#shape());
    expectSame('capacity of the storage', this.storage.length / SECTOR_BYTES, saved.capacity);
  }

  load(state: State): void {
    this.check(state);
    this.#shownBytes = this.storage.length;
  }
}
