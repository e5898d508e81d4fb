import { type Bus, maskOf, type Register, type Width } from '../../core/index.ts';
import {
  FEATURE_WORDS,
  LEGACY_BAR,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  LEGACY_REVISION,
  legacyHeader,
  legacyVectors,
  NO_VECTOR,
  QUEUE_ADDRESS_UNIT,
  TRANSITIONAL_ID_RANGE,
  VIRTIO_VENDOR_ID,
} from '../../virtio/layout/index.ts';
import { DeviceFailedError, NoDeviceError, ResourceError, WrongIdsError } from '../errors.ts';
import { assertPresent, type FoundFunction } from '../pci.ts';
import { powerUp } from '../power.ts';
import type { RingPlace } from '../ring.ts';
import { Waits } from '../waits.ts';
import { CONFIG_VECTOR, presentStatus, resetDevice, TransportInterrupts } from './interrupts.ts';
import type { DeviceDeviation, InterruptHandlers, Transport, TransportOptions } from './transport.ts';

/** Where the legacy block stands, and how it is reached. */
export interface BlockAccess {
  readonly name: 'legacy' | 'native-mmr';
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
  /** Vector registers always stand in the block (a draft's alternative). */
  readonly fixedVectors: boolean;
}

/**
 * BAR0 of a function that a legacy driver may take: its ids are transitional, its revision 0. A block in a memory BAR, where it
 * has no business (LEG-DET-01), is taken as it is, as most legacy drivers do.
 * @throws WrongIdsError (LEG-ID-01, LEG-ID-03); NoDeviceError without a BAR0 that has an address and holds the header
 */
export function legacyAccess(bus: Bus, fn: FoundFunction): BlockAccess {
  const { first, last } = TRANSITIONAL_ID_RANGE;
  const own = fn.vendorId === VIRTIO_VENDOR_ID && fn.deviceId >= first && fn.deviceId <= last;
  if (!own || fn.revisionId !== LEGACY_REVISION)
    throw new WrongIdsError(
      fn,
      `${VIRTIO_VENDOR_ID.toString(16)}:${first.toString(16)} to ${last.toString(16)}, revision ${LEGACY_REVISION}`,
    );
  const bar = fn.bars.find(({ index }) => index === LEGACY_BAR);
  if (bar === undefined || bar.address === 0 || bar.size < LEGACY_CONFIG_OFFSET) {
    assertPresent(bus, fn);
    throw new NoDeviceError(
      `a legacy driver wants a BAR0 with an address and ${LEGACY_CONFIG_OFFSET} bytes at least (LEG-DET-01)`,
    );
  }
  const { address } = bar;
  const block = { name: 'legacy', fixedVectors: false } as const;
  return bar.kind === 'io'
    ? {
        ...block,
        read: (offset, width) => bus.ioRead(address + offset, width),
        write: (offset, width, value) => bus.ioWrite(address + offset, width, value),
      }
    : {
        ...block,
        read: (offset, width) => bus.memoryRead(address + offset, width),
        write: (offset, width, value) => bus.memoryWrite(address + offset, width, value),
      };
}

/** A byte-swapped field, for guests whose configuration is not little-endian. */
export function swapBytes(value: number, width: Width): number {
  if (width === 1) return value;
  if (width === 2) return ((value & 0xff) << 8) | (value >>> 8);
  const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

/** The legacy interface, over whatever reaches its block. */
export class LegacyTransport implements Transport {
  readonly name: 'legacy' | 'native-mmr';
  readonly ringLayout = 'legacy';
  readonly modern = false;
  readonly littleEndian: boolean;
  readonly tolerated: ReadonlySet<DeviceDeviation>;
  readonly waits: Waits;
  readonly #access: BlockAccess;
  readonly #interrupts: TransportInterrupts;

  constructor(bus: Bus, fn: FoundFunction, access: BlockAccess, options: TransportOptions = {}) {
    this.#access = access;
    powerUp(bus, fn);
    this.tolerated = new Set(options.tolerate);
    this.waits = new Waits(bus, options);
    this.name = access.name;
    this.littleEndian = options.bigEndian !== true;
    this.#interrupts = new TransportInterrupts(bus, fn, options);
  }

  #get(register: Register): number {
    return this.#access.read(register.offset, register.width as Width);
  }

  #set(register: Register, value: number): void {
    this.#access.write(register.offset, register.width as Width, value);
  }

  get status(): number {
    return presentStatus(this.#get(legacyHeader.deviceStatus));
  }

  setStatus(value: number): void {
    this.#set(legacyHeader.deviceStatus, value);
  }

  reset(): void {
    resetDevice(this);
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

  adminQueues(): readonly number[] {
    return [];
  }

  /** @throws ResourceError for a ring whose page has no number here: 0 stands for no queue (LEG-VQ-02). */
  setUpQueue(index: number, _size: number, place: RingPlace): void {
    const page = place.descriptor / QUEUE_ADDRESS_UNIT;
    if (!Number.isInteger(page) || page <= 0 || page > maskOf(legacyHeader.queueAddress.width))
      throw new ResourceError(
        `a ring at 0x${place.descriptor.toString(16)}: wants page 1 to 2^32 - 1 of ${QUEUE_ADDRESS_UNIT} bytes`,
      );
    this.#set(legacyHeader.queueSelect, index);
    if (this.#get(legacyHeader.queueAddress) !== 0) {
      void this.status;
      throw new DeviceFailedError(`queue ${index} is in use already`);
    }
    this.#set(legacyHeader.queueAddress, page);
    if (this.#interrupts.messages)
      this.#setVector(legacyVectors.queueMsixVector, this.#interrupts.queueVector);
  }

  resetQueue(index: number): never {
    throw new DeviceFailedError(`queue ${index}: the legacy interface resets whole devices only`);
  }

  /** PCI-MSIX-14: read back what was asked for. */
  #setVector(register: Register, vector: number): void {
    this.#set(register, vector);
    if (this.#get(register) !== NO_VECTOR) return;
    // It reads as one that is gone does.
    void this.status;
    throw new DeviceFailedError(`the device cannot map vector ${vector}`);
  }

  notify(index: number): void {
    this.#set(legacyHeader.queueNotify, index);
  }

  #configAt(): number {
    return this.#interrupts.messages || this.#access.fixedVectors
      ? LEGACY_CONFIG_OFFSET_MSIX
      : LEGACY_CONFIG_OFFSET;
  }

  readConfig(offset: number, width: Width): number {
    const value = this.#access.read(this.#configAt() + offset, width);
    return this.littleEndian ? value : swapBytes(value, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    const cut = (value & maskOf(width)) >>> 0;
    this.#access.write(this.#configAt() + offset, width, this.littleEndian ? cut : swapBytes(cut, width));
  }

  configGeneration(): null {
    return null;
  }

  connect(handlers: InterruptHandlers): void {
    const readStatus = () => this.#get(legacyHeader.deviceStatus);
    if (this.#interrupts.connect(handlers, () => this.#get(legacyHeader.isrStatus), readStatus))
      this.#setVector(legacyVectors.configMsixVector, CONFIG_VECTOR);
  }

  disconnect(): void {
    this.#interrupts.disconnect();
  }
}
