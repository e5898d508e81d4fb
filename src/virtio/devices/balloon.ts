import { expectSame, type State, VirtiolabError } from '../../core/index.ts';
import type { DeviceBehaviour, FeatureObjection } from '../behaviour.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  type BalloonNumbering,
  type BalloonQueueName,
  balloonConfig,
  balloonDeviceType,
  balloonFeature,
  balloonQueueNumbers,
  deviceStatus,
  optionalBalloonQueues,
} from '../layout/index.ts';
import { aboutChain, type Chain, NOT_DONE } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { SavedDevice } from '../queue-user.ts';
import { FreePageHints } from './balloon/hints.ts';
import { BalloonMemory } from './balloon/memory.ts';
import { PageNumbers } from './balloon/page-numbers.ts';
import { PageSet } from './balloon/pages.ts';
import { balloonState, checkPages } from './balloon/state.ts';
import { type BalloonStatistics, HELD, StatisticsQueue } from './balloon/statistics.ts';

/** What a driver did, for the host. Pages are of 4096 bytes. */
export type BalloonEvent =
  /** The driver wrote its own count of pages in the balloon. */
  | { readonly kind: 'actual'; readonly pages: number }
  /** So many pages came into the balloon, or left it; those that change nothing do not count. */
  | { readonly kind: 'inflated' | 'deflated'; readonly pages: number }
  | { readonly kind: 'reported' | 'hinted'; readonly pages: number }
  /** The driver has no more pages to hint in the round of that command id. */
  | { readonly kind: 'hinted all'; readonly commandId: number }
  | { readonly kind: 'statistics'; readonly values: BalloonStatistics };

export interface BalloonOptions {
  /** Memory statistics (STATS_VQ). */
  readonly statistics?: boolean;
  /** The driver says with what it fills free pages (PAGE_POISON). */
  readonly pagePoison?: boolean;
  /** The driver may take pages back when it runs out of memory (DEFLATE_ON_OOM). */
  readonly deflateOnOutOfMemory?: boolean;
  /** Hints at free pages, for migration (FREE_PAGE_HINT). */
  readonly freePageHints?: boolean;
  /** Reports of free pages (PAGE_REPORTING). */
  readonly freePageReports?: boolean;
  /** MUST_TELL_HOST: offered, or also insisted on, where a driver can be refused (BAL-FEAT-04). */
  readonly mustTellHost?: 'offered' | 'required';
  /** How queues are numbered where an optional one is not offered. */
  readonly numbering?: BalloonNumbering;
  /** Takes the content of inflated and reported pages away, as a host does that gives them to somebody else (BAL-OP-12). */
  readonly discard?: boolean;
  /** Descriptors of each queue. */
  readonly queueSize?: number;
  readonly onEvent?: (event: BalloonEvent) => void;
}

/** A balloon of a size that its configuration cannot hold. */
export class BalloonTargetError extends VirtiolabError {
  readonly pages: number;

  constructor(pages: number) {
    super(`a balloon of ${pages} pages: wants a whole number of 4096-byte pages from 0 to 2^32 - 1`);
    this.pages = pages;
  }
}

const MAX_PAGES = 0xffffffff;
const ALL_BITS = 0xffffffff;

/** The clause that a driver breaks by what it puts into a queue of a feature. */
const queueClause = { freePages: 'BAL-FPH-01', reporting: 'BAL-FPH-09' } as const;

/** Sizes by queue number, with 0 where the numbering leaves a gap. */
function sizes(numbers: ReadonlyMap<BalloonQueueName, number>, size: number): number[] {
  const present = new Set(numbers.values());
  return Array.from({ length: Math.max(...present) + 1 }, (_, index) => (present.has(index) ? size : 0));
}

/**
 * The traditional memory balloon (chapter Traditional Memory Balloon Device). It keeps what the driver told it: pages in
 * the balloon, reported and hinted pages, statistics.
 */
export class BalloonDevice implements DeviceBehaviour {
  readonly type = balloonDeviceType;
  readonly sleeps = true;
  readonly record = balloonState;
  readonly features: readonly number[];
  readonly queueSizes: readonly number[];
  readonly config: DeviceConfig<typeof balloonConfig>;
  /** Pages that were ever reported as free; the driver may use them again without a word. */
  readonly reported = new PageSet();
  device!: DevicePort;
  #numbers!: PageNumbers;
  #hints!: FreePageHints;
  #statistics!: StatisticsQueue;
  #memory!: BalloonMemory;
  readonly #options: BalloonOptions;
  readonly #queues = new Map<number, BalloonQueueName>();
  /** The count that the driver wrote last, and the bits of one that it is writing. */
  #actual = 0;
  #actualBits = 0;

  /** @throws QueueSizeError */
  constructor(options: BalloonOptions = {}) {
    this.#options = options;
    const { statistics = true, pagePoison = true, freePageHints = false, freePageReports = false } = options;
    this.features = [
      ...(options.mustTellHost === undefined ? [] : [balloonFeature.mustTellHost]),
      ...(statistics ? [balloonFeature.statisticsQueue] : []),
      ...(options.deflateOnOutOfMemory === true ? [balloonFeature.deflateOnOutOfMemory] : []),
      ...(freePageHints ? [balloonFeature.freePageHint] : []),
      ...(pagePoison ? [balloonFeature.pagePoison] : []),
      ...(freePageReports ? [balloonFeature.pageReporting] : []),
    ];
    const numbers = balloonQueueNumbers((bit) => this.features.includes(bit), options.numbering);
    for (const [name, number] of numbers) this.#queues.set(number, name);
    this.queueSizes = sizes(numbers, options.queueSize ?? 128);
    checkQueueSizes(this.queueSizes);
    // Fields of features that are not offered are left out, as QEMU does.
    const { freePageHintCommandId, poisonValue } = balloonConfig;
    const end = pagePoison
      ? poisonValue.offset + poisonValue.width
      : freePageHints
        ? poisonValue.offset
        : freePageHintCommandId.offset;
    this.config = new DeviceConfig(balloonConfig, end, false);
    this.config.onWrite('actual', (written) => this.#onActual(written));
    if (pagePoison) this.config.onWrite('poisonValue', () => this.#onPoison());
  }

  attach(device: DevicePort): void {
    this.device = device;
    this.#memory = new BalloonMemory(device);
    this.#numbers = new PageNumbers(device, this.#memory, this.#options.discard === true);
    this.#statistics = new StatisticsQueue(device, (values) => this.#tell({ kind: 'statistics', values }));
    this.#hints = new FreePageHints(device, (commandId) => this.#show('freePageHintCommandId', commandId));
  }

  /** Pages in the balloon. */
  get inflated(): PageSet {
    return this.#numbers.inflated;
  }

  /** Free page hinting, for a device that offers it. */
  get hints(): FreePageHints {
    return this.#hints;
  }

  /** What the driver said last; empty before it has said anything. */
  get statistics(): BalloonStatistics {
    return this.#statistics.values;
  }

  /** Asks the driver for statistics. @returns false when it cannot be asked: see {@link StatisticsQueue.request}. */
  requestStatistics(): boolean {
    return this.#statistics.request();
  }

  /** Pages that the host wants in the balloon. */
  get target(): number {
    return this.config.get('numPages');
  }

  /** Asks the driver for a balloon of so many pages of 4096 bytes. @throws BalloonTargetError */
  setTarget(pages: number): void {
    if (!Number.isInteger(pages) || pages < 0 || pages > MAX_PAGES) throw new BalloonTargetError(pages);
    if (pages !== this.target) this.#show('numPages', pages);
  }

  /** Pages in the balloon as the driver counts them: what it wrote whole (LEG-BAL-06). */
  get actual(): number {
    return this.#actual;
  }

  /** With what the driver fills free pages; null where it did not say. */
  get poison(): number | null {
    return this.device.has(balloonFeature.pagePoison) ? this.config.get('poisonValue') : null;
  }

  #show(field: 'numPages' | 'freePageHintCommandId', value: number): void {
    this.config.set(field, value);
    this.device.configChanged();
  }

  #tell(event: BalloonEvent): void {
    this.#options.onEvent?.(event);
  }

  /** LEG-BAL-06: the count stands when its most significant byte has been written. */
  #onActual(written: number): void {
    this.#actualBits = (this.#actualBits | written) >>> 0;
    if (written >>> 24 === 0) return;
    // Of others the access itself is reported (PCI-LAY-01).
    if (this.#actualBits !== ALL_BITS && this.device.legacyDriver)
      this.device.report('driver', 'LEG-BAL-05', 'actual was not written whole', {
        what: 'bits that were written',
        value: this.#actualBits,
      });
    this.#actualBits = 0;
    this.#actual = this.config.get('actual');
    this.#tell({ kind: 'actual', pages: this.#actual });
  }

  #onPoison(): void {
    if ((this.device.status & deviceStatus.driverOk) !== 0)
      this.device.report('driver', 'BAL-FPH-07', 'poison_val was written after DRIVER_OK', {
        what: 'poison_val',
        value: this.config.get('poisonValue'),
      });
  }

  /** BAL-FEAT-04; a legacy driver is served in any case (LEG-BAL-01). */
  objection(accepts: (bit: number) => boolean): FeatureObjection | null {
    if (this.#options.mustTellHost !== 'required' || accepts(balloonFeature.mustTellHost)) return null;
    return { clause: 'BAL-FEAT-01', message: 'MUST_TELL_HOST was not accepted, and this device insists' };
  }

  handle(chain: Chain): void {
    const name = this.#queues.get(chain.queue)!;
    const optional = optionalBalloonQueues.find(([each]) => each === name);
    if (optional !== undefined && !this.device.has(optional[1])) {
      this.device.report(
        'driver',
        'BF-FEAT-03',
        'a buffer in a queue whose feature was not accepted',
        aboutChain(chain),
      );
      this.device.complete(chain, 0);
    } else if (name === 'statistics') this.#statistics.take(chain);
    else this.device.complete(chain, this.#serve(name, chain));
  }

  /** Of all chains only those of statistics stay here. */
  resumeChain(chain: Chain): void {
    this.#statistics.takeBack(chain);
  }

  checkRequest(request: State, path: string, queue: number): void {
    expectSame(path, request, this.#queues.get(queue) === 'statistics' ? HELD : null);
  }

  /** @returns bytes written. */
  #serve(name: Exclude<BalloonQueueName, 'statistics'>, chain: Chain): number {
    switch (name) {
      case 'inflate':
        return this.#count('inflated', this.#numbers.inflate(chain));
      case 'deflate':
        return this.#count('deflated', this.#numbers.deflate(chain));
      case 'freePages':
        return this.#onHints(chain);
      case 'reporting':
        return this.#onReport(chain);
    }
  }

  #count(kind: 'inflated' | 'deflated' | 'reported' | 'hinted', pages: number): 0 {
    if (pages > 0) this.#tell({ kind, pages });
    return 0;
  }

  #onHints(chain: Chain): number {
    if (chain.readableBytes > 0) {
      const before = this.#hints.complete;
      this.#hints.command(chain);
      if (this.#hints.complete && !before)
        this.#tell({ kind: 'hinted all', commandId: this.#hints.commandId });
    }
    let pages = 0;
    this.#memory.eachPage(chain, queueClause.freePages, (page) => {
      if (this.#hints.hint(page)) pages++;
      return false;
    });
    return this.#count('hinted', pages);
  }

  #onReport(chain: Chain): number {
    if (chain.readableBytes > 0)
      this.device.report(
        'driver',
        queueClause.reporting,
        'readable bytes in a report of free pages',
        aboutChain(chain, 'length in bytes', chain.readableBytes),
      );
    // BAL-FPH-10: with PAGE_POISON a page becomes that, or stays as it is.
    const value = this.poison ?? 0;
    let pages = 0;
    const written = this.#memory.eachPage(chain, queueClause.reporting, (page) => {
      this.reported.add(page);
      pages++;
      return this.#options.discard === true && this.#memory.discard(page, value);
    });
    this.#count('reported', pages);
    return written;
  }

  queueReset(index: number): void {
    if (this.#queues.get(index) === 'statistics') this.#statistics.stopped();
  }

  /** Power-on state: all memory is the guest's. What the host wants stays as it is. */
  reset(): void {
    this.inflated.clear();
    this.reported.clear();
    this.#statistics.reset();
    this.#hints.reset();
    this.#actual = 0;
    this.#actualBits = 0;
    this.config.set('actual', 0);
    if (this.config.length > balloonConfig.freePageHintCommandId.offset)
      this.config.set('freePageHintCommandId', this.#hints.commandId);
    if (this.config.length > balloonConfig.poisonValue.offset) this.config.set('poisonValue', 0);
  }

  #shape() {
    const { discard = false, mustTellHost = null } = this.#options;
    const queues = Object.fromEntries([...this.#queues].map(([number, name]) => [name, number]));
    return { type: this.type.name, queues, discard, mustTellHost };
  }

  check(state: State, path = 'balloon device', device?: SavedDevice) {
    const saved = balloonState.parse(state, path, this.#shape());
    checkPages(saved, path, this.#memory.endPage);
    if (device === undefined) return saved;
    const { held } = saved.statistics;
    const queue = [...this.#queues].find(([, name]) => name === 'statistics')?.[0] ?? -1;
    const inHand = device.queues[queue]?.inFlight.filter(({ written }) => written === NOT_DONE) ?? [];
    expectSame(`${path}.statistics.held`, held, inHand.length);
    if (saved.actualBits === 0) this.config.expectSaved('actual', device, saved.actual);
    if (this.config.length > balloonConfig.freePageHintCommandId.offset)
      this.config.expectSaved('freePageHintCommandId', device, saved.hints.shown);
    return saved;
  }

  save() {
    return balloonState.save({
      shape: this.#shape(),
      inflated: this.inflated.save(),
      reported: this.reported.save(),
      actual: this.#actual,
      actualBits: this.#actualBits,
      statistics: this.#statistics.save(),
      hints: this.#hints.save(),
    });
  }

  load(state: State): void {
    const saved = this.check(state);
    this.inflated.load(saved.inflated);
    this.reported.load(saved.reported);
    this.#actual = saved.actual;
    this.#actualBits = saved.actualBits;
    this.#statistics.load(saved.statistics);
    this.#hints.load(saved.hints);
  }
}
