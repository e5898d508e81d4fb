import {
  DmaDomain,
  type EventSink,
  expectShape,
  FOUR_GIB,
  type FunctionAddress,
  formatFunctionAddress,
  GuestMemory,
  immediate,
  type Scheduler,
  type Shape,
  type State,
  type Stateful,
  type Width,
  wanting,
} from '../../core/index.ts';
import {
  IO_BYTES,
  MESSAGE_WINDOW,
  type PciFunction,
  Places,
  type Slot,
  type0Header,
} from '../../pci/index.ts';
import type { V86Bus } from './bus.ts';
import { bounded, ClaimingSpace } from './claiming-space.ts';
import type { ConfigTarget } from './config-ports.ts';

export interface V86BoardOptions {
  /** When the functions do their work; by default at once. */
  readonly scheduler?: Scheduler;
}

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
  /** Whoever hears of accesses with their bounds, of interrupts, and of findings. */
  accesses: EventSink | null = null;
  #interrupts: EventSink | null = null;
  #findings: EventSink | null = null;
  /** State behind the functions that is saved with them: the machines of hosts that present theirs here. */
  readonly parts = new Map<string, Stateful>();
  readonly #places = new Places();
  readonly #io: ClaimingSpace;
  readonly #memory: ClaimingSpace;

  constructor(bus: V86Bus, options: V86BoardOptions = {}) {
    this.bus = bus;
    this.scheduler = options.scheduler ?? immediate;
    this.ram = new GuestMemory(bus.ram.ranges());
    bus.ram.watch(() => this.ram.replace(bus.ram.ranges()));
    this.#io = new ClaimingSpace('io', IO_BYTES, (...range) => bus.claimPorts(...range), this);
    this.#memory = new ClaimingSpace('memory', FOUR_GIB, (...range) => bus.claimMemory(...range), this);
    bus.onReboot(() => {
      for (const fn of this.functions.values()) fn.reset();
    });
  }

  /** The machine has a local interrupt controller: MSI-X works. Without one Linux warns of functions that offer it. */
  get takesMessages(): boolean {
    return this.bus.acpi;
  }

  get functions(): ReadonlyMap<FunctionAddress, PciFunction> {
    return this.#places.functions;
  }

  /** Receives every access to functions with its bounds, interrupt and finding, as far as the sink wants them; null ends it. */
  set events(sink: EventSink | null) {
    this.accesses = wanting(sink, 'access', 'enter', 'leave');
    this.#interrupts = wanting(sink, 'interrupt');
    this.#findings = wanting(sink, 'finding');
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
   * Puts a function at a place on bus 0, or throws and changes nothing; `dma` is what it may reach, by default all RAM.
   * Function 0 of a device comes before its others, and is taken out after them; while there are several, each says so in
   * its header.
   * @returns a function that takes it out. @throws SlotUnavailableError; SlotError when it sits in a slot already
   */
  plug(fn: PciFunction, address: FunctionAddress, dma: DmaDomain = new DmaDomain(this.ram)): () => void {
    this.bus.checkFree(address);
    this.#places.checkUnplugged(fn);
    const pin = fn.config.get(type0Header.interruptPin.offset, 1);
    const routed = () => (pin === 0 ? undefined : this.bus.interrupts.routedLine(address >> 3, pin));
    const plugged = this.bus.plug(address, this.#configTarget(fn, address), { presetInterruptLine: false });
    const slot: Slot = {
      address,
      io: this.#io,
      memory: this.#memory,
      dma,
      scheduler: this.scheduler,
      interruptLine: routed() ?? null,
      report: (finding) => this.#findings?.(finding),
      setLine: (asserted) => {
        const line = routed() ?? 0;
        this.#interrupts?.({ kind: 'interrupt', signal: 'line', vector: line, asserted, source: address });
        plugged.pin?.set(asserted);
      },
      sendMessage: (low, high, data) => this.#message(address, dma, low, high, data),
    };
    try {
      fn.plug(slot);
    } catch (error) {
      plugged.unplug();
      throw error;
    }
    const unwatch = this.watchWrites(dma);
    this.#places.add(address, fn);
    return () => {
      if (this.functions.get(address) !== fn) return;
      this.bus.checkRemovable(address);
      fn.unplug();
      this.#places.remove(address);
      plugged.unplug();
      unwatch();
      dma.release();
    };
  }

  #configTarget(fn: PciFunction, address: FunctionAddress): ConfigTarget {
    const target = `${formatFunctionAddress(address)} ${fn.name}`;
    const emit = (sink: EventSink, operation: 'read' | 'write', at: number, width: Width, value: number) => {
      const place = { space: 'config', address: at, target, offset: at } as const;
      sink({ kind: 'access', operation, width, value, posted: false, ...place });
    };
    return {
      configRead: (offset, width) => {
        const sink = this.accesses;
        if (sink === null) return fn.configRead(offset, width);
        return bounded(sink, () => {
          const value = fn.configRead(offset, width);
          emit(sink, 'read', offset, width, value);
          return value;
        });
      },
      configWrite: (offset, width, value) => {
        const sink = this.accesses;
        if (sink === null) fn.configWrite(offset, width, value);
        else
          bounded(sink, () => {
            emit(sink, 'write', offset, width, value);
            fn.configWrite(offset, width, value);
          });
      },
    };
  }

  /** A message is a memory write of the function: to the interrupt controller, or to whatever RAM it was aimed at. */
  #message(source: FunctionAddress, dma: DmaDomain, low: number, high: number, data: number): void {
    if (high === 0 && low >= MESSAGE_WINDOW.start && low < MESSAGE_WINDOW.end) {
      this.#interrupts?.({ kind: 'interrupt', signal: 'message', vector: data, asserted: true, source });
      this.bus.interrupts.message(low, high, data);
      return;
    }
    const bytes = Uint8Array.of(data, data >>> 8, data >>> 16, data >>> 24);
    dma.write(high * FOUR_GIB + low, bytes, 0, 4);
  }

  save() {
    const parts: Record<string, State> = {};
    for (const [name, part] of this.parts) parts[name] = part.save();
    return {
      shape: this.#shape(),
      functions: [...this.functions].map(([address, fn]) => ({ address, state: fn.save() })),
      parts,
    };
  }

  #shape(): Shape {
    const addresses = [...this.functions.keys()].sort((a, b) => a - b);
    return { functions: addresses.map(formatFunctionAddress), parts: [...this.parts.keys()].sort() };
  }

  check(state: State): void {
    const saved = state as unknown as ReturnType<V86Board['save']>;
    expectShape('board', state, this.#shape());
    for (const { address, state: fn } of saved.functions) this.functions.get(address)!.check(fn);
    for (const [name, part] of this.parts) part.check?.(saved.parts[name]!);
  }

  /**
   * Loads into a board with the same functions in the same slots, of a machine that has been put into the state that
   * it had then. What was in flight goes on at once.
   */
  load(state: State): void {
    this.check(state);
    const saved = state as unknown as ReturnType<V86Board['save']>;
    for (const { address, state: fn } of saved.functions) this.functions.get(address)!.load(fn);
    // A host's machine goes on by itself as soon as it is loaded: whom it interrupts must be there before.
    for (const [name, part] of this.parts) part.load(saved.parts[name]!);
    for (const fn of this.functions.values()) fn.resume();
  }
}
