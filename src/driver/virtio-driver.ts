import {
  FOUR_GIB,
  maskOf,
  type RegisterMap,
  TargetGoneError,
  TargetTimeoutError,
  VirtiolabError,
  type Width,
} from '../core/index.ts';
import {
  deviceStatus,
  type FeatureDependency,
  feature,
  featureWords,
  hasFeature,
  unmetDependency,
} from '../virtio/layout/index.ts';
import { DeviceFailedError, FunctionGoneError, HandlerError, NoDeviceError } from './errors.ts';
import { type DmaMemory, DmaPieces } from './memory.ts';
import { DriverPackedRing } from './packed-ring.ts';
import { type ChainBuffer, checkQueueSize, type DriverRing, type UsedChain } from './ring.ts';
import { allocateRing } from './ring-memory.ts';
import { DriverSplitRing } from './split-ring.ts';
import type { InterruptHandlers, Transport } from './transport/transport.ts';

export interface BringUpOptions {
  /** Features of the device type that the driver can use. */
  readonly features: readonly number[];
  /** Which features need others (BF-FEAT-02): one whose prerequisite is not offered is not accepted either. */
  readonly dependencies?: readonly FeatureDependency[];
  /** Queues to set up, by number; or what says so once the features stand and configuration can be read. */
  readonly queues: readonly number[] | (() => readonly number[]);
  /** Ring features that the driver uses where offered. */
  readonly ringFeatures?: readonly number[];
  /** Other features of no type that the driver uses where offered; by default all that it knows (RF-03, RF-07, RF-13). */
  readonly transportFeatures?: readonly number[];
  /**
   * Largest queue wanted, a power of two unless rings are packed; a legacy queue has the device's size whatever is wanted
   * (LEG-VQ-03).
   */
  readonly maxQueueSize?: number;
}

/** Readings of a configuration field before the device is given up. */
const MAX_FIELD_READS = 1000;

const DEFAULT_RING_FEATURES = [feature.ringIndirectDescriptors, feature.ringEventIndex];
const DEFAULT_TRANSPORT_FEATURES = [
  feature.accessPlatform,
  feature.orderPlatform,
  feature.singleRootIov,
  feature.notificationData,
  feature.notificationConfigData,
  feature.ringReset,
  feature.suspend,
];
const DEFAULT_QUEUE_SIZE = 256;

/** Nobody is there any more who could be told anything. */
const isGone = (error: unknown) => error instanceof FunctionGoneError || error instanceof TargetGoneError;

/** What every virtio driver does: bring the device up (INIT-01, LEG-INIT-01), keep its rings, take it down. */
export class VirtioDriver {
  readonly transport: Transport;
  readonly memory: DmaMemory;
  readonly rings = new Map<number, DriverRing>();
  readonly #ringMemory = new Map<number, DmaPieces>();
  #accepted = featureWords([]);
  #suspending = false;
  /** Queues that were kicked while the device was suspended. */
  readonly #held = new Set<number>();
  #failure: Error | null = null;
  readonly #onFailure: ((error: Error) => void)[] = [];

  constructor(transport: Transport, memory: DmaMemory) {
    this.transport = transport;
    this.memory = memory;
  }

  /**
   * Interrupts reach `handlers` until the device failed; what those throw is such a failure, and never leaves the access that
   * the interrupt came in. A device that asks for a reset, or is gone, does not get as far as `config`.
   * @throws NoDeviceError when a queue is missing, DeviceFailedError when the device refuses, RingSizeError for a queue
   * that no ring fits. FAILED is set then (INIT-06).
   */
  bringUp(options: BringUpOptions, handlers: InterruptHandlers): void {
    const { transport } = this;
    this.#suspending = false;
    this.#failure = null;
    this.#onFailure.length = 0;
    transport.reset();
    transport.setStatus(deviceStatus.acknowledge);
    transport.setStatus(deviceStatus.acknowledge | deviceStatus.driver);
    try {
      this.#negotiate(options);
      transport.connect({
        queue: () => this.#guard(() => handlers.queue()),
        config: () =>
          this.#guard(() => {
            if (this.needsReset) throw new DeviceFailedError('the device asks to be reset');
            handlers.config();
          }),
      });
      const queues = typeof options.queues === 'function' ? options.queues() : options.queues;
      for (const index of queues) this.setUpQueue(index, options.maxQueueSize);
      if (this.#failure !== null) throw this.#failure;
    } catch (error) {
      if (!isGone(error)) transport.setStatus(transport.status | deviceStatus.failed);
      throw error;
    }
    transport.setStatus(transport.status | deviceStatus.driverOk);
  }

  /** What ended the use of the device until it is brought up again, or null: it failed, it is gone, the driver was closed. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Calls once with what ends the use of the device, and at once if that has happened already. */
  whenFailed(listener: (error: Error) => void): void {
    if (this.#failure !== null) listener(this.#failure);
    else this.#onFailure.push(listener);
  }

  /** Ends the use of the device until it is brought up again: every request that waits, or comes, ends with the error. */
  fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    for (const listener of this.#onFailure.splice(0)) listener(error);
  }

  /**
   * Waits for what an interrupt brings, as the transport's {@link Waits.request}. A target that is lost ends the use of the
   * device. @param what is waited for. @throws NoAnswerError; as `answer` does
   */
  wait<T>(what: string, answer: Promise<T>): Promise<T> {
    const waited = this.transport.waits.request(what, answer);
    if (waited !== answer)
      waited.catch((error) => {
        if (error instanceof TargetGoneError) this.fail(error);
      });
    return waited;
  }

  /** All ones may be a value, or what a function that is gone reads as: its status tells. @throws FunctionGoneError */
  #assertPresent(): void {
    void this.transport.status;
  }

  #guard(run: () => void): void {
    if (this.#failure !== null) return;
    try {
      run();
    } catch (error) {
      this.fail(error instanceof VirtiolabError ? error : new HandlerError(error));
    }
  }

  #negotiate(options: BringUpOptions): void {
    const { transport } = this;
    const wanted = [
      ...options.features,
      ...(options.ringFeatures ?? DEFAULT_RING_FEATURES),
      ...(options.transportFeatures ?? DEFAULT_TRANSPORT_FEATURES),
    ];
    // LEG-RF-04, RF-01: these are accepted wherever they are offered.
    const offered = transport.readFeatures();
    const mask = featureWords([...wanted, transport.modern ? feature.version1 : feature.anyLayout]);
    this.#accepted = offered.map((word, i) => word & mask[i]!);
    this.#drop(options.dependencies ?? []);
    if (this.memory.translated && !this.has(feature.accessPlatform))
      throw new DeviceFailedError(
        'the device takes physical addresses only, and this memory has bus addresses',
      );
    transport.writeFeatures(this.#accepted);
    if (!transport.modern) return;
    if (!this.has(feature.version1)) throw new DeviceFailedError('the device does not offer VERSION_1');
    const status = deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk;
    transport.setStatus(status);
    if ((transport.status & deviceStatus.featuresOk) === 0)
      throw new DeviceFailedError('the device refused the features');
  }

  /** Leaves out what lacks its prerequisites, until nothing does (BF-FEAT-02, BF-FEAT-03). */
  #drop(dependencies: readonly FeatureDependency[]): void {
    for (;;) {
      const unmet = unmetDependency(this.#accepted, dependencies);
      if (unmet === null) return;
      this.#accepted[unmet[0] >> 5]! &= ~(1 << (unmet[0] & 31));
    }
  }

  /**
   * Sets a queue up, for the first time or after {@link resetQueue}, then with other parameters perhaps (BF-VQR-06).
   * @param maxSize as {@link BringUpOptions.maxQueueSize}.
   * @throws NoDeviceError, ResourceError; RingSizeError for a size that the device has or that is wanted, and no ring can be of
   */
  setUpQueue(index: number, maxSize = DEFAULT_QUEUE_SIZE): void {
    const { transport } = this;
    const offered = transport.queueSize(index);
    if (offered === 0) throw new NoDeviceError(`the device has no queue ${index}`);
    const packed = this.has(feature.ringPacked);
    if (offered === maskOf(2)) this.#assertPresent();
    checkQueueSize(`queue ${index} of size`, offered, packed);
    const legacy = transport.ringLayout === 'legacy';
    if (!legacy) checkQueueSize('maxQueueSize', maxSize, packed);
    const size = legacy ? offered : Math.min(offered, maxSize);
    const memory = new DmaPieces(this.memory);
    const where = allocateRing(transport, memory, size, packed);
    const mode = {
      littleEndian: transport.littleEndian,
      eventIndex: this.has(feature.ringEventIndex),
      indirect: this.has(feature.ringIndirectDescriptors),
      inOrder: this.has(feature.inOrder),
      lengthWithoutWrite: transport.tolerated.has('packed-used-without-write'),
    };
    const Ring = packed ? DriverPackedRing : DriverSplitRing;
    const ring = new Ring(this.memory.ram, size, where, mode, (length) => memory.allocate(length));
    this.rings.set(index, ring);
    this.#ringMemory.set(index, memory);
    transport.setUpQueue(index, size, where);
  }

  /**
   * Takes one queue down and its ring's memory back; what was outstanding is never handed back (BF-VQR-03, BF-VQR-04).
   * @throws DeviceFailedError when RING_RESET was not accepted, or the device does not finish.
   */
  resetQueue(index: number): void {
    if (!this.has(feature.ringReset))
      throw new DeviceFailedError('the device resets no single queues: RING_RESET was not accepted');
    this.transport.resetQueue(index);
    this.rings.delete(index);
    this.#held.delete(index);
    this.#ringMemory.get(index)?.free();
    this.#ringMemory.delete(index);
  }

  /** Used lengths mean something: not those of a legacy device (LEG-USED-01), nor of one that counts otherwise. */
  get trustsLengths(): boolean {
    const { modern, tolerated } = this.transport;
    return modern && !tolerated.has('used-length-counts-readable');
  }

  /** True when the feature was offered and accepted. */
  has(bit: number): boolean {
    return hasFeature(this.#accepted, bit);
  }

  /** True when the device asks to be reset (BF-STAT-06). */
  get needsReset(): boolean {
    return (this.transport.status & deviceStatus.needsReset) !== 0;
  }

  /** The next chain that the device handed back, or null. A ring that broke ends the use of the device ({@link failure}). */
  take(index: number): UsedChain | null {
    if (this.#failure !== null) return null;
    const ring = this.rings.get(index);
    const used = ring?.take() ?? null;
    if (used === null && ring !== undefined && ring.failure !== null) this.fail(ring.failure);
    return used;
  }

  /** Exposes a chain, as {@link DriverRing.add}; -1 also where there is no such queue (any more), or the device failed. */
  add(index: number, buffers: readonly ChainBuffer[]): number {
    return this.#failure === null ? (this.rings.get(index)?.add(buffers) ?? -1) : -1;
  }

  /**
   * Publishes what was added to a ring, and kicks if the device wants it; at {@link resume}, while it is suspended. A target
   * that is lost ends the use of the device; with one that does not answer, whoever waits for the request waits on. Where
   * there is no such queue (any more), nothing happens.
   */
  kick(index: number): void {
    if (this.#failure !== null) return;
    if (this.#suspending) this.#held.add(index);
    else
      try {
        this.#publish(index);
      } catch (error) {
        if (error instanceof TargetGoneError) this.fail(error);
        else if (!(error instanceof TargetTimeoutError)) throw error;
      }
  }

  #publish(index: number): void {
    const ring = this.rings.get(index);
    if (ring?.publish() === true) this.transport.notify(index, ring.position);
  }

  /**
   * Asks the device to suspend itself; kicks wait from now on (SUSP-03, SUSP-04).
   * @returns whether it has: to be called again until then, as requests in flight are finished first (SUSP-02).
   * @throws DeviceFailedError when SUSPEND was not accepted, or the device failed.
   */
  suspend(): boolean {
    const { suspend, driverOk } = deviceStatus;
    if (!this.has(feature.suspend))
      throw new DeviceFailedError('the device cannot be suspended: SUSPEND was not accepted');
    if (!this.#suspending) this.#raise(suspend);
    this.#suspending = true;
    return this.#reached(suspend, driverOk);
  }

  /**
   * Asks a suspended device to go on (SUSP-06).
   * @returns whether it does; what was held back is published then. @throws DeviceFailedError when the device failed.
   */
  resume(): boolean {
    const { suspend, driverOk } = deviceStatus;
    if (!this.#suspending) return true;
    if (this.#reached(suspend, driverOk)) this.#raise(driverOk);
    if (!this.#reached(driverOk, suspend)) return false;
    this.#suspending = false;
    for (const index of this.#held) this.#publish(index);
    this.#held.clear();
    return true;
  }

  #raise(bit: number): void {
    this.transport.setStatus(this.transport.status | bit);
  }

  /** Status shows one bit and not the other. */
  #reached(set: number, clear: number): boolean {
    const { status } = this.transport;
    if ((status & deviceStatus.needsReset) !== 0) throw new DeviceFailedError('the device asks to be reset');
    return (status & (set | clear)) === set;
  }

  /**
   * A field of at most 64 bits. It is read again until two readings, or two generations, agree (BF-CFG-02, LEG-CFG-02).
   * @throws DeviceFailedError when they never do, FunctionGoneError.
   */
  readField<M extends RegisterMap>(map: M, name: keyof M): number {
    const { offset, width } = map[name]!;
    const { transport } = this;
    const once = () =>
      width === 8 ? this.#readHalves(offset) : transport.readConfig(offset, width as Width);
    for (let tries = 0; tries < MAX_FIELD_READS; tries++) {
      const before = transport.configGeneration();
      const value = once();
      if (before === null ? width !== 8 || once() === value : transport.configGeneration() === before) {
        // Of 64 bits the upper half tells: all of them are more than a Number holds.
        if (value >= maskOf(width) * (width === 8 ? FOUR_GIB : 1)) this.#assertPresent();
        return value;
      }
    }
    throw new DeviceFailedError(`configuration field ${String(name)} does not hold still`);
  }

  #readHalves(offset: number): number {
    const [first, second] = [this.transport.readConfig(offset, 4), this.transport.readConfig(offset + 4, 4)];
    return this.transport.littleEndian ? second * FOUR_GIB + first : first * FOUR_GIB + second;
  }

  /** Writes a field of at most 32 bits. @throws DeviceFailedError while the device is suspended (SUSP-05). */
  writeField<M extends RegisterMap>(map: M, name: keyof M, value: number): void {
    if (this.#suspending)
      throw new DeviceFailedError(`configuration field ${String(name)}: the device is suspended`);
    const { offset, width } = map[name]!;
    this.transport.writeConfig(offset, width as Width, (value & maskOf(width)) >>> 0);
  }

  /** A target that is lost has no interrupts to give back. */
  #disconnect(): void {
    try {
      this.transport.disconnect();
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /**
   * Resets the device and gives its interrupts and memory back (OPER-03); what is in flight ends with an error. A function
   * that is gone needs no reset. @throws DeviceFailedError for a reset that never ends: the memory stays the device's then.
   */
  close(): void {
    try {
      this.transport.reset();
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      this.#disconnect();
      this.rings.clear();
      this.#ringMemory.clear();
      this.#suspending = false;
      this.#held.clear();
      this.fail(new DeviceFailedError('the driver was closed'));
    }
    this.memory.clear();
  }
}
