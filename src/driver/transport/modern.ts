import { type Bus, FOUR_GIB, type Register, type Width } from '../../core/index.ts';
import {
  commonConfig,
  FEATURE_WORDS,
  feature,
  hasFeature,
  NO_VECTOR,
  NOTIFICATION_BYTES,
  NOTIFICATION_DATA_BYTES,
  notification,
  notifyCapability,
  structureType,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, NoDeviceError } from '../errors.ts';
import type { FoundFunction } from '../pci.ts';
import type { RingPlace } from '../ring.ts';
import { CONFIG_VECTOR, resetDevice, TransportInterrupts } from './interrupts.ts';
import { findStructure, type Structure } from './structures.ts';
import {
  type InterruptHandlers,
  MAX_RESET_READS,
  type Transport,
  type TransportOptions,
} from './transport.ts';

/** Where a queue is kicked, and by what name. */
interface Doorbell {
  readonly address: number;
  readonly name: number;
}

/** The virtio 1.x interface. */
export class ModernTransport implements Transport {
  readonly name = 'modern';
  readonly ringLayout = 'separate';
  readonly modern = true;
  readonly littleEndian = true;
  readonly #bus: Bus;
  readonly #common: Structure;
  readonly #notify: Structure;
  readonly #isr: Structure;
  readonly #device: Structure | null;
  readonly #multiplier: number;
  readonly #doorbells = new Map<number, Doorbell>();
  #notificationData = false;
  #configData = false;
  readonly #interrupts: TransportInterrupts;

  /** @throws NoDeviceError when a structure that every device has is missing (LEG-DET-05). */
  constructor(bus: Bus, fn: FoundFunction, options: TransportOptions = {}) {
    const need = (type: keyof typeof structureType) => {
      const found = findStructure(bus, fn, structureType[type]);
      if (found === null) throw new NoDeviceError(`the function has no ${type} structure: a legacy device?`);
      return found;
    };
    this.#bus = bus;
    this.#common = need('common');
    this.#notify = need('notify');
    this.#isr = need('isr');
    this.#device = findStructure(bus, fn, structureType.device);
    this.#multiplier = bus.configRead(
      fn.address,
      this.#notify.capability + notifyCapability.notifyOffMultiplier.offset,
      4,
    );
    this.#interrupts = new TransportInterrupts(bus, fn, options);
  }

  #get(register: Register): number {
    return this.#bus.memoryRead(this.#common.address + register.offset, register.width as Width);
  }

  #set(register: Register, value: number): void {
    this.#bus.memoryWrite(this.#common.address + register.offset, register.width as Width, value);
  }

  get status(): number {
    return this.#get(commonConfig.deviceStatus);
  }

  setStatus(value: number): void {
    this.#set(commonConfig.deviceStatus, value);
  }

  reset(): void {
    resetDevice(this);
  }

  readFeatures(): Uint32Array {
    return Uint32Array.from({ length: FEATURE_WORDS }, (_, word) => {
      this.#set(commonConfig.deviceFeatureSelect, word);
      return this.#get(commonConfig.deviceFeature);
    });
  }

  writeFeatures(words: Uint32Array): void {
    for (const [word, value] of words.entries()) {
      this.#set(commonConfig.driverFeatureSelect, word);
      this.#set(commonConfig.driverFeature, value);
    }
    this.#notificationData = hasFeature(words, feature.notificationData);
    this.#configData = hasFeature(words, feature.notificationConfigData);
  }

  queueSize(index: number): number {
    this.#set(commonConfig.queueSelect, index);
    return this.#get(commonConfig.queueSize);
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
    if (offset + this.#notificationBytes > this.#notify.length)
      throw new DeviceFailedError(`queue ${index} is kicked at ${offset}, outside its structure`);
    const name = this.#configData ? this.#get(commonConfig.queueNotifConfigData) : index;
    return { address: this.#notify.address + offset, name };
  }

  get #notificationBytes() {
    return this.#notificationData ? NOTIFICATION_DATA_BYTES : NOTIFICATION_BYTES;
  }

  resetQueue(index: number): void {
    this.#set(commonConfig.queueSelect, index);
    this.#set(commonConfig.queueReset, 1);
    for (let reads = 0; this.#get(commonConfig.queueReset) !== 0; reads++)
      if (reads === MAX_RESET_READS)
        throw new DeviceFailedError(`the device does not finish the reset of queue ${index}`);
    if (this.#get(commonConfig.queueEnable) !== 0)
      throw new DeviceFailedError(`queue ${index} is still enabled after its reset (PCI-COM-13)`);
  }

  /** PCI-MSIX-14: read back what was asked for. */
  #setVector(register: Register, vector: number): void {
    this.#set(register, vector);
    if (this.#get(register) === NO_VECTOR)
      throw new DeviceFailedError(`the device cannot map vector ${vector}`);
  }

  notify(index: number, position: number): void {
    const { address, name } = this.#doorbells.get(index)!;
    const next = this.#notificationData ? position * 2 ** (8 * notification.next.offset) : 0;
    this.#bus.memoryWrite(address, this.#notificationBytes, next + name);
  }

  readConfig(offset: number, width: Width): number {
    if (this.#device === null) throw new NoDeviceError('the device has no configuration structure');
    return this.#bus.memoryRead(this.#device.address + offset, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    if (this.#device === null) throw new NoDeviceError('the device has no configuration structure');
    this.#bus.memoryWrite(this.#device.address + offset, width, value);
  }

  configGeneration(): number {
    return this.#get(commonConfig.configGeneration);
  }

  connect(handlers: InterruptHandlers): void {
    if (this.#interrupts.connect(handlers, () => this.#bus.memoryRead(this.#isr.address, 1)))
      this.#setVector(commonConfig.configMsixVector, CONFIG_VECTOR);
  }

  disconnect(): void {
    this.#interrupts.disconnect();
  }
}
