import { expectAt, expectSame, type State } from '../../core/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { framingClause, reachClause } from '../clauses.ts';
import type { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  BLOCK_ID_BYTES,
  type blockConfig,
  blockDeviceType,
  blockFeature,
  blockRequestType,
  blockStatus,
  SECTOR_BYTES,
} from '../layout/index.ts';
import { aboutChain, type Chain } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { SavedDevice } from '../queue-user.ts';
import type { Storage } from '../storage.ts';
import { BarrierOrder } from './block/barriers.ts';
import {
  BlockOptionError,
  type BlockOptions,
  blockConfigOf,
  blockFeatures,
  geometry,
  setCapacity,
} from './block/config.ts';
import { checkFraming, parseRequest } from './block/parse.ts';
import { BlockRequest } from './block/request.ts';
import { segmentCommands } from './block/segments.ts';
import { blockRequestState, blockState } from './block/state.ts';

/** Names of tasks by queue, made once for all devices. */
const labels: string[] = [];
const labelOf = (queue: number) =>
  (labels[queue] ??= `block request${queue === 0 ? '' : ` of queue ${queue}`}`);

/** A serial as GET_ID gives it, filled up with zeros. */
function idOf(serial: string): Uint8Array {
  const id = new Uint8Array(BLOCK_ID_BYTES);
  for (let i = 0; i < serial.length; i++) id[i] = serial.charCodeAt(i);
  return id;
}

/** Fields of its configuration that change while it is at work. */
const VARYING = ['capacity', 'cylinders', 'heads', 'sectors', 'writeback'] as const;

/**
 * The block device (chapter Block Device): IN, OUT, FLUSH and its legacy twin, GET_ID, DISCARD, WRITE_ZEROES and
 * SECURE_ERASE where the storage can, a cache mode that the driver may switch, a capacity that may change. Requests are
 * taken as streams of bytes, so any framing works; what a guest gets wrong ends as a status byte. Requests of all queues
 * end in any order.
 */
export class BlockDevice implements DeviceBehaviour {
  readonly type = blockDeviceType;
  readonly sleeps = true;
  readonly record = blockState;
  readonly requestRecord = blockRequestState;
  readonly features: readonly number[];
  readonly legacyFeatures: readonly number[];
  readonly config: DeviceConfig<typeof blockConfig>;
  readonly queueSizes: readonly number[];
  readonly storage: Storage;
  /** What GET_ID answers, without the zeros that fill it up. */
  readonly serial: string;
  /** SEG_MAX, which each chain is held against. */
  readonly segmentMax: number;
  device!: DevicePort;
  readonly #free: BlockRequest[] = [];
  /** What the driver has been shown of the storage. */
  #shownBytes = 0;
  /** By queue: what barriers order is the requests of one queue. None while no queue has had one. */
  #orders: Map<number, BarrierOrder<BlockRequest>> | null = null;

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
    this.serial = serial;
    this.storage = storage;
    this.features = blockFeatures(options);
    this.legacyFeatures = options.barriers === true ? [blockFeature.barrier] : [];
    this.config = blockConfigOf(options, this.features);
    this.segmentMax = this.config.get('segmentMax');
    this.queueSizes = new Array(queues).fill(queueSize);
    checkQueueSizes(this.queueSizes);
    this.config.vary(VARYING);
    this.measure();
    this.reset();
  }

  attach(device: DevicePort): void {
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
    if (this.#orders !== null) for (const order of this.#orders.values()) order.forgetDead();
  }

  queueReset(index: number): void {
    this.#orders?.get(index)?.forgetDead();
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
    checkFraming(this, chain);
    const request = this.#requestOf(chain);
    request.refused = parseRequest(this, request, chain);
    request.ordered = this.device.has(blockFeature.barrier);
    request.writesThrough = null;
    this.#submit(request);
  }

  checkRequest(state: State, path: string): void {
    const { type, refused } = blockRequestState.parse(state, path);
    if (refused !== null) return;
    const feature = segmentCommands[type]?.feature;
    const can = type === blockRequestType.out ? !this.storage.readOnly : true;
    expectAt(path)(
      can && (feature === undefined || this.features.includes(feature)),
      'type',
      type,
      'a request that the device offers',
    );
  }

  resumeChain(chain: Chain, saved: State): void {
    const request = this.#requestOf(chain);
    request.load(blockRequestState.parse(saved));
    this.#submit(request);
  }

  #requestOf(chain: Chain): BlockRequest {
    const request = this.#free.pop() ?? new BlockRequest(this);
    request.chain = chain;
    chain.held = true;
    request.label = labelOf(chain.queue);
    chain.request = request;
    return request;
  }

  #submit(request: BlockRequest): void {
    if (request.ordered) this.#orderOf(request.chain!.queue).submit(request);
    else this.device.scheduler.submit(request);
  }

  #orderOf(queue: number): BarrierOrder<BlockRequest> {
    this.#orders ??= new Map();
    let order = this.#orders.get(queue);
    if (order === undefined) {
      order = new BarrierOrder(
        (request) => this.device.scheduler.submit(request),
        (request) => this.#giveBack(request),
      );
      this.#orders.set(queue, order);
    }
    return order;
  }

  /** Answers GET_ID. */
  giveId(request: BlockRequest): boolean {
    return request.give(0, idOf(this.serial), 0, BLOCK_ID_BYTES);
  }

  /** Writes the status, the last writable byte, and hands the chain back. */
  finish(request: BlockRequest, status: number): void {
    const chain = request.chain!;
    if (!chain.live) {
      this.#orders?.get(chain.queue)?.ended(request);
      this.#giveBack(request);
      return;
    }
    this.#handBack(chain, request, status);
    request.chain = null;
    this.#orders?.get(chain.queue)?.ended(request);
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
    const { fixed } = this.config;
    return { type: this.type.name, readOnly: this.storage.readOnly, id: idOf(this.serial), ...fixed };
  }

  save() {
    return blockState.save({ shape: this.#shape(), capacity: this.capacity });
  }

  manifest(): State {
    const outside = { capacity: this.storage.length / SECTOR_BYTES };
    return { ...blockState.manifest(), made: this.#shape(), outside };
  }

  /** @throws StateMismatchError, also for a storage of another length: what it holds is no part of the state. */
  check(state: State, path = 'block device', device?: SavedDevice): void {
    const { capacity } = blockState.parse(state, path, this.#shape());
    expectSame(`${path}.capacity`, capacity, this.storage.length / SECTOR_BYTES);
    if (device === undefined) return;
    const shown = { capacity, ...geometry(capacity) };
    for (const name of ['capacity', 'cylinders', 'heads', 'sectors'] as const)
      this.config.expectSaved(name, device, shown[name]);
  }

  load(state: State): void {
    this.check(state);
    this.#shownBytes = this.storage.length;
  }
}
