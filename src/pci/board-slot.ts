import type {
  AddressSpace,
  DmaDomain,
  EventSink,
  Finding,
  FunctionAddress,
  Scheduler,
} from '../core/index.ts';
import type { PinWiring } from './board.ts';
import type { Slot, Upstream } from './slot.ts';
import type { Site } from './topology.ts';

/** What a slot needs of its board. */
export interface SlotBoard {
  readonly wiring: {
    readonly scheduler: Scheduler;
    vector?(source: FunctionAddress, vector: number): void;
  };
  readonly findings: EventSink | null;
  message(
    source: FunctionAddress,
    dma: DmaDomain,
    addressLow: number,
    addressHigh: number,
    data: number,
  ): void;
}

/** A slot that a function sits in: its way to the board. Of thousands of functions each has one, so it holds little. */
export class BoardSlot implements Slot {
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
    return this.#board.wiring.scheduler;
  }

  get interruptLine(): number | null {
    return this.#pin.line;
  }

  report(finding: Finding): void {
    this.#board.findings?.(finding);
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
}
