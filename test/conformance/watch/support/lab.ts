import { DriverWatch, type WatchOptions } from '../../../../src/conformance/watch/index.ts';
import type { Bus, GuestMemory, Register, RegisterMap, Width } from '../../../../src/core/index.ts';
import { type FoundFunction, findFunction, runFirmware, setCommand } from '../../../../src/driver/index.ts';
import { Machine } from '../../../../src/pci/index.ts';
import { type AccessPlace, placesOf, tap } from '../../../../src/trace/index.ts';
import {
  commonConfig,
  type DeviceBehaviour,
  type FunctionKind,
  feature,
  featureWords,
  legacyHeader,
  legacyRingLayout,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';

export interface LabOptions {
  readonly kind?: FunctionKind;
  readonly speaks?: 'legacy' | 'modern';
  /** Features that the driver accepts, VERSION_1 beside them where it is a modern one. */
  readonly features?: readonly number[];
  /** Queues that are set up. */
  readonly queues?: readonly number[];
  readonly size?: number;
  readonly fn?: Partial<VirtioFunctionOptions>;
  readonly watch?: WatchOptions;
  /** Nothing is done before the script. */
  readonly bare?: boolean;
}

/** A buffer of a chain: bytes that the device reads, or so many that it writes. */
export interface LabBuffer {
  readonly bytes?: readonly number[] | Uint8Array;
  readonly length?: number;
  readonly write?: boolean;
  readonly address?: number;
  /** Flags instead of those that belong there, and the next descriptor. */
  readonly flags?: number;
  readonly next?: number;
}

/** What functions offer here beside what their type does. */
export const OFFERED: readonly number[] = [
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
  feature.ringPacked,
  feature.inOrder,
  feature.orderPlatform,
  feature.notificationData,
  feature.notificationConfigData,
  feature.ringReset,
  feature.suspend,
];

const RINGS = 0x100000;
const RING_ROOM = 0x10000;
const BUFFERS = 0x300000;
const ROOM = 0x20000;
const F = { next: 1, write: 2, indirect: 4 } as const;

export const le16 = (value: number) => [value & 0xff, value >>> 8];
export const le32 = (value: number) => [...le16(value & 0xffff), ...le16(value >>> 16)];
export const le64 = (value: number) => [...le32(value % 2 ** 32), ...le32(Math.floor(value / 2 ** 32))];
export const be16 = (value: number) => le16(value).reverse();
export const be32 = (value: number) => le32(value).reverse();
export const zeros = (length: number): number[] => new Array(length).fill(0);

/** A driver that does one thing after the other as it is told, by registers and descriptors, and is watched. */
export class Lab {
  readonly machine: Machine;
  readonly bus: Bus;
  readonly fn: FoundFunction;
  readonly watch: DriverWatch;
  readonly ram: GuestMemory;
  readonly speaks: 'legacy' | 'modern';
  readonly options: LabOptions;
  readonly behaviour: DeviceBehaviour;
  readonly #places: readonly AccessPlace[];
  readonly sizes = new Map<number, number>();
  readonly #available = new Map<number, number>();
  readonly #nextSlot = new Map<number, number>();
  #buffer = BUFFERS;
  packed = false;

  constructor(behaviour: DeviceBehaviour, options: LabOptions = {}) {
    this.options = options;
    this.behaviour = behaviour;
    this.speaks = options.speaks ?? 'modern';
    this.machine = new Machine();
    const kind = options.kind ?? (this.speaks === 'legacy' ? 'legacy' : 'modern');
    const offered = this.speaks === 'modern' ? { transportFeatures: OFFERED } : {};
    this.machine.plug(virtioFunction(behaviour, { ...offered, ...options.fn, kind }).pci, SLOT);
    runFirmware(this.machine);
    this.#places = placesOf(this.machine);
    this.ram = this.machine.ram;
    this.watch = new DriverWatch({ ram: this.ram, config: this.machine, ...options.watch });
    this.bus = tap(this.machine, this.watch.sink);
    this.fn = findFunction(this.machine, SLOT)!;
    if (options.bare === true) return;
    setCommand(this.bus, SLOT, 4, 0);
    this.bringUp();
  }

  /** The rules that were broken. */
  get broken(): string[] {
    return this.watch.finish().findings.map(({ rule }) => rule);
  }

  place(structure: string): AccessPlace {
    const found = this.#places.find(({ target }) => target.endsWith(` ${structure}`));
    if (found === undefined) throw new Error(`no structure ${structure}`);
    return found;
  }

  at(structure: string, offset: number, width: Width, value?: number): number {
    const { space, start } = this.place(structure);
    const address = start + offset;
    if (value === undefined)
      return space === 'io' ? this.bus.ioRead(address, width) : this.bus.memoryRead(address, width);
    if (space === 'io') this.bus.ioWrite(address, width, value);
    else this.bus.memoryWrite(address, width, value);
    return 0;
  }

  #register(map: RegisterMap, name: string): Register {
    const found = map[name];
    if (found === undefined) throw new Error(`no register ${name}`);
    return found;
  }

  /** A register of the header or the common configuration, by name. */
  set(name: string, value: number, width?: Width): void {
    const legacy = this.speaks === 'legacy';
    const { offset, width: own } = this.#register(legacy ? legacyHeader : commonConfig, name);
    this.at(legacy ? 'legacy' : 'common', offset, width ?? (own as Width), value);
  }

  get(name: string, width?: Width): number {
    const legacy = this.speaks === 'legacy';
    const { offset, width: own } = this.#register(legacy ? legacyHeader : commonConfig, name);
    return this.at(legacy ? 'legacy' : 'common', offset, width ?? (own as Width));
  }

  /** Device configuration, MSI-X being off. */
  config(offset: number, width: Width, value?: number): number {
    return this.speaks === 'legacy'
      ? this.at('legacy', 20 + offset, width, value)
      : this.at('device', offset, width, value);
  }

  status(value: number): void {
    this.set('deviceStatus', value);
  }

  reset(): void {
    this.status(0);
    this.get('deviceStatus');
  }

  negotiate(features = this.options.features ?? []): void {
    if (this.speaks === 'legacy') {
      this.get('deviceFeatures');
      this.set('driverFeatures', featureWords(features)[0]!);
      return;
    }
    const words = featureWords([feature.version1, ...features]);
    for (let word = 0; word < 4; word++) {
      this.set('deviceFeatureSelect', word);
      this.get('deviceFeature');
    }
    for (const [word, value] of words.entries()) {
      this.set('driverFeatureSelect', word);
      this.set('driverFeature', value);
    }
  }

  /** Everything up to FEATURES_OK, read back; of a legacy driver up to its features. */
  toFeatures(): void {
    this.reset();
    this.status(1);
    this.status(3);
    this.negotiate();
    this.packed = (this.options.features ?? []).includes(feature.ringPacked);
    if (this.speaks === 'legacy') return;
    this.status(11);
    this.get('deviceStatus');
  }

  bringUp(): void {
    this.toFeatures();
    for (const queue of this.options.queues ?? [0]) this.setUp(queue);
    this.status(this.speaks === 'legacy' ? 7 : 15);
  }

  areas(queue: number): [number, number, number] {
    const base = RINGS + RING_ROOM * queue;
    const size = this.sizes.get(queue)!;
    if (this.speaks === 'legacy') {
      const { available, used } = legacyRingLayout(size);
      return [base, base + available, base + used];
    }
    return [base, base + 0x4000, base + 0x8000];
  }

  setUp(
    queue: number,
    { enable = true, areas }: { enable?: boolean; areas?: [number, number, number] } = {},
  ): void {
    this.set('queueSelect', queue);
    const offered = this.get('queueSize');
    const size = this.speaks === 'legacy' ? offered : Math.min(offered, this.options.size ?? 16);
    this.sizes.set(queue, size);
    this.#available.set(queue, 0);
    this.#nextSlot.set(queue, 0);
    this.ram.fill(RINGS + RING_ROOM * queue, RING_ROOM, 0);
    const [descriptor, driver, device] = areas ?? this.areas(queue);
    if (this.speaks === 'legacy') {
      this.set('queueAddress', descriptor / 4096);
      return;
    }
    this.set('queueSize', size);
    this.set('queueDescriptorLow', descriptor);
    this.set('queueDescriptorHigh', 0);
    this.set('queueDriverLow', driver);
    this.set('queueDriverHigh', 0);
    this.set('queueDeviceLow', device);
    this.set('queueDeviceHigh', 0);
    this.get('queueNotifyOffset');
    if (enable) this.set('queueEnable', 1);
  }

  view(address: number): DataView {
    const { view, start, bytes } = this.ram.find(address, 1)!;
    return new DataView(view.buffer, bytes.byteOffset + address - start);
  }

  /** Memory for a buffer, with bytes in it. */
  memory({ bytes, length = 0, address }: LabBuffer): { address: number; length: number } {
    const size = bytes?.length ?? length;
    const at = address ?? this.#buffer;
    if (address === undefined) this.#buffer += Math.ceil((size + 1) / 4096) * 4096;
    if (this.#buffer > BUFFERS + ROOM * 0x100) this.#buffer = BUFFERS;
    if (bytes !== undefined && this.ram.find(at, size) !== undefined)
      this.ram.write(at, Uint8Array.from(bytes));
    return { address: at, length: size };
  }

  /** Writes a descriptor of a split table. */
  describe(table: number, index: number, address: number, length: number, flags: number, next: number): void {
    const view = this.view(table + 16 * index);
    view.setUint32(0, address % 2 ** 32, true);
    view.setUint32(4, Math.floor(address / 2 ** 32), true);
    view.setUint32(8, length, true);
    view.setUint16(12, flags, true);
    view.setUint16(14, next, true);
  }

  /** Makes a chain available and kicks. @returns its head */
  post(queue: number, buffers: readonly LabBuffer[], kick = true): number {
    return this.packed ? this.#postPacked(queue, buffers, kick) : this.#postSplit(queue, buffers, kick);
  }

  #postSplit(queue: number, buffers: readonly LabBuffer[], kick: boolean): number {
    const size = this.sizes.get(queue)!;
    const [table] = this.areas(queue);
    const head = this.#nextSlot.get(queue)!;
    for (const [i, buffer] of buffers.entries()) {
      const { address, length } = this.memory(buffer);
      const last = i === buffers.length - 1;
      const flags = buffer.flags ?? (buffer.write ? F.write : 0) | (last ? 0 : F.next);
      this.describe(
        table,
        (head + i) % size,
        address,
        buffer.length ?? length,
        flags,
        buffer.next ?? (last ? 0 : (head + i + 1) % size),
      );
    }
    this.#nextSlot.set(queue, (head + buffers.length) % size);
    this.offer(queue, head);
    if (kick) this.kick(queue);
    return head;
  }

  /** Puts a head into the available ring. */
  offer(queue: number, head: number): void {
    const [, driver] = this.areas(queue);
    const index = this.#available.get(queue)!;
    this.view(driver).setUint16(4 + 2 * (index % this.sizes.get(queue)!), head, true);
    this.view(driver).setUint16(2, (index + 1) & 0xffff, true);
    this.#available.set(queue, (index + 1) & 0xffff);
  }

  #postPacked(queue: number, buffers: readonly LabBuffer[], kick: boolean): number {
    const size = this.sizes.get(queue)!;
    const [ring] = this.areas(queue);
    const first = this.#nextSlot.get(queue)!;
    for (const [i, buffer] of buffers.entries()) {
      const { address, length } = this.memory(buffer);
      const place = (first + i) % (2 * size);
      const view = this.view(ring + 16 * (place % size));
      view.setUint32(0, address, true);
      view.setUint32(4, 0, true);
      view.setUint32(8, buffer.length ?? length, true);
      view.setUint16(12, buffer.next ?? first % size, true);
      const own = (buffer.write ? F.write : 0) | (i === buffers.length - 1 ? 0 : F.next);
      view.setUint16(14, buffer.flags ?? own | (place < size ? 0x80 : 0x8000), true);
    }
    this.#nextSlot.set(queue, (first + buffers.length) % (2 * size));
    if (kick) this.kick(queue);
    return first % size;
  }

  kick(
    queue: number,
    { width = 2, value = queue, place = queue }: { width?: Width; value?: number; place?: number } = {},
  ): void {
    if (this.speaks === 'legacy') this.set('queueNotify', value, width);
    else this.at('notify', 4 * place, width, value);
  }
}
