import { type Bus, DmaDomain, type FunctionAddress } from '../../core/index.ts';
import { configOf, type FunctionReference } from '../../driver/index.ts';
import { command, MESSAGE_WINDOW, type Place } from '../../pci/index.ts';
import { MEDIATED_BAR, messageSlot, parentHeader } from '../layout/index.ts';
import {
  NoInstanceLeftError,
  ParentOptionError,
  SliceExistsError,
  SliceUseError,
  UnknownSliceError,
  UnknownSliceTypeError,
  UuidError,
} from './errors.ts';
import { KernelPort } from './kernel-port.ts';
import type { ParentDevice } from './parent-device.ts';
import {
  type AttachedSlice,
  Slice,
  type SliceAttachOptions,
  type SliceHost,
  type SliceType,
} from './slice.ts';
import type { SliceFunction, SlicePort } from './slice-function.ts';
import { DevMsi } from './software/dev-msi.ts';
import { type SlotPlace, SlotsInDevice, SlotsInMemory } from './software/slot-place.ts';

export interface MediatedParentOptions {
  readonly types: readonly SliceType[];
  /** Slots stand in RAM of the host from here on, in place of the device; a multiple of 16. */
  readonly slotMemory?: number;
  /** Puts something between the emulation of a slice and the driver: who counts, or another process. */
  readonly between?: (port: SlicePort, slice: Slice) => SlicePort;
}

/** How a slice is taken that has requests under way. */
export type Removal = 'drain' | 'abort';

/** What became of requests when a slice was taken. */
export interface RemovalReport {
  readonly drained: number;
  readonly aborted: number;
}

/** Pauses that a slice gets to finish what is under way. */
const PATIENCE = 10_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TYPE_NAME = /^[A-Za-z0-9._-]{1,64}$/;
const ASCII = /^[\x20-\x7e]*$/;

/** Requests of a slice that does not come to an end. */
export class DrainError extends SliceUseError {}

/** @returns the UUID as it is listed. @throws UuidError */
export function checkUuid(text: string): string {
  if (!UUID.test(text)) throw new UuidError(text);
  return text.toLowerCase();
}

/**
 * The driver of a parent: it slices the parent's queues into mediated devices, gives them to guests and takes them back. Of a
 * slice that was made, and that nobody has looked at, there is its name alone.
 */
export class MediatedParent {
  readonly bus: Bus;
  readonly address: FunctionAddress;
  readonly device: ParentDevice;
  readonly messages: DevMsi;
  readonly #types = new Map<string, SliceType>();
  readonly #slices = new Map<string, Slice>();
  readonly #options: MediatedParentOptions;
  readonly #queueTable: number;
  /** Queues that nobody works with; more are spoken for by slices that no guest has. */
  readonly #freeQueues: number[];
  #left: number;
  /** Slices that have their PASID bound. */
  #attached = 0;

  /**
   * @param fn the parent, as the host's firmware has placed it. @param device what stands behind it.
   * @throws ParentOptionError
   */
  constructor(bus: Bus, fn: FunctionReference, device: ParentDevice, options: MediatedParentOptions) {
    const config = configOf(bus, fn);
    const { space, address } = config.barPlace(MEDIATED_BAR);
    if (space === 'io' || address === 0)
      throw new ParentOptionError(
        `BAR${MEDIATED_BAR}`,
        'without an address',
        'a parent that firmware has placed',
      );
    config.setCommand(command.memory | command.busMaster);
    this.bus = bus;
    this.address = config.address;
    this.device = device;
    this.#options = options;
    const read = (register: keyof typeof parentHeader) =>
      bus.memoryRead(address + parentHeader[register].offset, 4);
    const queues = read('queues');
    this.#queueTable = address + read('queueTable');
    this.messages = new DevMsi(
      this.#slotPlace(address, read('slots'), address + read('slotTable')),
      bus.interrupts,
    );
    this.#freeQueues = Array.from({ length: queues }, (_, i) => queues - 1 - i);
    this.#left = Math.min(queues, this.messages.free);
    for (const type of options.types) this.addType(type);
  }

  #slotPlace(header: number, slots: number, table: number): SlotPlace {
    const { slotMemory = 0 } = this.#options;
    if (slotMemory === 0) return new SlotsInDevice(this.bus, table, slots);
    const place = new SlotsInMemory(this.bus, slotMemory, slots, header);
    for (let slot = 0; slot < slots; slot++)
      place.write(slot, messageSlot.control, messageSlot.control.reset);
    this.bus.memoryWrite(header + parentHeader.slotMemoryLow.offset, 4, slotMemory % 2 ** 32);
    this.bus.memoryWrite(header + parentHeader.slotMemoryHigh.offset, 4, Math.floor(slotMemory / 2 ** 32));
    return place;
  }

  /** Offers a type. @throws ParentOptionError for a name that no folder can have, words that are not ASCII, or no queues. */
  addType(type: SliceType): void {
    const { name, title, description, queues } = type;
    if (!TYPE_NAME.test(name))
      throw new ParentOptionError('type', JSON.stringify(name), 'letters, digits, -, _ and .');
    if (this.#types.has(name)) throw new ParentOptionError('type', name, 'a name that no other type has');
    for (const text of [title, description])
      if (!ASCII.test(text))
        throw new ParentOptionError(`text of type ${name}`, JSON.stringify(text), 'ASCII on one line');
    if (!Number.isInteger(queues) || queues < 1)
      throw new ParentOptionError(`queues of type ${name}`, queues, 'a whole number, 1 at the least');
    this.#types.set(name, type);
  }

  /** Offers a type no more. Slices of it stay. @throws UnknownSliceTypeError */
  removeType(name: string): void {
    this.type(name);
    this.#types.delete(name);
  }

  get types(): Iterable<SliceType> {
    return this.#types.values();
  }

  /** @throws UnknownSliceTypeError */
  type(name: string): SliceType {
    const type = this.#types.get(name);
    if (type === undefined) throw new UnknownSliceTypeError(name, [...this.#types.keys()]);
    return type;
  }

  /** In the order of their making. */
  get slices(): Iterable<Slice> {
    return this.#slices.values();
  }

  get count(): number {
    return this.#slices.size;
  }

  /** @throws UnknownSliceError */
  slice(uuid: string): Slice {
    const slice = this.#slices.get(uuid.toLowerCase());
    if (slice === undefined) throw new UnknownSliceError(uuid);
    return slice;
  }

  has(uuid: string): boolean {
    return this.#slices.has(uuid.toLowerCase());
  }

  /** Slices of a type that can still be made: slices of every type take from the same queues. @throws UnknownSliceTypeError */
  available(name: string): number {
    const { queues } = this.type(name);
    return Math.min(Math.floor(this.#left / queues), this.#pasidsLeft);
  }

  /** One PASID is each slice's, attached or not; those that slices bound beside it are left to nobody either. */
  get #pasidsLeft(): number {
    return this.device.pasids.free - this.#slices.size + this.#attached;
  }

  /**
   * The host takes queues for uses of its own: fewer slices can be made then. @returns a function that gives them back.
   * @throws NoInstanceLeftError
   */
  reserve(queues: number): () => void {
    if (queues > this.#left)
      throw new NoInstanceLeftError('of the host', `${queues} queues: ${this.#left} are left`);
    this.#left -= queues;
    let held = true;
    return () => {
      if (held) this.#left += queues;
      held = false;
    };
  }

  /** @throws UnknownSliceTypeError, UuidError, SliceExistsError, NoInstanceLeftError; nothing has changed then */
  create(typeName: string, uuidText: string): Slice {
    const type = this.type(typeName);
    const uuid = checkUuid(uuidText);
    if (this.#slices.has(uuid)) throw new SliceExistsError(uuid);
    if (this.#left < type.queues) throw new NoInstanceLeftError(typeName, 'queues');
    if (this.#pasidsLeft < 1) throw new NoInstanceLeftError(typeName, 'PASIDs');
    const slice = new Slice(uuid, type);
    this.#left -= type.queues;
    this.#slices.set(uuid, slice);
    return slice;
  }

  /**
   * Plugs a slice in: into a guest's machine, or into the host's, to be presented to a guest from there. All or nothing.
   * @throws UnknownSliceError, SliceUseError; ParentOptionError for a type whose functions have other events than it says; what
   * the machine throws for the place
   */
  attach(uuid: string, host: SliceHost, place: Place, options: SliceAttachOptions = {}): Slice {
    const slice = this.slice(uuid);
    if (slice.attached !== null) throw new SliceUseError(slice.uuid, 'it is attached: detach it there first');
    const { fn, type } = slice;
    if (fn.events !== type.queues)
      throw new ParentOptionError(
        `queues of type ${type.name}`,
        type.queues,
        `${fn.events}, as its functions have events`,
      );
    const { domain = new DmaDomain(host.ram), posted = false } = options;
    const context = this.device.pasids.bind(domain);
    this.#attached++;
    const queues = Array.from({ length: fn.events }, () => this.#freeQueues.pop()!);
    const messages = queues.map(() => this.messages.allocate());
    const kernel = new KernelPort(
      this.bus,
      this.#queueTable,
      this.device,
      queues,
      messages,
      () => this.#pasidsLeft,
    );
    kernel.assign(context.pasid);
    const port = this.#options.between?.(kernel, slice) ?? kernel;
    const attached = { host, place, domain, queues, messages, context, posted, port, kernel };
    this.#aim(slice, attached);
    fn.connect(port);
    try {
      const takeOut = host.plug(fn.pci, place, domain);
      slice.attached = {
        ...attached,
        takeOut: typeof takeOut === 'function' ? () => takeOut() : () => host.unplug?.(fn.pci),
      };
    } catch (error) {
      this.#giveBack(attached);
      throw error;
    }
    return slice;
  }

  /** Messages of an attached slice go to the host's handlers, or past them, from now on: none is lost on the way. @throws SliceUseError */
  setPosted(uuid: string, posted: boolean): void {
    const slice = this.slice(uuid);
    const { attached } = slice;
    if (attached === null) throw new SliceUseError(slice.uuid, 'it is not attached');
    slice.attached = { ...attached, posted };
    this.#aim(slice, slice.attached);
  }

  #aim({ fn, counts }: Slice, { messages, context, posted }: Omit<AttachedSlice, 'takeOut'>): void {
    const inject = (event: number) => {
      if (event < fn.events) fn.inject(event);
    };
    context.post = (event) => {
      counts.posted++;
      inject(event);
    };
    for (const [event, message] of messages.entries()) {
      const kept = message.aimed && message.masked;
      if (posted) message.aim(postedMessage(context.pasid, event));
      else
        message.handle(() => {
          counts.delivered++;
          inject(event);
        });
      if (!kept) message.unmask();
    }
  }

  /** Takes a slice from where it is plugged in, at once. What is under way is nobody's. @throws UnknownSliceError, SliceUseError */
  detach(uuid: string): RemovalReport {
    const slice = this.slice(uuid);
    const { attached, fn } = slice;
    if (attached === null) throw new SliceUseError(slice.uuid, 'it is not attached');
    const aborted = fn.busy;
    attached.takeOut();
    this.#giveBack(attached);
    slice.attached = null;
    return { drained: 0, aborted };
  }

  #giveBack({ queues, messages, context, kernel }: Omit<AttachedSlice, 'takeOut'>): void {
    kernel.enable(false);
    kernel.reset();
    kernel.end();
    for (const message of messages) message.release();
    context.post = null;
    this.device.pasids.unbind(context.pasid);
    this.#attached--;
    this.#freeQueues.push(...queues);
  }

  /**
   * Takes a slice away. One that is at work is drained first, while nothing new is kept from coming, or aborted.
   * @throws UnknownSliceError; DrainError where it does not come to an end: it stays then
   */
  remove(uuid: string, removal: Removal = 'drain'): RemovalReport {
    const slice = this.slice(uuid);
    let report: RemovalReport = { drained: 0, aborted: 0 };
    if (slice.attached !== null) {
      const drained = removal === 'drain' ? this.#drain(slice, slice.attached) : 0;
      report = { ...this.detach(uuid), drained };
    }
    this.#slices.delete(slice.uuid);
    this.#left += slice.type.queues;
    return report;
  }

  #drain({ fn, uuid }: Slice, { host }: AttachedSlice): number {
    const { busy } = fn;
    for (let pauses = 0; fn.busy > 0; pauses++) {
      if (pauses === PATIENCE || host.pause === undefined)
        throw new DrainError(uuid, `${fn.busy} requests do not come to an end; abort it`);
      host.pause();
      this.bus.pause();
    }
    return busy;
  }

  /** What the guest sees of a slice. @throws UnknownSliceError */
  functionOf(uuid: string): SliceFunction {
    return this.slice(uuid).fn;
  }
}

/** Where a message goes that is for a guest alone: the IOMMU knows by the PASID whose it is, and by the data what. */
const postedMessage = (pasid: number, event: number) => ({
  addressLow: MESSAGE_WINDOW.start,
  addressHigh: 0,
  data: event,
  pasid,
});
