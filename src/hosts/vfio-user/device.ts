import {
  AddressSpace,
  alignedPiece,
  DmaDomain,
  type EventSink,
  type Finding,
  type FunctionAddress,
  formatFunctionAddress,
  functionAddress,
  lengthOf,
  type Register,
  type Stateful,
  type Width,
} from '../../core/index.ts';
import { walkCapabilities } from '../../driver/index.ts';
import {
  type BarContents,
  Board,
  bounded,
  CAPABILITIES_START,
  capabilityId,
  IO_BYTES,
  type PciFunction,
  type PinWiring,
  PlaceError,
  reaches,
  type0Header,
} from '../../pci/index.ts';
import { commonConfig, legacyHeader, pciConfigCapability, structureType } from '../../virtio/index.ts';
import type { Library } from '../posix/library.ts';
import { ClientMemory } from './client-memory.ts';
import { CommandError, ServerOptionError } from './errors.ts';
import { type EventSystem, Irqs } from './irqs.ts';
import { regionIndex } from './layout.ts';
import { Turns } from './turns.ts';

/** Where its only function sits. What slot it has in the client's machine nobody tells. */
export const SERVED_ADDRESS: FunctionAddress = functionAddress(0, 1);

const NAME = formatFunctionAddress(SERVED_ADDRESS);

/** Registers, by the names of their regions, whose writes change what a device that is at work stands on. */
const disruptive: Readonly<Record<string, readonly Register[]>> = {
  legacy: [legacyHeader.deviceStatus, legacyHeader.queueAddress],
  common: [
    commonConfig.deviceStatus,
    commonConfig.queueSize,
    commonConfig.queueEnable,
    commonConfig.queueReset,
    commonConfig.queueDescriptorLow,
    commonConfig.queueDescriptorHigh,
    commonConfig.queueDriverLow,
    commonConfig.queueDriverHigh,
    commonConfig.queueDeviceLow,
    commonConfig.queueDeviceHigh,
  ],
};

/**
 * A board with one function, whose other side is a vfio-user client: it reaches configuration space and BARs by their
 * numbers, keeps the MSI-X table, and its memory is what the function's DMA reaches.
 */
export class ServedDevice {
  readonly memory: ClientMemory;
  readonly turns = new Turns();
  /** State behind the function that is saved with it: the machine of a host that presents its own here. */
  readonly parts = new Map<string, Stateful>();
  readonly board: Board;
  /** The table of messages is the client's, which takes those of any function. */
  readonly takesMessages = true;
  #fn: PciFunction | null = null;
  #irqs: Irqs | null = null;
  readonly #events: EventSystem;
  /** Told of writes of its function to memory. */
  onWrite: ((address: number, length: number) => void) | null = null;

  constructor(library: Library, events: EventSystem) {
    this.#events = events;
    this.memory = new ClientMemory(library);
    this.board = new Board({
      io: new AddressSpace('io', IO_BYTES),
      memory: new AddressSpace('memory', 2 ** 52),
      scheduler: this.turns,
      message: () => {},
      vector: (source, vector) => {
        this.board.interrupts?.({ kind: 'interrupt', signal: 'message', vector, asserted: true, source });
        this.#irqs?.sendVector(vector);
      },
    });
  }

  get ram() {
    return this.memory.ram;
  }

  get scheduler() {
    return this.turns;
  }

  /** Receives accesses, interrupts and findings, as far as the sink wants them; null ends it. */
  set events(sink: EventSink | null) {
    this.board.watch(sink);
  }

  at(address: FunctionAddress): PciFunction | undefined {
    return this.board.at(address);
  }

  finding(finding: Finding): void {
    this.board.findings?.(finding);
  }

  get fn(): PciFunction {
    if (this.#fn === null) throw new ServerOptionError('nothing was plugged that could be served');
    return this.#fn;
  }

  get irqs(): Irqs {
    return this.#irqs!;
  }

  checkFree(place: FunctionAddress): void {
    if (place !== SERVED_ADDRESS || this.#fn !== null)
      throw new PlaceError(place, 'a served device is one function');
  }

  /** Has what a function writes told to the memory that it writes to. @returns a function that ends it. */
  watchWrites(dma: DmaDomain): () => void {
    const before = dma.observer;
    dma.observer = (address, length) => {
      const physical = dma.physical(address);
      this.memory.wrote(physical, length);
      this.onWrite?.(physical, length);
      before?.(address, length);
    };
    return () => {
      dma.observer = before;
    };
  }

  /** Puts the function in, once. @returns a function that takes it out. */
  plug(fn: PciFunction, place: FunctionAddress, dma: DmaDomain = new DmaDomain(this.ram)): () => void {
    this.checkFree(place);
    const pin: PinWiring = {
      line: null,
      set: (asserted) => {
        const source = SERVED_ADDRESS;
        this.board.interrupts?.({ kind: 'interrupt', signal: 'line', vector: 0, asserted, source });
        this.#irqs?.setLine(asserted);
      },
    };
    const intx = fn.config.get(type0Header.interruptPin.offset, 1) === 0 ? 0 : 1;
    this.#irqs = new Irqs({ intx, msix: fn.msix?.vectors ?? 0 }, this.#events);
    this.board.plug(fn, place, dma, pin);
    this.#fn = fn;
    const unwatch = this.watchWrites(dma);
    return () => {
      if (this.#fn !== fn) return;
      this.board.unplug(fn);
      this.#fn = null;
      unwatch();
    };
  }

  /** As after power-on. */
  reset(): void {
    this.board.reset();
    this.#irqs?.reset();
  }

  /** Its function, and those of hosts that stand behind it, touch no memory until they may again. */
  halt(on: boolean): void {
    this.board.halt(on);
    for (const part of this.parts.values()) part.halt?.(on);
  }

  /** Bytes of a region; 0 for one that the function has not. @throws CommandError for none of PCI's */
  regionBytes(index: number): number {
    if (index >= regionIndex.count) throw new CommandError('EINVAL', `region ${index}`);
    if (index === regionIndex.config) return this.fn.config.length;
    return this.#bar(index)?.lengthBytes ?? 0;
  }

  #bar(index: number): BarContents | undefined {
    return index < type0Header.bar.count ? this.fn.bars.find((bar) => bar.index === index) : undefined;
  }

  /** @throws CommandError where an access is not inside of a region */
  check(index: number, offset: number, count: number): void {
    const length = this.regionBytes(index);
    if (!Number.isSafeInteger(offset) || offset + count > length)
      throw new CommandError('EINVAL', `${count} bytes at ${offset} of region ${index}, which has ${length}`);
  }

  /** Reads bytes, in as wide pieces as are aligned. @throws CommandError outside of the region */
  read(index: number, offset: number, into: DataView, at: number, count: number): void {
    this.check(index, offset, count);
    const bar = this.#bar(index);
    for (let done = 0; done < count; ) {
      const width = alignedPiece(offset + done, count - done);
      const value =
        bar === undefined
          ? this.board.configRead(SERVED_ADDRESS, offset + done, width)
          : this.#readBar(bar, offset + done, width);
      if (width === 4) into.setUint32(at + done, value, true);
      else if (width === 2) into.setUint16(at + done, value, true);
      else into.setUint8(at + done, value);
      done += width;
    }
  }

  /** @throws CommandError outside of the region, before anything is written */
  write(index: number, offset: number, from: DataView, at: number, count: number): void {
    this.check(index, offset, count);
    const bar = this.#bar(index);
    for (let done = 0; done < count; ) {
      const width = alignedPiece(offset + done, count - done);
      const value =
        width === 4
          ? from.getUint32(at + done, true)
          : width === 2
            ? from.getUint16(at + done, true)
            : from.getUint8(at + done);
      if (bar === undefined) this.board.configWrite(SERVED_ADDRESS, offset + done, width, value);
      else this.#writeBar(bar, offset + done, width, value);
      done += width;
    }
  }

  #readBar(bar: BarContents, offset: number, width: Width): number {
    const sink = this.board.accesses;
    if (sink === null) return bar.read(offset, width);
    return bounded(sink, () => {
      const value = bar.read(offset, width);
      tellBar(sink, bar, 'read', offset, width, value);
      return value;
    });
  }

  #writeBar(bar: BarContents, offset: number, width: Width, value: number): void {
    const sink = this.board.accesses;
    if (sink === null) bar.write(offset, width, value);
    else
      bounded(sink, () => {
        tellBar(sink, bar, 'write', offset, width, value);
        bar.write(offset, width, value);
      });
  }

  /** Of capabilities all do but the window into the BARs, which does what a write there would. */
  #configDisrupts(offset: number, count: number): boolean {
    if (reaches(offset, offset + count, type0Header.command.offset, 2)) return true;
    if (offset < CAPABILITIES_START) return false;
    const { fn } = this;
    const window = configWindowOf((at, width) => fn.config.get(at, width));
    const { bar, data, offset: place } = pciConfigCapability;
    if (window === null || offset < window || offset + count > window + lengthOf(pciConfigCapability))
      return true;
    if (!reaches(offset, offset + count, window + data.offset, data.width)) return false;
    const index = fn.config.get(window + bar.offset, 1);
    // A number that is no BAR's leads nowhere.
    return (
      index < type0Header.bar.count &&
      this.disrupts(index, fn.config.get(window + place.offset, 4), data.width)
    );
  }

  /** A write there stops, resets or moves what may be at work. */
  disrupts(index: number, offset: number, count: number): boolean {
    if (index === regionIndex.config) return this.#configDisrupts(offset, count);
    const bar = this.#bar(index);
    return (bar?.regions ?? []).some(({ name, offset: start }) =>
      (disruptive[name] ?? []).some((register) =>
        reaches(offset, offset + count, start + register.offset, register.width),
      ),
    );
  }
}

/** Where the window into the BARs through configuration space stands; null where there is none. */
function configWindowOf(read: (offset: number, width: Width) => number): number | null {
  const { structureType: type } = pciConfigCapability;
  const found = [...walkCapabilities(read)].find(
    ({ id, offset }) =>
      id === capabilityId.vendorSpecific && read(offset + type.offset, 1) === structureType.pciConfig,
  );
  return found?.offset ?? null;
}

/** Tells of an access as the board's address spaces would, had it come over them. */
function tellBar(
  sink: EventSink,
  bar: BarContents,
  operation: 'read' | 'write',
  at: number,
  width: Width,
  value: number,
): void {
  const region = bar.regionAt(at);
  const target = `${NAME} BAR${bar.index} ${region?.name ?? 'reserved'}`;
  const space = bar.kind === 'io' ? 'io' : 'memory';
  const offset = at - (region?.offset ?? 0);
  sink({
    kind: 'access',
    space,
    operation,
    address: bar.address + at,
    width,
    value,
    target,
    offset,
    posted: false,
  });
}
