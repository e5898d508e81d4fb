import {
  type AddressSpace,
  anyState,
  DmaDomain,
  type EventSink,
  expectParts,
  type Finding,
  FOUR_GIB,
  type FunctionAddress,
  type FunctionWatcher,
  GuestMemory,
  immediate,
  manifestOf,
  map,
  record,
  type Scheduler,
  type Shape,
  type State,
  type Stateful,
  shape,
  type Width,
} from '../../core/index.ts';
import {
  Board,
  BUS_PLACES,
  functionsState,
  IO_BYTES,
  type PciFunction,
  type PinWiring,
  type Place,
  type0Header,
} from '../../pci/index.ts';
import type { PluggedFunction, V86Bus } from './bus.ts';
import { ClaimingSpace } from './claiming-space.ts';

/** `parts` are the machines of hosts, and whatever else is saved with the functions. */
export const v86BoardState = record('v86-board', 1, {
  shape,
  functions: functionsState,
  parts: map(anyState),
});

export interface V86BoardOptions {
  /** When the functions do their work; by default at once. */
  readonly scheduler?: Scheduler;
}

/** What a function has of the machine, and how it gives that back. */
type Attached = Pick<PluggedFunction, 'pin' | 'unplug'>;

/**
 * Slots for virtiolab's functions in a v86 machine: what the in-process machine is to software of ours, this is to a
 * real kernel. Their DMA goes to the machine's RAM, their interrupts to its controllers; when the guest reboots they
 * are reset.
 */
export class V86Board implements Stateful {
  readonly bus: V86Bus;
  /** The machine's RAM. */
  readonly ram: GuestMemory;
  readonly scheduler: Scheduler;
  /** State behind the functions that is saved with them: the machines of hosts that present theirs here. */
  readonly parts = new Map<string, Stateful>();
  /** Where memory BARs are decoded. */
  readonly memory: AddressSpace;
  readonly #board: Board;
  /** Who takes messages to an address, instead of the machine's own controllers. */
  readonly #messages = new Map<number, (source: FunctionAddress, data: number) => void>();

  constructor(bus: V86Bus, options: V86BoardOptions = {}) {
    this.bus = bus;
    this.scheduler = options.scheduler ?? immediate;
    this.ram = new GuestMemory(bus.ram.ranges());
    bus.ram.watch(() => this.ram.replace(bus.ram.ranges()));
    const listener = () => this.#board.accesses;
    this.memory = new ClaimingSpace('memory', FOUR_GIB, (...range) => bus.claimMemory(...range), listener);
    this.#board = new Board({
      io: new ClaimingSpace('io', IO_BYTES, (...range) => bus.claimPorts(...range), listener),
      memory: this.memory,
      scheduler: this.scheduler,
      message: (source, low, high, data) => {
        const event = { kind: 'interrupt', signal: 'message', vector: data, asserted: true, source } as const;
        this.#board.interrupts?.(event);
        const taker = this.#messages.get(low);
        if (taker !== undefined && high === 0) taker(source, data);
        else bus.interrupts.message(low, high, data);
      },
    });
    bus.answerBeyond(this.#board);
    bus.onReboot(() => this.#board.reset());
  }

  /** The machine has a local interrupt controller: MSI-X works. Without one Linux warns of functions that offer it. */
  get takesMessages(): boolean {
    return this.bus.acpi;
  }

  /** The functions that software reaches, by their addresses of the moment. */
  get functions(): ReadonlyMap<FunctionAddress, PciFunction> {
    return this.#board.functions;
  }

  /** Lets somebody else than the machine's controllers have the messages to an address, for as long as the board is. */
  claimMessages(address: number, taker: (source: FunctionAddress, data: number) => void): void {
    this.#messages.set(address, taker);
  }

  /** @throws SlotUnavailableError */
  checkFree(address: FunctionAddress): void {
    this.bus.checkFree(address);
  }

  /** As software beside the kernel reaches a function. All ones where there is none. */
  configRead(address: FunctionAddress, offset: number, width: Width): number {
    return this.#board.configRead(address, offset, width);
  }

  configWrite(address: FunctionAddress, offset: number, width: Width, value: number): void {
    this.#board.configWrite(address, offset, width, value);
  }

  /** @throws PlaceError when nothing is there, or somebody watches it already. */
  watchFunction(address: FunctionAddress, watcher: FunctionWatcher): () => void {
    return this.#board.watchFunction(address, watcher);
  }

  /** The function that configuration accesses to an address reach. */
  at(address: FunctionAddress): PciFunction | undefined {
    return this.#board.at(address);
  }

  /** Receives every access to functions with its bounds, interrupt and finding, as far as the sink wants them; null ends it. */
  set events(sink: EventSink | null) {
    this.#board.watch(sink);
  }

  finding(finding: Finding): void {
    this.#board.findings?.(finding);
  }

  /** Has code forgotten that was compiled from what a function writes. @returns a function that ends it. */
  watchWrites(dma: DmaDomain): () => void {
    const before = dma.observer;
    dma.observer = (start, length) => {
      const physical = dma.physical(start);
      this.bus.ram.dirty(physical, physical + length);
      before?.(start, length);
    };
    return () => {
      dma.observer = before;
    };
  }

  /**
   * Puts a function at a place on bus 0 or behind a bridge, or throws and changes nothing; `dma` is what it may reach, by
   * default all RAM. Function 0 of a device comes before its others, and is taken out after them; while there are several,
   * each says so in its header.
   * @returns a function that takes it out. @throws SlotUnavailableError; PlaceError; SlotError when it sits in a slot already
   */
  plug(fn: PciFunction, place: Place, dma: DmaDomain = new DmaDomain(this.ram)): () => void {
    const onRoot = typeof place === 'number' && place < BUS_PLACES ? place : null;
    if (onRoot !== null) this.bus.checkFree(onRoot);
    this.#board.checkFree(fn, place);
    const pinNumber = fn.config.get(type0Header.interruptPin.offset, 1);
    const root = this.#board.rootPin(place, pinNumber);
    const routed = () =>
      pinNumber === 0 ? undefined : this.bus.interrupts.routedLine(root.device, root.pin);
    const attached =
      onRoot === null ? this.#connect(pinNumber === 0 ? null : root) : this.#attach(fn, onRoot);
    const wiring: PinWiring = {
      line: routed() ?? null,
      set: (asserted) => {
        const [line, source] = [routed() ?? 0, fn.slot.address];
        this.#board.interrupts?.({ kind: 'interrupt', signal: 'line', vector: line, asserted, source });
        attached.pin?.set(asserted);
      },
    };
    try {
      this.#board.plug(fn, place, dma, wiring);
    } catch (error) {
      attached.unplug();
      throw error;
    }
    const unwatch = this.watchWrites(dma);
    let there = true;
    return () => {
      if (!there) return;
      if (onRoot !== null) this.bus.checkRemovable(onRoot);
      this.#board.unplug(fn);
      there = false;
      attached.unplug();
      unwatch();
    };
  }

  /** A function of bus 0: v86's configuration ports and its own functions are beside it. */
  #attach(fn: PciFunction, place: number): Attached {
    const config = {
      configRead: (offset: number, width: Width) => this.#board.readConfigOf(fn, place, offset, width),
      configWrite: (offset: number, width: Width, value: number) =>
        this.#board.writeConfigOf(fn, place, offset, width, value),
    };
    return this.bus.plug(place, config, { presetInterruptLine: false });
  }

  /** A function behind a bridge: the board finds it; what it needs of the machine is a pin of bus 0. */
  #connect(root: { readonly device: number; readonly pin: number } | null): Attached {
    const pin = root === null ? null : this.bus.interrupts.connect(root.device, root.pin);
    return { pin, unplug: () => pin?.release() };
  }

  save() {
    const parts: Record<string, State> = {};
    for (const [name, part] of this.parts) parts[name] = part.save();
    return v86BoardState.save({ shape: this.#shape(), functions: this.#board.save(), parts });
  }

  #shape(): Shape {
    return { functions: this.#board.slots, parts: [...this.parts.keys()].sort() };
  }

  manifest(): State {
    const parts = Object.fromEntries(Array.from(this.parts, ([name, part]) => [name, manifestOf(part)]));
    return { ...v86BoardState.manifest(), made: this.#shape(), functions: this.#board.manifest(), parts };
  }

  check(state: State, path = 'board') {
    const saved = v86BoardState.parse(state, path, this.#shape());
    this.#board.check(saved.functions, `${path}.functions`);
    expectParts(`${path}.parts`, saved.parts, this.parts);
    for (const [name, part] of this.parts) part.check?.(saved.parts[name]!, `${path}.parts.${name}`);
    return saved;
  }

  /**
   * Loads into a board with the same functions in the same slots, of a machine that has been put into the state that
   * it had then. What was in flight goes on at once.
   */
  load(state: State): void {
    const saved = this.check(state);
    this.#board.load(saved.functions);
    // A host's machine goes on by itself as soon as it is loaded: whom it interrupts must be there before.
    for (const [name, part] of this.parts) part.load(saved.parts[name]!);
    this.#board.resume();
  }
}
