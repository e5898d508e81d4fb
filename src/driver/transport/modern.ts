import { type Bus, FOUR_GIB, type Register, type Width } from '../../core/index.ts';
import { capabilityId } from '../../pci/layout/index.ts';
import {
  commonConfig,
  FEATURE_WORDS,
  NO_VECTOR,
  notifyCapability,
  structureCapability,
  structureType,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, NoDeviceError } from '../errors.ts';
import type { FoundFunction } from '../pci.ts';
import type { RingPlace } from '../ring.ts';
import { CONFIG_VECTOR, resetDevice, TransportInterrupts } from './interrupts.ts';
import type { InterruptHandlers, Transport, TransportOptions } from './transport.ts';

/** Guest-physical address and length in bytes of a structure. */
interface Structure {
  readonly address: number;
  readonly length: number;
  /** Where its capability stands. */
  readonly capability: number;
}

/** The first usable structure of a type (PCI-CAP-08); unknown types and BARs are passed over (PCI-CAP-07, PCI-CAP-10). */
function findStructure(bus: Bus, fn: FoundFunction, type: number): Structure | null {
  for (const { id, offset: capability } of fn.capabilities) {
    if (id !== capabilityId.vendorSpecific) continue;
    const read = (register: Register) =>
      bus.configRead(fn.address, capability + register.offset, register.width as Width);
    if (read(structureCapability.structureType) !== type) continue;
    const bar = fn.bars.find(({ index }) => index === read(structureCapability.bar));
    const offset = read(structureCapability.offset);
    const length = read(structureCapability.length);
    if (bar === undefined || bar.kind === 'io' || bar.address === 0 || offset + length > bar.size) continue;
    return { address: bar.address + offset, length, capability };
  }
  return null;
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
  readonly #notifyAddresses = new Map<number, number>();
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
    this.#notifyAddresses.set(
      index,
      this.#notify.address + this.#get(commonConfig.queueNotifyOffset) * this.#multiplier,
    );
    this.#set(commonConfig.queueEnable, 1);
  }

  /** PCI-MSIX-14: read back what was asked for. */
  #setVector(register: Register, vector: number): void {
    this.#set(register, vector);
    if (this.#get(register) === NO_VECTOR)
      throw new DeviceFailedError(`the device cannot map vector ${vector}`);
  }

  notify(index: number): void {
    this.#bus.memoryWrite(this.#notifyAddresses.get(index)!, 2, index);
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
