import { type Bus, FOUR_GIB, maskOf, type Register, type Width } from '../../core/index.ts';
import { extendedCapabilityId } from '../../pci/layout/index.ts';
import {
  commonConfig,
  FEATURE_WORDS,
  feature,
  hasFeature,
  NO_VECTOR,
  NOTIFICATION_BYTES,
  NOTIFICATION_DATA_BYTES,
  notification,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, FunctionGoneError, NoDeviceError } from '../errors.ts';
import type { FoundFunction } from '../pci.ts';
import { powerUp } from '../power.ts';
import type { RingPlace } from '../ring.ts';
import { Waits } from '../waits.ts';
import { CONFIG_VECTOR, presentStatus, resetDevice, TransportInterrupts } from './interrupts.ts';
import { findStructures, StructureAccess } from './structures.ts';
import type { DeviceDeviation, InterruptHandlers, Transport, TransportOptions } from './transport.ts';

/** Where in the notification structure a queue is kicked, and by what name. */
interface Doorbell {
  readonly offset: number;
  readonly name: number;
}

/** Queues have numbers below it. */
const MAX_QUEUES = 2 ** (8 * commonConfig.queueSelect.width);

/** What queue_reset of a function that is gone reads as; else it is 0 or 1. */
const QUEUE_RESET_GONE = maskOf(commonConfig.queueReset.width);

/** Registers that came with a feature: without room for them the feature cannot be used. */
const featureRegisters = [
  { bit: feature.notificationConfigData, register: commonConfig.queueNotifConfigData },
  { bit: feature.ringReset, register: commonConfig.queueReset },
  { bit: feature.adminQueue, register: commonConfig.adminQueueNum },
] as const;

/** The virtio 1.x interface. Its structures stand in memory or in I/O space, each for itself. */
export class ModernTransport implements Transport {
  readonly name = 'modern';
  readonly ringLayout = 'separate';
  readonly modern = true;
  readonly littleEndian = true;
  readonly tolerated: ReadonlySet<DeviceDeviation>;
  readonly waits: Waits;
  readonly #common: StructureAccess;
  readonly #notify: StructureAccess;
  readonly #isr: StructureAccess;
  readonly #device: StructureAccess | null;
  readonly #multiplier: number;
  readonly #doorbells = new Map<number, Doorbell>();
  #notificationData = false;
  #configData = false;
  #adminQueues = false;
  readonly #interrupts: TransportInterrupts;
  readonly #hasVirtualFunctions: boolean;

  /**
   * Its ids are not looked at: {@link openTransport} does.
   * @throws NoStructureError when a structure that every device has is missing or unusable (LEG-DET-05); FunctionGoneError
   */
  constructor(bus: Bus, fn: FoundFunction, options: TransportOptions = {}) {
    this.tolerated = new Set(options.tolerate);
    this.waits = new Waits(bus, options);
    powerUp(bus, fn);
    const { common, notify, notifyMultiplier, isr, device } = findStructures(bus, fn);
    this.#common = new StructureAccess(bus, common);
    this.#notify = new StructureAccess(bus, notify);
    this.#multiplier = notifyMultiplier;
    this.#isr = new StructureAccess(bus, isr);
    this.#device = device === null ? null : new StructureAccess(bus, device);
    this.#interrupts = new TransportInterrupts(bus, fn, options);
    this.#hasVirtualFunctions = fn.extended.some(({ id }) => id === extendedCapabilityId.singleRootIov);
  }

  #get(register: Register): number {
    return this.#common.read(register.offset, register.width as Width);
  }

  #set(register: Register, value: number): void {
    this.#common.write(register.offset, register.width as Width, value);
  }

  get status(): number {
    return presentStatus(this.#get(commonConfig.deviceStatus));
  }

  setStatus(value: number): void {
    this.#set(commonConfig.deviceStatus, value);
  }

  reset(): void {
    resetDevice(this);
  }

  /** What the device offers, without what its structures have no room for, and SR_IOV where nothing stands behind it (RF-10). */
  readFeatures(): Uint32Array {
    const words = Uint32Array.from({ length: FEATURE_WORDS }, (_, word) => {
      this.#set(commonConfig.deviceFeatureSelect, word);
      return this.#get(commonConfig.deviceFeature);
    });
    const without = (bit: number) => {
      words[bit >> 5]! &= ~(1 << (bit & 31));
    };
    for (const { bit, register } of featureRegisters)
      if (!this.#common.holds(register.offset, register.width)) without(bit);
    if (!this.#takesNotificationData()) without(feature.notificationData);
    if (!this.#hasVirtualFunctions) without(feature.singleRootIov);
    return words;
  }

  /** PCI-NOT-06..08. */
  #takesNotificationData(): boolean {
    return (
      this.#multiplier % NOTIFICATION_DATA_BYTES === 0 &&
      this.#notify.aligned(0, NOTIFICATION_DATA_BYTES) &&
      this.#notify.holds(0, NOTIFICATION_DATA_BYTES)
    );
  }

  writeFeatures(words: Uint32Array): void {
    for (const [word, value] of words.entries()) {
      this.#set(commonConfig.driverFeatureSelect, word);
      this.#set(commonConfig.driverFeature, value);
    }
    this.#notificationData = hasFeature(words, feature.notificationData);
    this.#configData = hasFeature(words, feature.notificationConfigData);
    this.#adminQueues = hasFeature(words, feature.adminQueue);
  }

  queueSize(index: number): number {
    this.#set(commonConfig.queueSelect, index);
    return this.#get(commonConfig.queueSize);
  }

  /** @throws DeviceFailedError for numbers that no queues can have. */
  adminQueues(): readonly number[] {
    if (!this.#adminQueues) return [];
    const first = this.#get(commonConfig.adminQueueIndex);
    const count = this.#get(commonConfig.adminQueueNum);
    if (first + count > MAX_QUEUES)
      throw new DeviceFailedError(`${count} administration queues from number ${first} on (PCI-COM-16)`);
    return Array.from({ length: count }, (_, i) => first + i);
  }

  setUpQueue(index: number, size: number, place: RingPlace): void {
    this.#set(commonConfig.queueSelect, index);
    this.#set(commonConfig.queueSize, size);
    const areas = [
      [commonConfig.queueDescriptorLow, commonConfig.queueDescriptorHigh, place.descriptor],
      [commonConfig.queueDriverLow, commonConfig.queueDriverHigh, place.driver],
      [commonConfig.queueDeviceLow, commonConfig.queueDeviceHigh, place.device],
    ] as const;
    for (const [low, high, address] of areas) {
      this.#set(low, address % FOUR_GIB);
      this.#set(high, Math.floor(address / FOUR_GIB));
    }
    if (this.#interrupts.messages)
      this.#setVector(commonConfig.queueMsixVector, this.#interrupts.queueVector);
    this.#doorbells.set(index, this.#doorbell(index));
    this.#set(commonConfig.queueEnable, 1);
  }

  /** Of the selected queue. @throws DeviceFailedError when it lies outside its structure (PCI-NOT-05, PCI-NOT-09). */
  #doorbell(index: number): Doorbell {
    const offset = this.#get(commonConfig.queueNotifyOffset) * this.#multiplier;
    const bytes = this.#notificationBytes();
    if (!this.#notify.holds(offset, bytes)) {
      void this.status;
      throw new DeviceFailedError(`queue ${index} is kicked at ${offset}, outside its structure`);
    }
    if (!this.#notify.aligned(offset, bytes))
      throw new DeviceFailedError(
        `queue ${index} is kicked at ${offset}, which is no place for ${bytes} bytes`,
      );
    const name = this.#configData ? this.#get(commonConfig.queueNotifConfigData) : index;
    return { offset, name };
  }

  #notificationBytes() {
    return this.#notificationData ? NOTIFICATION_DATA_BYTES : NOTIFICATION_BYTES;
  }

  resetQueue(index: number): void {
    this.#set(commonConfig.queueSelect, index);
    this.#set(commonConfig.queueReset, 1);
    this.waits.handshake(`the end of the reset of queue ${index}`, () => {
      const running = this.#get(commonConfig.queueReset);
      if (running === QUEUE_RESET_GONE) throw new FunctionGoneError(`reset of queue ${index}`);
      return running === 0;
    });
    if (this.#get(commonConfig.queueEnable) !== 0)
      throw new DeviceFailedError(`queue ${index} is still enabled after its reset (PCI-COM-13)`);
  }

  /** PCI-MSIX-14: read back what was asked for. */
  #setVector(register: Register, vector: number): void {
    this.#set(register, vector);
    if (this.#get(register) !== NO_VECTOR) return;
    // It reads as one that is gone does.
    void this.status;
    throw new DeviceFailedError(`the device cannot map vector ${vector}`);
  }

  notify(index: number, position: number): void {
    const { offset, name } = this.#doorbells.get(index)!;
    const next = this.#notificationData ? position * 2 ** (8 * notification.next.offset) : 0;
    this.#notify.write(offset, this.#notificationBytes(), next + name);
  }

  /** @throws NoDeviceError where the device has no such field. */
  #configuration(offset: number, width: Width): StructureAccess {
    if (this.#device?.holds(offset, width)) return this.#device;
    const length = this.#device?.length ?? 0;
    throw new NoDeviceError(
      `the device has ${length} bytes of configuration, and none for ${offset} + ${width}`,
    );
  }

  readConfig(offset: number, width: Width): number {
    return this.#configuration(offset, width).read(offset, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    this.#configuration(offset, width).write(offset, width, value);
  }

  configGeneration(): number {
    return this.#get(commonConfig.configGeneration);
  }

  connect(handlers: InterruptHandlers): void {
    const readStatus = () => this.#get(commonConfig.deviceStatus);
    if (this.#interrupts.connect(handlers, () => this.#isr.read(0, 1), readStatus))
      this.#setVector(commonConfig.configMsixVector, CONFIG_VECTOR);
  }

  disconnect(): void {
    this.#interrupts.disconnect();
  }
}
