import {
  BALLOON_PAGE_BYTES,
  type BalloonNumbering,
  type BalloonQueueName,
  type BalloonStatistic,
  balloonCommand,
  balloonConfig,
  balloonFeature,
  balloonQueueNumbers,
  balloonStatistic,
  balloonStatisticEntry,
  COMMAND_ID_BYTES,
  PAGE_NUMBER_BYTES,
} from '../../virtio/layout/index.ts';
import { checkWhole, DeviceFailedError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import type { ChainBuffer } from '../ring.ts';
import { swapBytes } from '../transport/legacy.ts';
import type { Transport } from '../transport/transport.ts';
import { type BringUpOptions, VirtioDriver } from '../virtio-driver.ts';
import { BalloonQueue } from './balloon-queue.ts';

export interface BalloonDriverOptions {
  /** Feature bits that the driver uses where offered; by default all. */
  readonly features?: readonly number[];
  /** Pages that the driver can spare. */
  readonly pages?: number;
  /** What it says about its memory; null for no statistics. */
  readonly statistics?: () => Readonly<Partial<Record<BalloonStatistic, bigint>>>;
  /** With what it fills free pages, 32 bits (BAL-FPH-07). */
  readonly poison?: number;
  /** How queues are numbered where a feature is missing. */
  readonly numbering?: BalloonNumbering;
  readonly ringFeatures?: BringUpOptions['ringFeatures'];
}

/** Page numbers of one request at most. */
const REQUEST_PAGES = 256;
const ALL_FEATURES = Object.values(balloonFeature);

/** A driver for the traditional memory balloon, on any transport. It follows the device's wishes by itself. */
export class BalloonDriver {
  readonly driver: VirtioDriver;
  readonly #options: BalloonDriverOptions;
  readonly #queues = new Map<BalloonQueueName, BalloonQueue>();
  readonly #buffers = new Map<BalloonQueueName, number>();
  /** Page numbers: at hand; in the balloon, in the order in which they came there; hinted, and not to be used. */
  readonly #free: number[] = [];
  readonly #inBalloon: number[] = [];
  readonly #hinted: number[] = [];
  #left: number;
  #round: number = balloonCommand.stop;
  /** What is being done about the device's wishes; a further wish waits for it. */
  #working: Promise<void> = Promise.resolve();
  #failed: Error | null = null;

  /** Brings the device up. @throws NoDeviceError, DeviceFailedError, ResourceError */
  constructor(transport: Transport, memory: DmaMemory, options: BalloonDriverOptions = {}) {
    const { features = ALL_FEATURES, ringFeatures } = options;
    this.#options = options;
    this.#left = options.pages ?? 64;
    this.driver = new VirtioDriver(transport, memory);
    let numbers: ReadonlyMap<BalloonQueueName, number> = new Map();
    this.driver.bringUp(
      {
        // BAL-FEAT-02: a driver that fills free pages with nothing says so.
        features: features.filter((bit) => bit !== balloonFeature.pagePoison || options.poison !== undefined),
        queues: () => {
          numbers = balloonQueueNumbers((bit) => this.driver.has(bit), options.numbering);
          if (this.driver.has(balloonFeature.pagePoison)) this.#write('poisonValue', options.poison!);
          return [...numbers.values()];
        },
        ...(ringFeatures === undefined ? {} : { ringFeatures }),
      },
      { queue: () => this.poll(), config: () => this.#onConfig() },
    );
    this.driver.whenFailed((error) => {
      this.#failed ??= error;
    });
    for (const [name, number] of numbers) this.#queues.set(name, new BalloonQueue(this.driver, number));
    for (const name of ['inflate', 'deflate'] as const)
      this.#buffers.set(name, memory.allocate(REQUEST_PAGES * PAGE_NUMBER_BYTES));
    if (this.#queues.has('statistics')) this.#startStatistics();
    if (this.#queues.has('freePages')) this.#buffers.set('freePages', memory.allocate(COMMAND_ID_BYTES));
    this.#onConfig();
  }

  /** Pages that the device wants. */
  get target(): number {
    return this.#read('numPages');
  }

  /** Page numbers in the balloon. */
  get balloon(): readonly number[] {
    return this.#inBalloon;
  }

  /** Page numbers that the device holds until hinting is done. */
  get hinted(): readonly number[] {
    return this.#hinted;
  }

  /** Resolved when the device's wishes have been met as far as they can be. @throws DeviceFailedError */
  async settled(): Promise<void> {
    for (let before: Promise<void> | null = null; before !== this.#working; ) {
      before = this.#working;
      await before;
    }
    if (this.#failed !== null) throw this.#failed;
  }

  /**
   * Tells the device of up to `count` free pages, each in a buffer of its own. Resolved when they may be used again.
   * @throws ArgumentError; DeviceFailedError, also where REPORTING was not accepted.
   */
  async report(count: number): Promise<readonly number[]> {
    checkWhole('count', count, 0, Number.MAX_SAFE_INTEGER);
    const queue = this.#queue('reporting');
    const pages = this.#take(Math.min(count, queue.size));
    if (this.driver.has(balloonFeature.pagePoison)) for (const page of pages) this.#poison(page);
    if (pages.length > 0) await queue.send(pages.map(pageBuffer));
    this.#free.push(...pages);
    // The balloon may have wanted them meanwhile.
    this.#onConfig();
    return pages;
  }

  #queue(name: BalloonQueueName): BalloonQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new DeviceFailedError(`there is no ${name} queue`);
    return queue;
  }

  /** Configuration is little-endian for every driver (LEG-BAL-03); the transport gives it in the guest's order. */
  #read(name: keyof typeof balloonConfig): number {
    const value = this.driver.readField(balloonConfig, name);
    return this.driver.transport.littleEndian ? value : swapBytes(value, 4);
  }

  #write(name: keyof typeof balloonConfig, value: number): void {
    const { littleEndian } = this.driver.transport;
    this.driver.writeField(balloonConfig, name, littleEndian ? value : swapBytes(value >>> 0, 4));
  }

  /** As many free pages as there are, up to `count`. */
  #take(count: number): number[] {
    const pages = this.#free.splice(0, count);
    const { memory } = this.driver;
    for (; pages.length < count && this.#left > 0; this.#left--) {
      pages.push(memory.allocate(BALLOON_PAGE_BYTES, BALLOON_PAGE_BYTES) / BALLOON_PAGE_BYTES);
    }
    return pages;
  }

  #poison(page: number): void {
    const words = new DataView(new ArrayBuffer(BALLOON_PAGE_BYTES));
    for (let at = 0; at < BALLOON_PAGE_BYTES; at += 4) words.setUint32(at, this.#options.poison!, true);
    this.driver.memory.ram.write(page * BALLOON_PAGE_BYTES, new Uint8Array(words.buffer));
  }

  #onConfig(): void {
    const run = () => this.#follow();
    this.#working = this.#working.then(run).catch((error: Error) => {
      this.#failed ??= error;
    });
  }

  /** Does what the configuration asks for, as it stands when it is read. */
  async #follow(): Promise<void> {
    if (this.#failed !== null) return;
    if (this.#queues.has('freePages')) await this.#hint(this.#read('freePageHintCommandId'));
    for (;;) {
      const wanted = this.target - this.#inBalloon.length;
      if (wanted === 0) return;
      const name = wanted > 0 ? 'inflate' : 'deflate';
      const count = Math.min(Math.abs(wanted), REQUEST_PAGES);
      // BAL-OP-06, BAL-OP-08: pages change hands only when the device has handed the request back.
      const pages = wanted > 0 ? this.#take(count) : this.#inBalloon.splice(-count);
      if (pages.length === 0) return;
      await this.#sendNumbers(name, pages);
      if (wanted > 0) this.#inBalloon.push(...pages);
      else this.#reuse(pages);
      this.#write('actual', this.#inBalloon.length);
    }
  }

  #reuse(pages: readonly number[]): void {
    if (this.driver.has(balloonFeature.pagePoison)) for (const page of pages) this.#poison(page);
    this.#free.push(...pages);
  }

  #sendNumbers(name: 'inflate' | 'deflate', pages: readonly number[]): Promise<void> {
    const address = this.#buffers.get(name)!;
    const view = new DataView(new ArrayBuffer(pages.length * PAGE_NUMBER_BYTES));
    const { littleEndian } = this.driver.transport;
    for (const [i, page] of pages.entries()) view.setUint32(i * PAGE_NUMBER_BYTES, page, littleEndian);
    return this.#sendBytes(name, address, new Uint8Array(view.buffer));
  }

  #sendBytes(name: BalloonQueueName, address: number, bytes: Uint8Array): Promise<void> {
    this.driver.memory.ram.write(address, bytes);
    return this.#queue(name).send([{ address, length: bytes.length, writable: false }]);
  }

  /** One round of hints: its command id, all free pages one by one, and the end (BAL-FPH-01). */
  async #hint(commandId: number): Promise<void> {
    if (commandId === balloonCommand.done) this.#reuse(this.#hinted.splice(0));
    if (commandId < balloonCommand.firstRound || commandId === this.#round) return;
    this.#round = commandId;
    await this.#command(commandId);
    for (;;) {
      const [page] = this.#take(1);
      if (page === undefined || this.#read('freePageHintCommandId') !== commandId) {
        if (page !== undefined) this.#free.push(page);
        break;
      }
      this.#hinted.push(page);
      await this.#queue('freePages').send([pageBuffer(page)]);
    }
    await this.#command(balloonCommand.stop);
  }

  #command(commandId: number): Promise<void> {
    const view = new DataView(new ArrayBuffer(COMMAND_ID_BYTES));
    // LEG-BAL-09: in the guest's order, unlike the field.
    view.setUint32(0, commandId, this.driver.transport.littleEndian);
    return this.#sendBytes('freePages', this.#buffers.get('freePages')!, new Uint8Array(view.buffer));
  }

  /** Keeps a buffer with statistics at the device; fresh ones follow each time that it comes back (BAL-STAT-03). */
  #startStatistics(): void {
    const { memory } = this.driver;
    const address = memory.allocate(Object.keys(balloonStatistic).length * balloonStatisticEntry.bytes);
    const offer = (): void => {
      const bytes = this.#statisticsBytes();
      this.#sendBytes('statistics', address, bytes).then(offer, (error: Error) => {
        this.#failed ??= error;
      });
    };
    offer();
  }

  #statisticsBytes(): Uint8Array {
    const { tag, value, bytes } = balloonStatisticEntry;
    const entries = Object.entries(this.#options.statistics?.() ?? { totalMemory: 0n });
    const view = new DataView(new ArrayBuffer(entries.length * bytes));
    const { littleEndian } = this.driver.transport;
    for (const [i, [name, amount]] of entries.entries()) {
      view.setUint16(i * bytes + tag, balloonStatistic[name as BalloonStatistic], littleEndian);
      view.setBigUint64(i * bytes + value, amount, littleEndian);
    }
    return new Uint8Array(view.buffer);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    for (const queue of this.#queues.values()) queue.poll();
  }

  /** Resets the device: all pages are the driver's again. */
  close(): void {
    this.driver.close();
  }
}

const pageBuffer = (page: number): ChainBuffer => ({
  address: page * BALLOON_PAGE_BYTES,
  length: BALLOON_PAGE_BYTES,
  writable: true,
});
