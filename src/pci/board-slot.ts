import type {
  AddressSpace,
  DmaDomain,
  EventSink,
  Finding,
  FunctionAddress,
  Scheduler,
} from '../core/index.ts';
import type { PinWiring } from './board.ts';
import type { PciFunction } from './function.ts';
import type { FunctionDirectory } from './pci-bus.ts';
import type { Neighbourhood, Slot, Upstream } from './slot.ts';
import type { Site } from './topology.ts';

/** What a slot needs of its board. */
export interface SlotBoard {
  readonly wiring: {
    readonly scheduler: Scheduler;
    vector?(source: FunctionAddress, vector: number): void;
    finding?(finding: Finding): void;
    arrive?(fn: PciFunction): void;
  };
  readonly halted: boolean;
  isWatched(fn: PciFunction): boolean;
  left(fn: PciFunction): void;
  readonly findings: EventSink | null;
  message(
    source: FunctionAddress,
    dma: DmaDomain,
    addressLow: number,
    addressHigh: number,
    data: number,
  ): void;
}

/** Of functions without a pin. Those that a directory makes have messages only. */
export const NO_PIN: PinWiring = { line: null, set: () => {} };

/** A slot that a function sits in: its way to the board. Of thousands of functions each has one, so it holds little. */
export class BoardSlot implements Slot, Neighbourhood {
  readonly dma: DmaDomain;
  readonly #board: SlotBoard;
  readonly #site: Site;
  readonly #pin: PinWiring;

  constructor(board: SlotBoard, site: Site, dma: DmaDomain, pin: PinWiring) {
    this.dma = dma;
    this.#board = board;
    this.#site = site;
    this.#pin = pin;
  }

  get address(): FunctionAddress {
    return this.#site.bus.addressOf(this.#site.place);
  }

  get path(): string {
    return this.#site.bus.pathOf(this.#site.place);
  }

  get upstream(): Upstream | null {
    return this.#site.bus.bridge;
  }

  get io(): AddressSpace {
    return this.#site.bus.io;
  }

  get memory(): AddressSpace {
    return this.#site.bus.memory;
  }

  get scheduler(): Scheduler {
    return this.dma.scheduler ?? this.#board.wiring.scheduler;
  }

  get halted(): boolean {
    return this.#board.halted;
  }

  get interruptLine(): number | null {
    return this.#pin.line;
  }

  report(finding: Finding): void {
    const { findings, wiring } = this.#board;
    findings?.(finding);
    wiring.finding?.(finding);
  }

  setLine(asserted: boolean): void {
    this.#pin.set(asserted);
  }

  sendMessage(addressLow: number, addressHigh: number, data: number): void {
    this.#board.message(this.address, this.dma, addressLow, addressHigh, data);
  }

  get tableElsewhere(): boolean {
    return this.#board.wiring.vector !== undefined;
  }

  sendVector(vector: number): void {
    this.#board.wiring.vector?.(this.address, vector);
  }

  get neighbourhood(): this {
    return this;
  }

  slotAt(offset: number, dma: DmaDomain): Slot {
    const { bus, place } = this.#site;
    return new BoardSlot(this.#board, { bus, place: place + offset }, dma, NO_PIN);
  }

  addDirectory(directory: FunctionDirectory): () => void {
    const { bus, place } = this.#site;
    return bus.addDirectory({
      at: (asked) => directory.at(asked - place),
      get made() {
        return directory.made;
      },
    });
  }

  isWatched(fn: PciFunction): boolean {
    return this.#board.isWatched(fn);
  }

  arrive(fn: PciFunction): void {
    this.#board.wiring.arrive?.(fn.physical);
  }

  left(fn: PciFunction): void {
    this.#board.left(fn);
  }
}
