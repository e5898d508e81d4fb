import {
  AddressSpace,
  type Bus,
  bytes,
  DmaDomain,
  type EventSink,
  expectSame,
  type FunctionAddress,
  type FunctionWatcher,
  functionAddress,
  GuestMemory,
  group,
  immediate,
  list,
  record,
  type Scheduler,
  type Shape,
  type State,
  type Stateful,
  shape,
  u53,
  type Width,
} from '../core/index.ts';
import { Board, functionsState } from './board.ts';
import { NO_PIN } from './board-slot.ts';
import type { PciFunction } from './function.ts';
import { ConfigPorts, configPortsState, Ecam, hostBridgeFunction } from './host-bridge.ts';
import { InterruptSink, messagesState, RoutedPin } from './interrupts.ts';
import { type0Header } from './layout/index.ts';
import { type EcamPlace, ecamPlace, type MachineOptions } from './machine-options.ts';
import { bounded, tellAccess } from './observed.ts';
import { checkPosted, PostedWrites, postedState } from './posted-writes.ts';
import { mapRam, RAM_PRIORITY } from './ram-mapping.ts';
import type { Place } from './topology.ts';

/** A whole machine. Addresses of functions are those that they have in it. */
export const machineState = record('machine', 1, {
  shape,
  ram: list(group({ start: u53, bytes: bytes() })),
  configPorts: configPortsState,
  functions: functionsState,
  /** Memory writes on their way. */
  posted: postedState,
  messages: messagesState,
});

/** Bytes of I/O space. */
export const IO_BYTES = 0x10000;
const LINES = 16;
const DEFAULT_RAM_BYTES = 64 << 20;

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
  readonly #ecam: EcamPlace | null;
  readonly #board: Board;
  readonly #configPorts: ConfigPorts;
  /** Whoever hears of accesses. */
  #sink: EventSink | null = null;
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
    this.#ecam = ecamPlace(options, this.ram);
    const { segments = 1 } = options;
    this.#board = new Board({
      io: this.io,
      memory: this.memory,
      segments,
      scheduler: this.scheduler,
      message: (source, _low, _high, data) => this.interrupts.message(source, data),
      ...(options.onFinding === undefined ? {} : { finding: options.onFinding }),
      ...(this.posted === null ? {} : { arrive: (fn: PciFunction) => this.posted!.flush(fn) }),
    });
    this.#configPorts = new ConfigPorts(this, () => this.reset());
    mapRam(this.memory, this.ram);
    this.io.map({
      name: 'configuration ports',
      start: ConfigPorts.start,
      length: ConfigPorts.length,
      target: this.#configPorts,
      priority: RAM_PRIORITY,
    });
    for (let segment = 0; segment < segments; segment++) {
      if (this.#ecam !== null) this.#mapEcam(this.#ecam, segment);
      this.plug(hostBridgeFunction(), functionAddress(0, 0, 0, segment));
    }
  }

  #mapEcam({ start, length }: EcamPlace, segment: number): void {
    this.memory.map({
      name: segment === 0 ? 'ECAM' : `ECAM of segment ${segment}`,
      start: start + segment * length,
      length,
      target: new Ecam(this, segment),
      priority: RAM_PRIORITY,
    });
  }

  /** Address of memory-mapped configuration; null where the machine has none. */
  get ecamBase(): number | null {
    return this.#ecam?.start ?? null;
  }

  /** The functions that software reaches, by their addresses of the moment. */
  get functions(): ReadonlyMap<FunctionAddress, PciFunction> {
    return this.#board.functions;
  }

  /** Receives every access with its bounds, interrupt and finding from now on, as far as the sink wants them; null ends it. */
  set events(sink: EventSink | null) {
    this.#board.watch(sink);
    this.#sink = this.#board.accesses;
    this.interrupts.sink = this.#board.interrupts;
    this.#plain = this.#sink === null && this.posted === null;
  }

  /**
   * Puts a function on the root bus or behind a bridge, or throws and changes nothing. `dma` is what it may reach: by default
   * all RAM. Function 0 of a device comes before its others; while there are several, each says so in its header.
   * @throws SlotError when the function sits somewhere already; PlaceError where software could not find it, or the place
   * is taken.
   */
  plug(fn: PciFunction, place: Place, dma: DmaDomain = new DmaDomain(this.ram)): void {
    const pin = fn.config.get(type0Header.interruptPin.offset, 1);
    const root = this.#board.rootPin(place, pin);
    const wiring = pin === 0 ? NO_PIN : new RoutedPin(this.interrupts, fn, routePin(root.device, root.pin));
    this.#board.plug(fn, place, dma, wiring);
  }

  /**
   * Lets a directory answer for places of a bus where nobody is plugged: it makes functions when software touches them.
   * @param beside a place of that bus. @param make is given a way to slots for the functions that it makes.
   * @returns a function that ends it. @throws PlaceError
   */
  addDirectory(beside: Place, make: Parameters<Board['addDirectory']>[1]): () => void {
    return this.#board.addDirectory(beside, make);
  }

  dmaMemory(address: FunctionAddress): GuestMemory | undefined {
    return this.#board.at(address)?.slot.dma.memory;
  }

  /**
   * Takes a function away. @returns it, or undefined where there is none.
   * @throws PlaceError for function 0 while the device has others, and for a bridge with functions behind it.
   */
  unplug(which: FunctionAddress | PciFunction): PciFunction | undefined {
    return this.#board.unplug(which);
  }

  /** @throws PlaceError when nothing is there, or somebody watches it already. */
  watchFunction(address: FunctionAddress, watcher: FunctionWatcher): () => void {
    return this.#board.watchFunction(address, watcher);
  }

  /**
   * Resets the machine, as software does through port 0xCF9: memory writes on their way are lost, every function is as after
   * power-on, messages that nobody has taken yet are forgotten. RAM keeps what it holds.
   */
  reset(): void {
    this.posted?.clear();
    this.#board.reset();
    this.#configPorts.reset();
    this.interrupts.reset();
  }

  /** Stops its functions from touching memory by themselves, or lets them go on: see {@link Board.halt}. */
  halt(on: boolean): void {
    this.#board.halt(on);
  }

  /** Memory writes in flight arrive, and of what each scheduler holds the oldest goes on. */
  pause(): void {
    this.posted?.flushAll();
    this.scheduler.pause?.();
    if (this.interrupts.scheduler !== this.scheduler) this.interrupts.scheduler.pause?.();
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    return this.#board.configRead(fn, offset, width);
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    this.#board.configWrite(fn, offset, width, value);
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
    return sink === null ? access() : bounded(sink, access);
  }

  #observedRead(space: 'io' | 'memory', from: AddressSpace, address: number, width: Width): number {
    const span = from.answering(address);
    const owner = span?.mapping.owner ?? null;
    if (owner !== null) this.posted?.flush(owner);
    const value = from.read(address, width);
    if (this.#sink !== null) tellAccess(this.#sink, space, 'read', address, width, value, span);
    return value;
  }

  #observedWrite(
    space: 'io' | 'memory',
    to: AddressSpace,
    address: number,
    width: Width,
    value: number,
  ): void {
    const span = to.answering(address);
    const owner = span?.mapping.owner ?? null;
    const held = this.posted !== null && owner !== null && space === 'memory';
    if (this.#sink !== null) tellAccess(this.#sink, space, 'write', address, width, value, span, held);
    if (this.posted !== null && owner !== null) {
      if (held) {
        this.posted.push(owner, address, width, value);
        return;
      }
      this.posted.flush(owner);
    }
    to.write(address, width, value);
  }

  save() {
    return machineState.save({
      shape: this.#shape(),
      ram: this.ram.ranges.map(({ start, bytes }) => ({ start, bytes: bytes.slice() })),
      configPorts: this.#configPorts.save(),
      functions: this.#board.save(),
      posted: this.posted?.save((owner) => this.#board.savedAddressOf(owner)) ?? [],
      messages: this.interrupts.save(),
    });
  }

  #shape(): Shape {
    return {
      RAM: this.ram.ranges.map(({ start, end }) => ({ start, end })),
      ecamBase: this.ecamBase,
      // One bus is what states without this have.
      ...(this.#ecam === null || this.#ecam.buses === 1 ? {} : { ecamBuses: this.#ecam.buses }),
      functions: this.#board.slots,
    };
  }

  /** What its states look like, to be compared with another machine's: with an equal manifest each takes the other's. */
  manifest(): State {
    return { ...machineState.manifest(), made: this.#shape(), functions: this.#board.manifest() };
  }

  check(state: State, path = 'machine') {
    const saved = machineState.parse(state, path, this.#shape());
    const { ram, functions, posted, messages } = saved;
    expectSame(`${path}.ram.length`, ram.length, this.ram.ranges.length);
    for (const [i, { start, bytes }] of this.ram.ranges.entries()) {
      expectSame(`${path}.ram[${i}].start`, ram[i]!.start, start);
      expectSame(`${path}.ram[${i}].bytes.length`, ram[i]!.bytes.length, bytes.length);
    }
    this.#board.check(functions, `${path}.functions`);
    if (this.posted === null) expectSame(`${path}.posted.length`, posted.length, 0);
    checkPosted(posted, `${path}.posted`, new Set(functions.map(({ address }) => address)));
    this.interrupts.check(messages, `${path}.messages`);
    return saved;
  }

  /** Loads into a machine with the same RAM and the same functions in the same slots. */
  load(state: State): void {
    const saved = this.check(state);
    for (const { start, bytes } of saved.ram) this.ram.write(start, bytes);
    this.#configPorts.load(saved.configPorts);
    this.posted?.clear();
    for (const watcher of this.#board.watchers) watcher.loading();
    this.#board.load(saved.functions, (address, { msix }) => {
      if (msix !== null) this.interrupts.aimAgain(address, msix, saved.messages);
    });
    for (const watcher of this.#board.watchers) watcher.loaded();
    const functions = this.#board.saved;
    this.posted?.load(saved.posted, (address) => functions.get(address)!);
    this.#board.resume();
    this.interrupts.load(saved.messages);
  }
}
