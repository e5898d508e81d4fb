import {
  expectSame,
  FOUR_GIB,
  type State,
  type Task,
  type ViewCache,
  VirtiolabError,
} from '../../core/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { DeviceConfig } from '../config.ts';
import type { VirtioDevice } from '../device.ts';
import {
  BLOCK_BARRIER,
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  blockConfig,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockStatus,
  feature,
  SECTOR_BYTES,
} from '../layout/index.ts';
import type { Chain } from '../queue/chain.ts';
import type { Storage, Transfer } from '../storage.ts';

/** A storage whose length is no whole number of sectors. */
export class StorageSizeError extends VirtiolabError {
  readonly lengthBytes: number;

  constructor(lengthBytes: number) {
    super(
      `storage of ${lengthBytes} bytes: wants a whole number of ${SECTOR_BYTES}-byte sectors, at least one`,
    );
    this.lengthBytes = lengthBytes;
  }
}

export interface BlockOptions {
  readonly storage: Storage;
  /** What GET_ID answers; at most 20 bytes of ASCII. */
  readonly serial?: string;
  /** Descriptors of the queue. */
  readonly queueSize?: number;
}

/** Two descriptors of a full queue's chain are header and status. */
const segmentMax = (queueSize: number) => Math.max(1, queueSize - 2);

/** CHS values as drives give them that do not have any (at most 16383 cylinders of 16 heads of 63 sectors). */
function geometry(sectors: number): { cylinders: number; heads: number; sectors: number } {
  return { cylinders: Math.min(16383, Math.max(2, Math.floor(sectors / (16 * 63)))), heads: 16, sectors: 63 };
}

/** One request: parsed from its chain, run by the scheduler, ended by the storage. Pooled. */
class Request implements Task, Transfer {
  readonly label = 'block request';
  offset = 0;
  length = 0;
  chain: Chain | null = null;
  type = 0;
  /** Status to be given instead of running; null for a good request. */
  refused: number | null = null;
  /** A write in writethrough mode that still has to be made stable. */
  #stabilise = false;
  #ok = false;
  readonly #owner: BlockDevice;

  constructor(owner: BlockDevice) {
    this.#owner = owner;
  }

  run(): void {
    const { storage, device } = this.#owner;
    if (!this.chain!.live) return;
    // Bus mastering may have gone off since the chain was taken.
    if (!device.dmaEnabled) {
      device.whenDma(this);
      return;
    }
    this.#stabilise = this.type === blockRequestType.out && !this.#owner.writeback;
    if (this.refused !== null) this.#owner.finish(this, this.refused);
    else if (this.type === blockRequestType.in) storage.read(this);
    else if (this.type === blockRequestType.out) storage.write(this);
    else if (this.type === blockRequestType.getId) this.done(this.#owner.giveId(this));
    else storage.flush(this);
  }

  give(
    at: number,
    source: Uint8Array,
    sourceOffset: number,
    length: number,
    views?: ViewCache | null,
  ): boolean {
    return (
      this.#owner.device.dmaEnabled && this.chain!.write(at, source, sourceOffset, length, views ?? null)
    );
  }

  take(at: number, target: Uint8Array, targetOffset: number, length: number): boolean {
    return (
      this.#owner.device.dmaEnabled &&
      this.chain!.read(BLOCK_REQUEST_BYTES + at, target, targetOffset, length)
    );
  }

  whenReady(step: () => void): void {
    this.#owner.device.whenDma({ label: 'block transfer', run: step });
  }

  done(ok: boolean): void {
    if (ok && this.#stabilise) {
      this.#stabilise = false;
      this.#owner.storage.flush(this);
      return;
    }
    this.#ok = ok;
    this.#owner.device.whenDma(this.#finish);
  }

  readonly #finish: Task = {
    label: 'block completion',
    run: () => this.#owner.finish(this, this.#ok ? blockStatus.ok : blockStatus.ioError),
  };
}

/**
 * The block device (chapter Block Device): IN, OUT, FLUSH and its legacy twin, GET_ID, a cache mode that the driver may
 * switch. Requests are taken as streams of bytes, so any framing works; what a guest gets wrong ends as a status byte.
 */
export class BlockDevice implements DeviceBehaviour {
  readonly type = 'block';
  readonly features: readonly number[];
  readonly config: DeviceConfig<typeof blockConfig>;
  readonly queueSizes: readonly number[];
  readonly storage: Storage;
  device!: VirtioDevice;
  readonly #id = new Uint8Array(BLOCK_ID_BYTES);
  readonly #free: Request[] = [];

  /** @throws StorageSizeError, VirtiolabError for a serial that is too long. */
  constructor(options: BlockOptions) {
    const { storage, serial = 'virtiolab', queueSize = 256 } = options;
    if (storage.length === 0 || storage.length % SECTOR_BYTES !== 0)
      throw new StorageSizeError(storage.length);
    if (serial.length > BLOCK_ID_BYTES)
      throw new VirtiolabError(`serial ${JSON.stringify(serial)}: at most ${BLOCK_ID_BYTES} characters`);
    this.storage = storage;
    this.queueSizes = [queueSize];
    this.features = [
      blockFeature.segmentMax,
      blockFeature.geometry,
      ...(storage.readOnly ? [blockFeature.readOnly] : []),
      blockFeature.blockSize,
      blockFeature.flush,
      blockFeature.topology,
      blockFeature.configWriteCache,
    ];
    for (let i = 0; i < serial.length; i++) this.#id[i] = serial.charCodeAt(i);
    this.config = new DeviceConfig(blockConfig);
    const sectors = storage.length / SECTOR_BYTES;
    this.config.set('capacity', sectors);
    this.config.set('segmentMax', segmentMax(queueSize));
    const chs = geometry(sectors);
    this.config.set('cylinders', chs.cylinders);
    this.config.set('heads', chs.heads);
    this.config.set('sectors', chs.sectors);
    this.config.set('blockSize', SECTOR_BYTES);
    this.config.set('minimumIoSize', 1);
    this.config.set('numQueues', this.queueSizes.length);
    this.reset();
  }

  attach(device: VirtioDevice): void {
    this.device = device;
  }

  /** Writes may stay in a cache until a flush. */
  get writeback(): boolean {
    return this.config.get('writeback') !== 0;
  }

  /** Power-on and reset state: writeback, to be switched by the driver. */
  reset(): void {
    this.#setWriteback(1);
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
    if (this.device.legacyDriver && !this.device.has(feature.anyLayout)) this.#checkFraming(chain);
    const request = this.#free.pop() ?? new Request(this);
    request.chain = chain;
    request.refused = this.#parse(request, chain);
    this.device.scheduler.submit(request);
  }

  /** LEG-BLK-15: without ANY_LAYOUT the header and the status are descriptors of their own. Served all the same. */
  #checkFraming(chain: Chain): void {
    const { count, lengths } = chain;
    if (lengths[0] !== BLOCK_REQUEST_BYTES || lengths[count - 1] !== 1)
      this.device.report(
        'driver',
        'LEG-BLK-15',
        'framing that wants ANY_LAYOUT, which was not accepted',
        chain.head,
      );
  }

  /** Fills the request in. @returns null, or the status with which it is refused. */
  #parse(request: Request, chain: Chain): number | null {
    request.offset = request.length = 0;
    request.type = -1;
    const view = chain.header(BLOCK_REQUEST_BYTES);
    if (view === null)
      return this.#refuse(
        'LEG-BLK-15',
        `a header of ${chain.readableBytes} bytes, or out of reach`,
        chain.readableBytes,
      );
    const at = chain.headerAt;
    const little = this.device.littleEndian;
    let type = view.getUint32(at + blockRequest.type.offset, little);
    // LEG-BLK-11: requests end in the order asked for without help; the bit is no part of the type.
    if (this.device.legacyDriver) type &= ~BLOCK_BARRIER;
    if (this.device.legacyDriver && type === blockRequestType.flushOut) type = blockRequestType.flush;
    request.type = type;
    const word0 = view.getUint32(at + blockRequest.sectorLow.offset, little);
    const word1 = view.getUint32(at + blockRequest.sectorHigh.offset, little);
    const sector = little ? word1 * FOUR_GIB + word0 : word0 * FOUR_GIB + word1;
    if (type === blockRequestType.in) return this.#range(request, sector, chain.writableBytes - 1);
    if (type === blockRequestType.out) {
      const refused = this.#range(request, sector, chain.readableBytes - BLOCK_REQUEST_BYTES);
      if (refused !== null || !this.storage.readOnly) return refused;
      return this.#refuse('BLK-OP-16', 'a write to a read-only device', sector);
    }
    if (type === blockRequestType.flush) {
      if (sector !== 0) this.device.report('driver', 'BLK-OP-05', 'a flush with a sector', sector);
      return null;
    }
    if (type === blockRequestType.getId) {
      if (chain.writableBytes >= BLOCK_ID_BYTES + 1) return null;
      return this.#refuse(
        'BLK-OP-08',
        `an id buffer of ${chain.writableBytes - 1} bytes`,
        chain.writableBytes - 1,
      );
    }
    return blockStatus.unsupported;
  }

  /** Checks place and length of a data transfer. */
  #range(request: Request, sector: number, length: number): number | null {
    if (length < 0 || length % SECTOR_BYTES !== 0)
      return this.#refuse('BLK-OP-06', `${length} bytes of data, not a multiple of ${SECTOR_BYTES}`, length);
    if (sector * SECTOR_BYTES + length > this.storage.length)
      return this.#refuse(
        'BLK-OP-03',
        `sector ${sector} and ${length} bytes lie beyond the capacity`,
        sector,
      );
    request.offset = sector * SECTOR_BYTES;
    request.length = length;
    return null;
  }

  #refuse(clause: string, message: string, value: number): number {
    this.device.report('driver', clause, message, value);
    return blockStatus.ioError;
  }

  /** Answers GET_ID. */
  giveId(request: Request): boolean {
    return request.give(0, this.#id, 0, BLOCK_ID_BYTES);
  }

  /** Writes the status, the last writable byte, and hands the chain back. */
  finish(request: Request, status: number): void {
    const chain = request.chain!;
    request.chain = null;
    this.#free.push(request);
    if (!chain.live) return;
    const last = chain.writableBytes - 1;
    if (!chain.writeLast(status)) {
      this.device.report('driver', 'LEG-BLK-15', 'no status byte that can be written', chain.head);
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

  #filled(request: Request, data: number): boolean {
    return (request.type === blockRequestType.in ? request.length : BLOCK_ID_BYTES) === data;
  }

  save() {
    return { type: this.type };
  }

  load(state: State): void {
    expectSame('block device', (state as ReturnType<BlockDevice['save']>).type, this.type);
  }
}
