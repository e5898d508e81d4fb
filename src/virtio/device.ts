import {
  expectSame,
  immediate,
  type Scheduler,
  type State,
  type Stateful,
  type Task,
} from '../core/index.ts';
import type {
  AnyConfig,
  DeviceBehaviour,
  DevicePlace,
  InterruptPort,
  VirtioDeviceOptions,
} from './behaviour.ts';
import {
  deviceStatus,
  deviceTypes,
  FEATURE_WORDS,
  feature,
  featureWords,
  hasFeature,
  legacyRingLayout,
  QUEUE_ADDRESS_UNIT,
} from './layout/index.ts';
import type { Chain } from './queue/chain.ts';
import { Batch, type QueueOwner, QueueService } from './queue/service.ts';
import { SplitQueue } from './queue/split.ts';
import type { Virtqueue } from './queue/virtqueue.ts';

/** What is offered where the options say nothing. */
export const defaultTransportFeatures: readonly number[] = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
];
const LEGACY_FEATURES = [feature.notifyOnEmpty, feature.anyLayout, feature.unused];

/**
 * A virtio device: status, features, configuration, queues, reset. It knows nothing of PCI; windows and the interrupt
 * port stand between it and a bus.
 */
export class VirtioDevice implements QueueOwner, Stateful {
  readonly behaviour: DeviceBehaviour;
  readonly options: Required<VirtioDeviceOptions>;
  /** Features shown through the common configuration, and the word that a legacy driver sees. */
  readonly offered: Uint32Array;
  readonly offeredLegacy: number;
  readonly accepted = new Uint32Array(FEATURE_WORDS);
  /** Windows with a state of their own (a queue selector) hear of a reset here. */
  readonly onReset: (() => void)[] = [];
  interrupts: InterruptPort = { queue: () => {}, config: () => {}, reset: () => {} };
  readonly #queues: QueueService[];
  readonly #batch = new Batch();
  #place: DevicePlace | null = null;
  #status = 0;
  #dmaEnabled = false;
  #broken = false;
  /** Tasks that wait for DMA. */
  #deferred: Task[] = [];

  constructor(behaviour: DeviceBehaviour, options: VirtioDeviceOptions) {
    this.behaviour = behaviour;
    this.options = { guestEndian: 'little', transportFeatures: defaultTransportFeatures, ...options };
    const { features, legacyFeatures = [], modernFeatures = [] } = behaviour;
    const shared = [...features, ...this.options.transportFeatures];
    this.offered = featureWords([...shared, ...modernFeatures, feature.version1]);
    this.offeredLegacy = featureWords([...shared, ...legacyFeatures, ...LEGACY_FEATURES])[0]!;
    this.#queues = behaviour.queueSizes.map(
      (size, index) => new QueueService(new SplitQueue(size), index, this, this.#batch),
    );
    this.#updateMode();
    behaviour.attach(this);
  }

  get name(): string {
    return deviceTypes[this.behaviour.type].name;
  }

  get config(): AnyConfig {
    return this.behaviour.config;
  }

  get status(): number {
    return this.#status;
  }

  get queueCount(): number {
    return this.#queues.length;
  }

  /** The ring of a queue that exists, or null. */
  queue(index: number): Virtqueue | null {
    const ring = this.#queues[index]?.ring;
    return ring === undefined || ring.maxSize === 0 ? null : ring;
  }

  /** VERSION_1 is not accepted: the driver is a legacy one (LEG-FEAT-02). */
  get legacyDriver(): boolean {
    return !hasFeature(this.accepted, feature.version1);
  }

  /** Byte order of rings, requests and configuration as the driver in charge sees them. */
  get littleEndian(): boolean {
    return !this.legacyDriver || this.options.guestEndian === 'little';
  }

  has(bit: number): boolean {
    return hasFeature(this.accepted, bit);
  }

  get scheduler(): Scheduler {
    return this.#place?.scheduler ?? immediate;
  }

  /** Plugs the device in. */
  connect(place: DevicePlace): void {
    this.#place = place;
    for (const queue of this.#queues) queue.connect(place.subject, place.scheduler, place.dma);
  }

  disconnect(): void {
    this.reset();
    this.#place = null;
  }

  report(party: 'driver' | 'device', clause: string, message: string, value: number | null = null): void {
    this.#place?.report({ kind: 'finding', clause, party, subject: this.#place.subject, message, value });
  }

  /** Bus mastering went on or off. Kicks and completions that came in between are served when it comes back. */
  setDmaEnabled(on: boolean): void {
    this.#dmaEnabled = on;
    if (!on) return;
    this.#runDeferred();
    for (const queue of this.#queues) queue.dmaEnabled();
  }

  /** After a reset too: a back end that waits must go on, and finds its chain dead. */
  #runDeferred(): void {
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const task of deferred) task.run();
  }

  /** Runs a task that touches guest memory: now, or when DMA is possible again. */
  whenDma(task: Task): void {
    if (this.#dmaEnabled) task.run();
    else this.#deferred.push(task);
  }

  /** The status register was written: 0 resets; the bits are kept as they came (observed). */
  writeStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    if ((this.#status & ~value & ~deviceStatus.needsReset) !== 0)
      this.report('driver', 'BF-STAT-02', 'a status bit was cleared without a reset', value);
    const before = this.#status;
    this.#status = value | (this.#broken ? deviceStatus.needsReset : 0);
    const rose = value & ~before;
    if ((rose & deviceStatus.featuresOk) !== 0) {
      if (!this.#featuresAcceptable()) this.#status &= ~deviceStatus.featuresOk;
      else if (!this.legacyDriver) this.behaviour.negotiated?.();
    }
    if ((rose & deviceStatus.driverOk) !== 0) {
      this.behaviour.started?.();
      for (const queue of this.#queues) if (queue.ring.ready) queue.kick();
    }
  }

  /** BF-FEAT-11: what was not offered, or leaves out what cannot be left out, is refused. */
  #featuresAcceptable(): boolean {
    for (let word = 0; word < FEATURE_WORDS; word++) {
      const extra = this.accepted[word]! & ~this.offered[word]!;
      // A legacy word accepted through the legacy window may hold the legacy bits too.
      if ((word === 0 && this.legacyDriver ? extra & ~this.offeredLegacy : extra) === 0) continue;
      this.report('driver', 'BF-FEAT-01', `accepted bits of word ${word} that were not offered`, extra >>> 0);
      return false;
    }
    if (!this.options.legacy && this.legacyDriver) {
      this.report('driver', 'RF-01', 'VERSION_1 was not accepted');
      return false;
    }
    const objection = this.behaviour.objection?.() ?? null;
    if (objection !== null) this.report('driver', objection.clause, objection.message);
    return objection === null;
  }

  /** Accepted features by word, through the common configuration. */
  acceptFeatures(word: number, value: number): void {
    if (word >= FEATURE_WORDS) return;
    if ((this.#status & deviceStatus.featuresOk) !== 0) {
      this.report('driver', 'INIT-04', 'features were written after FEATURES_OK', value);
      return;
    }
    this.accepted[word] = value;
    this.#updateMode();
  }

  /** Accepted features through the legacy register, at any time; bits above 31 are not accepted (LEG-LAY-10). */
  acceptLegacyFeatures(value: number): void {
    let word = value & this.offeredLegacy;
    if ((value >>> feature.unused) % 2 === 1) {
      this.report('driver', 'LEG-RF-06', 'feature bit 30 was acknowledged: taken for a broken driver', value);
      word = featureWords(this.behaviour.brokenDriverFeatures ?? [])[0]! & this.offeredLegacy;
    } else if ((value & ~this.offeredLegacy) !== 0) {
      this.report(
        'driver',
        'BF-FEAT-01',
        'accepted bits that were not offered',
        (value & ~this.offeredLegacy) >>> 0,
      );
    }
    this.accepted.fill(0);
    this.accepted[0] = word;
    this.#updateMode();
  }

  #updateMode(): void {
    const mode = {
      littleEndian: this.littleEndian,
      indirect: this.has(feature.ringIndirectDescriptors),
      eventIndex: this.has(feature.ringEventIndex),
      notifyOnEmpty: this.legacyDriver && this.has(feature.notifyOnEmpty),
    };
    for (const { ring } of this.#queues) ring.setMode(mode);
  }

  /** Legacy queue address: a page number, or 0 to take the queue down (LEG-VQ-02). */
  setQueuePage(index: number, pageFrameNumber: number): void {
    const queue = this.#queues[index];
    if (queue === undefined || queue.ring.maxSize === 0) return;
    this.resetQueue(index);
    if (pageFrameNumber === 0) return;
    const base = pageFrameNumber * QUEUE_ADDRESS_UNIT;
    const layout = legacyRingLayout(queue.ring.size);
    queue.ring.addresses.set('descriptor', base);
    queue.ring.addresses.set('driver', base + layout.available);
    queue.ring.addresses.set('device', base + layout.used);
    queue.ring.relocate();
    queue.ring.ready = true;
  }

  /** Stops one queue: nothing of it is executed or reported any more (BF-VQR-01, BF-VQR-02). */
  resetQueue(index: number): void {
    this.#queues[index]!.reset();
    this.behaviour.queueReset?.(index);
  }

  /** A kick. Spurious ones, and those of absent queues, are taken without effect (SPL-ANS-12). */
  notify(index: number): void {
    const queue = this.#queues[index];
    if (queue === undefined || queue.ring.maxSize === 0) {
      this.report('driver', 'PCI-KICK-03', 'a kick for a queue that does not exist', index);
      return;
    }
    queue.kick();
  }

  /** LEG-INIT-03: a legacy driver's queues work before DRIVER_OK; BF-STAT-05: nobody else's do. */
  get mayRun(): boolean {
    return !this.#broken && (this.legacyDriver || (this.#status & deviceStatus.driverOk) !== 0);
  }

  get dmaEnabled(): boolean {
    return this.#dmaEnabled;
  }

  handle(chain: Chain): void {
    this.behaviour.handle(chain);
  }

  interrupt(index: number): void {
    this.interrupts.queue(index);
  }

  /** The behaviour is done with a chain: `length` bytes were written, from the first writable byte on (SPL-USED-02). */
  complete(chain: Chain, length: number): void {
    this.#queues[chain.queue]!.complete(chain, length);
  }

  /** Whatever `body` completes, in whichever queues, is published at its end, with one interrupt a queue. */
  batch(body: () => void): void {
    this.#batch.run(body);
  }

  /** The configuration changed by itself: the driver is told (OPER-01). */
  configChanged(): void {
    this.interrupts.config();
  }

  /** An error that only a reset mends (BF-STAT-06, BF-STAT-07). */
  fail(clause: string, message: string, value: number | null = null): void {
    this.report('driver', clause, message, value);
    if (this.#broken) return;
    this.#broken = true;
    this.#status |= deviceStatus.needsReset;
    if ((this.#status & deviceStatus.driverOk) !== 0) this.interrupts.config();
  }

  /** Back to the state after power-on; done when this returns (BF-RST-01, BF-RST-02). */
  reset(): void {
    this.#status = 0;
    this.#broken = false;
    this.accepted.fill(0);
    for (const queue of this.#queues) queue.reset();
    this.#runDeferred();
    this.#updateMode();
    this.behaviour.reset();
    this.interrupts.reset();
    for (const listener of this.onReset) listener();
  }

  save() {
    return {
      type: this.behaviour.type,
      status: this.#status,
      broken: this.#broken,
      dmaEnabled: this.#dmaEnabled,
      accepted: [...this.accepted],
      queues: this.#queues.map((queue) => queue.save()),
      config: this.config.save(),
      behaviour: this.behaviour.save(),
    };
  }

  load(state: State): void {
    const saved = state as ReturnType<VirtioDevice['save']>;
    expectSame('device type', saved.type, this.behaviour.type);
    expectSame('number of queues', saved.queues.length, this.#queues.length);
    this.#status = saved.status;
    this.#broken = saved.broken;
    this.#dmaEnabled = saved.dmaEnabled;
    this.accepted.set(saved.accepted);
    this.#updateMode();
    this.config.load(saved.config);
    this.behaviour.load(saved.behaviour);
    for (const [index, queue] of this.#queues.entries()) queue.load(saved.queues[index]!);
    this.#runDeferred();
  }

  /** Goes on with what was in flight when the state was saved. */
  resume(): void {
    for (const queue of this.#queues) queue.resume();
  }
}
