import { type Bus, maskOf, type Register, type Width } from '../../core/index.ts';
import { command } from '../../pci/layout/index.ts';
import {
  FEATURE_WORDS,
  isrStatus,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyVectors,
  NO_VECTOR,
  QUEUE_ADDRESS_UNIT,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, NoDeviceError } from '../errors.ts';
import { DriverMsix } from '../msix.ts';
import { type FoundFunction, setCommand } from '../pci.ts';
import type { RingPlace } from '../split-ring.ts';
import {
  type InterruptHandlers,
  MAX_RESET_READS,
  type Transport,
  type TransportOptions,
} from './transport.ts';

/** Where the legacy block stands, and how it is reached. */
export interface BlockAccess {
  readonly name: 'legacy' | 'native-mmr';
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
  /** Vector registers always stand in the block (a draft's alternative). */
  readonly fixedVectors: boolean;
}

/** Ports of BAR0. */
export function portAccess(bus: Bus, fn: FoundFunction): BlockAccess {
  const bar = fn.bars.find(({ index, kind }) => index === 0 && kind === 'io');
  if (bar === undefined || bar.address === 0)
    throw new NoDeviceError('a legacy driver wants an I/O BAR0 with an address (LEG-DET-01)');
  return {
    name: 'legacy',
    fixedVectors: false,
    read: (offset, width) => bus.ioRead(bar.address + offset, width),
    write: (offset, width, value) => bus.ioWrite(bar.address + offset, width, value),
  };
}

/** A byte-swapped field, for guests whose configuration is not little-endian. */
export function swapBytes(value: number, width: Width): number {
  if (width === 1) return value;
  if (width === 2) return ((value & 0xff) << 8) | (value >>> 8);
  const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

const CONFIG_VECTOR = 0;
const QUEUE_VECTOR = 1;

/** The legacy interface, over whatever reaches its block. */
export class LegacyTransport implements Transport {
  readonly name: 'legacy' | 'native-mmr';
  readonly ringLayout = 'legacy';
  readonly modern = false;
  readonly littleEndian: boolean;
  readonly #bus: Bus;
  readonly #fn: FoundFunction;
  readonly #access: BlockAccess;
  readonly #msix: DriverMsix | null;
  #msixOn = false;
  #disconnectLine: (() => void) | null = null;

  constructor(bus: Bus, fn: FoundFunction, access: BlockAccess, options: TransportOptions = {}) {
    this.#bus = bus;
    this.#fn = fn;
    this.#access = access;
    this.name = access.name;
    this.littleEndian = options.bigEndian !== true;
    const msix = DriverMsix.find(bus, fn);
    // Whoever had the function before may have left MSI-X on, and INTx off with it.
    msix?.disable();
    this.#msix = options.intx === true ? null : msix;
    setCommand(bus, fn.address, command.busMaster, command.interruptDisable);
  }

  #get(register: Register): number {
    return this.#access.read(register.offset, register.width as Width);
  }

  #set(register: Register, value: number): void {
    this.#access.write(register.offset, register.width as Width, value);
  }

  get status(): number {
    return this.#get(legacyHeader.deviceStatus);
  }

  setStatus(value: number): void {
    this.#set(legacyHeader.deviceStatus, value);
  }

  reset(): void {
    this.setStatus(0);
    for (let reads = 0; reads < MAX_RESET_READS; reads++) if (this.status === 0) return;
    throw new DeviceFailedError(`the device does not finish its reset: status ${this.status}`);
  }

  readFeatures(): Uint32Array {
    const words = new Uint32Array(FEATURE_WORDS);
    words[0] = this.#get(legacyHeader.deviceFeatures);
    return words;
  }

  writeFeatures(words: Uint32Array): void {
    this.#set(legacyHeader.driverFeatures, words[0]!);
  }

  queueSize(index: number): number {
    this.#set(legacyHeader.queueSelect, index);
    return this.#get(legacyHeader.queueSize);
  }

  setUpQueue(index: number, _size: number, place: RingPlace): void {
    this.#set(legacyHeader.queueSelect, index);
    if (this.#get(legacyHeader.queueAddress) !== 0)
      throw new DeviceFailedError(`queue ${index} is in use already`);
    this.#set(legacyHeader.queueAddress, place.descriptor / QUEUE_ADDRESS_UNIT);
    if (this.#msixOn)
      this.#setVector(legacyVectors.queueMsixVector, Math.min(QUEUE_VECTOR, this.#msix!.vectors - 1));
  }

  /** PCI-MSIX-14: read back what was asked for. */
  #setVector(register: Register, vector: number): void {
    this.#set(register, vector);
    if (this.#get(register) === NO_VECTOR)
      throw new DeviceFailedError(`the device cannot map vector ${vector}`);
  }

  notify(index: number): void {
    this.#set(legacyHeader.queueNotify, index);
  }

  get #configAt(): number {
    return this.#msixOn || this.#access.fixedVectors ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
  }

  readConfig(offset: number, width: Width): number {
    const value = this.#access.read(this.#configAt + offset, width);
    return this.littleEndian ? value : swapBytes(value, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    const cut = (value & maskOf(width)) >>> 0;
    this.#access.write(this.#configAt + offset, width, this.littleEndian ? cut : swapBytes(cut, width));
  }

  configGeneration(): null {
    return null;
  }

  connect(handlers: InterruptHandlers): void {
    if (this.#msix !== null && this.#msix.vectors > 1) {
      this.#msix.enable([handlers.config, handlers.queue]);
      this.#msixOn = true;
      this.#setVector(legacyVectors.configMsixVector, CONFIG_VECTOR);
      return;
    }
    this.#disconnectLine = this.#bus.interrupts.connectLine(this.#fn.interruptLine, () => {
      const isr = this.#get(legacyHeader.isrStatus);
      if ((isr & isrStatus.queue) !== 0) handlers.queue();
      if ((isr & isrStatus.configuration) !== 0) handlers.config();
      return isr !== 0;
    });
  }

  disconnect(): void {
    if (this.#msixOn) this.#msix!.disable();
    this.#msixOn = false;
    this.#disconnectLine?.();
    this.#disconnectLine = null;
  }
}
