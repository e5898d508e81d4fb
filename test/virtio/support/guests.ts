import {
  DmaDomain,
  type DmaWindow,
  type LabEvent,
  type Register,
  type RegisterMap,
  type Width,
} from '../../../src/core/index.ts';
import { type FoundFunction, runFirmware } from '../../../src/driver/index.ts';
import type { Machine, MachineOptions } from '../../../src/pci/index.ts';
import {
  commonConfig,
  type DeviceBehaviour,
  deviceStatus,
  legacyHeaderWithVectors,
  structureCapability,
  type VirtioFunction,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { configOf, interruptsIn, SLOT, smallMachine, watch } from '../../pci/support.ts';
import { legacyParts, type Parts, RawRing } from './ring.ts';

/** First page of the first ring that a guest sets up; one ring takes up to 16 pages. */
const FIRST_PAGE = 0x10;
const RING_PAGES = 0x10;
/** Free for buffers. */
export const BUFFERS = 0x80000;

export interface GuestOptions extends Partial<VirtioFunctionOptions> {
  readonly machine?: Omit<MachineOptions, 'ram'>;
  /** What the function may reach; by default all RAM. */
  readonly windows?: readonly DmaWindow[];
  /** What else is done to the function before it is plugged in. */
  readonly before?: (fn: VirtioFunction) => void;
}

/** A machine with one virtio function in it, its BARs assigned, bus mastering on. */
export class Guest {
  readonly machine: Machine;
  readonly function: VirtioFunction;
  readonly found: FoundFunction;
  readonly events: LabEvent[];
  readonly config: ReturnType<typeof configOf>;
  readonly little: boolean;

  constructor(behaviour: DeviceBehaviour, options: GuestOptions = {}) {
    this.machine = smallMachine(options.machine ?? {});
    this.function = virtioFunction(behaviour, { kind: 'transitional', ...options });
    options.before?.(this.function);
    this.machine.plug(this.function.pci, SLOT, new DmaDomain(this.machine.ram, options.windows));
    this.found = runFirmware(this.machine).find(({ address }) => address === SLOT)!;
    this.config = configOf(this.machine);
    this.config.command(0x7);
    this.events = watch(this.machine);
    this.little = options.guestEndian !== 'big';
  }

  get device() {
    return this.function.device;
  }

  /** Address of a BAR that was assigned. */
  bar(index: number): number {
    return this.found.bars.find((bar) => bar.index === index)!.address;
  }

  /** Clauses that were reported since the last call. */
  clauses(): string[] {
    const clauses = this.events.flatMap((event) => (event.kind === 'finding' ? [event.clause] : []));
    this.events.length = 0;
    return clauses;
  }

  /** Interrupts since the last call, as `line 11 up` or `message 3`. */
  interrupts(): string[] {
    const seen = interruptsIn(this.events);
    this.events.length = 0;
    return seen;
  }

  /** Enables MSI-X with every vector aimed at the machine and unmasked; messages are `message <vector>`. */
  enableMsix(): void {
    const at = this.found.capabilities.find(({ id }) => id === 0x11)!.offset;
    const { vectors } = this.function.pci.msix!;
    for (let vector = 0; vector < vectors; vector++) {
      const entry = this.bar(1) + 16 * vector;
      this.machine.memoryWrite(entry, 4, 0xfee00000);
      this.machine.memoryWrite(entry + 8, 4, vector);
      this.machine.memoryWrite(entry + 12, 4, 0);
    }
    this.config.write(at + 2, 2, 0x8000);
  }

  disableMsix(): void {
    this.config.write(this.found.capabilities.find(({ id }) => id === 0x11)!.offset + 2, 2, 0);
  }
}

/** Accesses to a block of registers by name, with each register's own width. */
class Registers<M extends RegisterMap> {
  readonly #map: M;
  readonly #read: (offset: number, width: Width) => number;
  readonly #write: (offset: number, width: Width, value: number) => void;

  constructor(
    map: M,
    read: (offset: number, width: Width) => number,
    write: (offset: number, width: Width, value: number) => void,
  ) {
    this.#map = map;
    this.#read = read;
    this.#write = write;
  }

  get(name: keyof M): number {
    const { offset, width } = this.#map[name] as Register;
    return this.#read(offset, width as Width);
  }

  set(name: keyof M, value: number): void {
    const { offset, width } = this.#map[name] as Register;
    this.#write(offset, width as Width, value);
  }

  /** Any bytes, whatever register they belong to. */
  readAt = (offset: number, width: Width) => this.#read(offset, width);
  writeAt = (offset: number, width: Width, value: number) => this.#write(offset, width, value);
}

/** Drives a function by its legacy block, step by step. */
export class LegacyGuest extends Guest {
  /** What its driver breaks by a request of the wrong shape, where no clause is about that alone. */
  readonly shapeClause: string = 'LEG-FEAT-04';
  readonly block = new Registers(
    legacyHeaderWithVectors,
    (offset, width) => this.machine.ioRead(this.bar(0) + offset, width),
    (offset, width, value) => this.machine.ioWrite(this.bar(0) + offset, width, value),
  );

  /** Status 3, features, the queues, status 7. @returns the rings by queue number. */
  start(features = 0, queues: readonly number[] = [0]): RawRing[] {
    this.block.set('deviceStatus', deviceStatus.acknowledge | deviceStatus.driver);
    this.block.set('driverFeatures', features);
    const rings = queues.map((queue) => this.setUp(queue));
    this.block.set('deviceStatus', deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.driverOk);
    return rings;
  }

  /** Gives the device a queue's page. */
  setUp(queue: number, page = FIRST_PAGE + RING_PAGES * queue): RawRing {
    this.block.set('queueSelect', queue);
    const size = this.block.get('queueSize');
    this.block.set('queueAddress', page);
    return new RawRing(this.machine.ram, size, legacyParts(page, size), this.little);
  }

  kick(queue = 0): void {
    this.block.set('queueNotify', queue);
  }

  isr(): number {
    return this.block.get('isrStatus');
  }
}

/** Drives a function by its modern structures, step by step. */
export class ModernGuest extends Guest {
  /** What its driver breaks by a request of the wrong shape, where no clause is about that alone. */
  readonly shapeClause: string = 'CONF-01';
  readonly block = new Registers(
    commonConfig,
    (offset, width) => this.machine.memoryRead(this.bar(4) + offset, width),
    (offset, width, value) => this.machine.memoryWrite(this.bar(4) + offset, width, value),
  );

  /** Address of the structure of that type. */
  structure(type: number): number {
    const { offset } = this.found.capabilities.find(
      ({ id, offset }) =>
        id === 0x09 && this.config.read(offset + structureCapability.structureType.offset, 1) === type,
    )!;
    return this.bar(4) + this.config.read(offset + structureCapability.offset.offset, 4);
  }

  /** Accepts features (VERSION_1 always) and sets FEATURES_OK. @returns status. */
  negotiate(features: readonly number[] = [], version1 = true): number {
    const { block } = this;
    block.set('deviceStatus', deviceStatus.acknowledge);
    block.set('deviceStatus', deviceStatus.acknowledge | deviceStatus.driver);
    for (const word of [0, 1]) {
      let bits = word === 1 && version1 ? 1 : 0;
      for (const bit of features) if (bit >> 5 === word) bits |= 1 << (bit & 31);
      block.set('driverFeatureSelect', word);
      block.set('driverFeature', bits >>> 0);
    }
    block.set('deviceStatus', deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.featuresOk);
    return block.get('deviceStatus');
  }

  /** Negotiates, sets the queues up, sets DRIVER_OK. @returns the rings by queue number. */
  start(features: readonly number[] = [], queues: readonly number[] = [0], size?: number): RawRing[] {
    this.negotiate(features);
    const rings = queues.map((queue) => this.setUp(queue, size));
    this.block.set('deviceStatus', this.block.get('deviceStatus') | deviceStatus.driverOk);
    return rings;
  }

  setUp(queue: number, wanted?: number, parts?: Parts): RawRing {
    const { block } = this;
    block.set('queueSelect', queue);
    if (wanted !== undefined) block.set('queueSize', wanted);
    const size = block.get('queueSize');
    const place = parts ?? legacyParts(FIRST_PAGE + RING_PAGES * queue, size);
    const halves = (low: keyof typeof commonConfig, high: keyof typeof commonConfig, address: number) => {
      block.set(low, address % 2 ** 32);
      block.set(high, Math.floor(address / 2 ** 32));
    };
    halves('queueDescriptorLow', 'queueDescriptorHigh', place.descriptor);
    halves('queueDriverLow', 'queueDriverHigh', place.driver);
    halves('queueDeviceLow', 'queueDeviceHigh', place.device);
    block.set('queueEnable', 1);
    return new RawRing(this.machine.ram, size, place);
  }

  kick(queue = 0): void {
    this.machine.memoryWrite(this.structure(2) + 4 * queue, 2, queue);
  }

  isr(): number {
    return this.machine.memoryRead(this.structure(3), 1);
  }
}
