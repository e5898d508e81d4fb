import {
  AddressSpace,
  alignedPiece,
  type BoundEvent,
  type Bus,
  DmaDomain,
  type EventSink,
  expectSame,
  expectShape,
  type Finding,
  type FunctionAddress,
  type FunctionWatcher,
  formatFunctionAddress,
  GuestMemory,
  immediate,
  maskOf,
  type Scheduler,
  type Shape,
  type Span,
  type State,
  type Stateful,
  type Width,
  wanting,
} from '../core/index.ts';
import { readConfigPieces } from './config-space.ts';
import type { PciFunction, Slot } from './function.ts';
import { ConfigPorts, ECAM_BUS_BYTES, Ecam, hostBridgeFunction } from './host-bridge.ts';
import { InterruptSink, MESSAGE_WINDOW } from './interrupts.ts';
import { type0Header } from './layout/index.ts';
import { checkEcam, type MachineOptions } from './machine-options.ts';
import { PlaceError, Places } from './places.ts';
import { PostedWrites } from './posted-writes.ts';
import { mapRam, RAM_PRIORITY } from './ram-mapping.ts';

/** Bytes of I/O space. */
export const IO_BYTES = 0x10000;
const LINES = 16;
const DEFAULT_RAM_BYTES = 64 << 20;
const ENTER: BoundEvent = { kind: 'enter' };
const LEAVE: BoundEvent = { kind: 'leave' };

/** Board wiring: the line that pin 1..4 of a device on the root bus reaches. */
export function routePin(device: number, pin: number): number {
  return [11, 10, 9, 5][(device + pin - 1) & 3]!;
}

/**
 * A computer in the process: RAM, I/O and memory space, one root bus behind a host bridge, an interrupt sink. To
 * software it is a {@link Bus}; to functions it gives a {@link Slot}.
 */
export class Machine implements Bus, Stateful {
  readonly ram: GuestMemory;
  readonly io = new AddressSpace('I/O', IO_BYTES);
  readonly memory = new AddressSpace('memory', Number.MAX_SAFE_INTEGER);
  readonly interrupts: InterruptSink;
  readonly posted: PostedWrites | null;
  readonly scheduler: Scheduler;
  readonly ecamBase: number;
  readonly #places = new Places();
  readonly #watchers = new Map<FunctionAddress, FunctionWatcher>();
  readonly #configPorts = new ConfigPorts(this);
  /** Whoever hears of accesses, and of findings. */
  #sink: EventSink | null = null;
  #findings: EventSink | null = null;
  /** Nobody watches accesses and nothing is held: they take the shortest way. */
  #plain: boolean;

  /** @throws MachineOptionError */
  constructor(options: MachineOptions = {}) {
    this.ram =
      options.ram ??
      GuestMemory.allocate(
        { start: 0, length: DEFAULT_RAM_BYTES },
        { start: 2 ** 32, length: DEFAULT_RAM_BYTES },
      );
    this.scheduler = options.scheduler ?? immediate;
    this.interrupts = new InterruptSink(LINES, options.interruptScheduler ?? this.scheduler);
    this.posted = options.holdPostedWrites === true ? new PostedWrites(this.memory) : null;
    this.#plain = this.posted === null;
    mapRam(this.memory, this.ram);
    this.io.map({
      name: 'configuration ports',
      start: ConfigPorts.start,
      length: ConfigPorts.length,
      target: this.#configPorts,
      priority: RAM_PRIORITY,
    });
    this.ecamBase = options.ecamBase ?? 0xe0000000;
    checkEcam(this.ecamBase, this.ram);
    this.memory.map({
      name: 'ECAM',
      start: this.ecamBase,
      length: ECAM_BUS_BYTES,
      target: new Ecam(this),
      priority: RAM_PRIORITY,
    });
    this.plug(hostBridgeFunction(), 0);
  }

  get functions(): ReadonlyMap<FunctionAddress, PciFunction> {
    return this.#places.functions;
  }

  /** Receives every access with its bounds, interrupt and finding from now on, as far as the sink wants them; null ends it. */
  set events(sink: EventSink | null) {
    this.#sink = wanting(sink, 'access', 'enter', 'leave');
    this.#findings = wanting(sink, 'finding');
    this.interrupts.sink = wanting(sink, 'interrupt');
    this.#plain = this.#sink === null && this.posted === null;
  }

  /**
   * Puts a function on the root bus, or throws and changes nothing. `dma` is what it may reach: by default all RAM. Function
   * 0 of a device comes before its others; while there are several, each says so in its header.
   * @throws SlotError when the function sits somewhere already; PlaceError where software could not find it, or the place
   * is taken.
   */
  plug(fn: PciFunction, address: FunctionAddress, dma: DmaDomain = new DmaDomain(this.ram)): void {
    this.#places.checkFree(fn, address);
    const pin = fn.config.get(type0Header.interruptPin.offset, 1);
    const line = routePin((address >> 3) & 31, pin);
    const slot: Slot = {
      address,
      io: this.io,
      memory: this.memory,
      dma,
      scheduler: this.scheduler,
      interruptLine: pin === 0 ? null : line,
      report: (finding: Finding) => this.#findings?.(finding),
      setLine: (asserted) => this.interrupts.setLine(line, address, asserted),
      sendMessage: (low, high, data) => this.#message(address, dma, low, high, data),
    };
    fn.plug(slot);
    this.#places.add(address, fn);
  }

  dmaMemory(address: FunctionAddress): GuestMemory | undefined {
    return this.functions.get(address)?.slot.dma.memory;
  }

  /**
   * Takes a function away. @returns it, or undefined where there is none.
   * @throws PlaceError for function 0 while the device has others.
   */
  unplug(address: FunctionAddress): PciFunction | undefined {
    const fn = this.functions.get(address);
    if (fn === undefined) return undefined;
    this.#places.checkRemovable(address);
    this.posted?.flush(fn);
    const { dma } = fn.slot;
    fn.unplug();
    dma.release();
    this.#places.remove(address);
    const watcher = this.#watchers.get(address);
    this.#watchers.delete(address);
    watcher?.removed();
    return fn;
  }

  /** @throws VirtiolabError when nothing is there, or somebody watches it already. */
  watchFunction(address: FunctionAddress, watcher: FunctionWatcher): () => void {
    const fn = this.functions.get(address);
    if (fn === undefined) throw new PlaceError(address, 'it is empty: nothing to watch');
    if (this.#watchers.has(address))
      throw new PlaceError(address, `other software watches ${fn.name} already`);
    const moved = () => watcher.moved();
    fn.onDecode.push(moved);
    this.#watchers.set(address, watcher);
    return () => {
      const index = fn.onDecode.indexOf(moved);
      if (index >= 0) fn.onDecode.splice(index, 1);
      if (this.#watchers.get(address) === watcher) this.#watchers.delete(address);
    };
  }

  /** A message is a memory write of the function: to the interrupt controller, or to whatever RAM it was aimed at. */
  #message(source: FunctionAddress, dma: DmaDomain, low: number, high: number, data: number): void {
    if (high === 0 && low >= MESSAGE_WINDOW.start && low < MESSAGE_WINDOW.end) {
      this.interrupts.message(source, data);
      return;
    }
    const bytes = Uint8Array.of(data, data >>> 8, data >>> 16, data >>> 24);
    dma.write(high * 2 ** 32 + low, bytes, 0, 4);
  }

  /** Memory writes in flight arrive, and of what each scheduler holds the oldest goes on. */
  pause(): void {
    this.posted?.flushAll();
    this.scheduler.pause?.();
    if (this.interrupts.scheduler !== this.scheduler) this.interrupts.scheduler.pause?.();
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    const found = this.functions.get(fn);
    if (found === undefined) return maskOf(width);
    return this.#sink === null
      ? this.#configRead(found, offset, width)
      : this.#bounded(() => {
          const value = this.#configRead(found, offset, width);
          this.#emitConfig('read', fn, found.name, offset, width, value);
          return value;
        });
  }

  #configRead(found: PciFunction, offset: number, width: Width): number {
    if (this.posted !== null) this.posted.flush(found);
    return offset % width === 0
      ? found.configRead(offset, width)
      : readConfigPieces((at, piece) => found.configRead(at, piece), offset, width);
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    const found = this.functions.get(fn);
    if (found === undefined) return;
    if (this.#sink === null) this.#configWrite(found, offset, width, value);
    else
      this.#bounded(() => {
        this.#emitConfig('write', fn, found.name, offset, width, (value & maskOf(width)) >>> 0);
        this.#configWrite(found, offset, width, value);
      });
  }

  #configWrite(found: PciFunction, offset: number, width: Width, value: number): void {
    if (this.posted !== null) this.posted.flush(found);
    for (let done = 0; done < width; ) {
      const piece = alignedPiece(offset + done, width - done);
      found.configWrite(offset + done, piece, ((value >>> (8 * done)) & maskOf(piece)) >>> 0);
      done += piece;
    }
  }

  ioRead(port: number, width: Width): number {
    return this.#plain
      ? this.io.read(port, width)
      : this.#bounded(() => this.#observedRead('io', this.io, port, width));
  }

  ioWrite(port: number, width: Width, value: number): void {
    const cut = width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
    if (this.#plain) this.io.write(port, width, cut);
    else this.#bounded(() => this.#observedWrite('io', this.io, port, width, cut));
  }

  memoryRead(address: number, width: Width): number {
    return this.#plain
      ? this.memory.read(address, width)
      : this.#bounded(() => this.#observedRead('memory', this.memory, address, width));
  }

  memoryWrite(address: number, width: Width, value: number): void {
    const cut = width === 4 ? value >>> 0 : value & (width === 2 ? 0xffff : 0xff);
    if (this.#plain) this.memory.write(address, width, cut);
    else this.#bounded(() => this.#observedWrite('memory', this.memory, address, width, cut));
  }

  /** Carries out an access between its bounds, where somebody watches. */
  #bounded<T>(access: () => T): T {
    const sink = this.#sink;
    if (sink === null) return access();
    sink(ENTER);
    try {
      return access();
    } finally {
      sink(LEAVE);
    }
  }

  #observedRead(space: 'io' | 'memory', from: AddressSpace, address: number, width: Width): number {
    const span = from.find(address);
    const owner = span?.mapping.owner ?? null;
    if (owner !== null) this.posted?.flush(owner);
    const value = from.read(address, width);
    if (this.#sink !== null) this.#emit(space, 'read', address, width, value, span, false);
    return value;
  }

  #observedWrite(
    space: 'io' | 'memory',
    to: AddressSpace,
    address: number,
    width: Width,
    value: number,
  ): void {
    const span = to.find(address);
    const owner = span?.mapping.owner ?? null;
    const held = this.posted !== null && owner !== null && space === 'memory';
    if (this.#sink !== null) this.#emit(space, 'write', address, width, value, span, held);
    if (this.posted !== null && owner !== null) {
      if (held) {
        this.posted.push(owner, address, width, value);
        return;
      }
      this.posted.flush(owner);
    }
    to.write(address, width, value);
  }

  #emitConfig(
    operation: 'read' | 'write',
    fn: FunctionAddress,
    name: string,
    offset: number,
    width: Width,
    value: number,
  ): void {
    const target = `${formatFunctionAddress(fn)} ${name}`;
    const place = { space: 'config', address: offset, target, offset } as const;
    this.#sink?.({ kind: 'access', operation, width, value, posted: false, ...place });
  }

  #emit(
    space: 'io' | 'memory',
    operation: 'read' | 'write',
    address: number,
    width: Width,
    value: number,
    span: Span | undefined,
    posted: boolean,
  ): void {
    const target = span?.name ?? '';
    const offset = address - (span?.base ?? address);
    this.#sink?.({ kind: 'access', space, operation, address, width, value, target, offset, posted });
  }

  save() {
    const nameOf = (owner: object) => [...this.functions].find(([, fn]) => fn === owner)?.[0] ?? -1;
    return {
      shape: this.#shape(),
      ram: this.ram.ranges.map(({ start, bytes }) => ({ start, bytes: bytes.slice() })),
      configAddress: this.#configPorts.address,
      functions: [...this.functions].map(([address, fn]) => ({ address, state: fn.save() })),
      posted: this.posted?.save(nameOf) ?? ([] as readonly State[]),
      messages: this.interrupts.save(),
    };
  }

  #shape(): Shape {
    const addresses = [...this.functions.keys()].sort((a, b) => a - b);
    return {
      RAM: this.ram.ranges.map(({ start, end }) => ({ start, end })),
      ecamBase: this.ecamBase,
      functions: addresses.map(formatFunctionAddress),
    };
  }

  check(state: State): void {
    const saved = state as unknown as ReturnType<Machine['save']>;
    expectShape('machine', state, this.#shape());
    for (const { address, state: fn } of saved.functions) this.functions.get(address)!.check(fn);
    this.interrupts.check(saved.messages);
    if (this.posted === null) expectSame('memory writes in flight', saved.posted.length, 0);
  }

  /** Loads into a machine with the same RAM and the same functions in the same slots. */
  load(state: State): void {
    this.check(state);
    const saved = state as unknown as ReturnType<Machine['save']>;
    for (const { start, bytes } of saved.ram) this.ram.write(start, bytes);
    this.#configPorts.address = saved.configAddress;
    this.posted?.load([], () => undefined);
    for (const watcher of this.#watchers.values()) watcher.loading();
    for (const { address, state: fn } of saved.functions) {
      const found = this.functions.get(address)!;
      found.load(fn);
      if (found.msix !== null) this.interrupts.aimAgain(address, found.msix, saved.messages);
    }
    for (const watcher of this.#watchers.values()) watcher.loaded();
    this.posted?.load(saved.posted, (name) => this.functions.get(name));
    for (const [address, fn] of this.functions) {
      const watcher = this.#watchers.get(address);
      if (watcher === undefined) fn.resume();
      else watcher.resume(() => fn.resume());
    }
    this.interrupts.load(saved.messages);
  }
}
