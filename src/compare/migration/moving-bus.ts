import {
  type Bus,
  type FunctionAddress,
  GuestMemory,
  type Interrupts,
  type MessagePlace,
  type MessageTarget,
  type Width,
} from '../../core/index.ts';

/** A vector that its owner keeps wherever it is. */
class MovingMessage implements MessageTarget {
  readonly handler: () => void;
  readonly place: MessagePlace | undefined;
  target: MessageTarget;

  constructor(bus: Bus, handler: () => void, place: MessagePlace | undefined) {
    this.handler = handler;
    this.place = place;
    this.target = bus.interrupts.allocateMessage(handler, place);
  }

  get addressLow(): number {
    return this.target.addressLow;
  }

  get addressHigh(): number {
    return this.target.addressHigh;
  }

  get data(): number {
    return this.target.data;
  }

  discard(): void {
    this.target.discard();
  }

  release(): void {
    this.target.release();
  }
}

interface MovingLine {
  readonly line: number;
  readonly handler: () => boolean;
  disconnect: () => void;
}

/**
 * The processors of a guest: a bus that leads to one machine, and after a move to another. Drivers that work on it go on there, with
 * their handlers, and with the RAM that stands there; while it is stopped they have to be left alone.
 */
export class MovingBus implements Bus, Interrupts {
  readonly ram: GuestMemory;
  readonly interrupts: Interrupts = this;
  #machine: Bus;
  readonly #messages = new Set<MovingMessage>();
  readonly #lines = new Set<MovingLine>();

  constructor(machine: Bus) {
    this.#machine = machine;
    // The same bytes, and ranges of its own: the machine that is left keeps its RAM.
    this.ram = new GuestMemory(machine.ram.ranges);
    this.ram.shared = machine.ram.shared;
  }

  get inPausesOnly(): boolean {
    return this.#machine.interrupts.inPausesOnly === true;
  }

  /** Handlers are connected there: to be called before a state is loaded, which may have interrupts for them. */
  connect(machine: Bus): void {
    for (const message of this.#messages) {
      message.target.release();
      message.target = machine.interrupts.allocateMessage(message.handler, message.place);
    }
    for (const each of this.#lines) {
      each.disconnect();
      each.disconnect = machine.interrupts.connectLine(each.line, each.handler);
    }
    this.#machine = machine;
    this.ram.replace(machine.ram.ranges);
    this.ram.shared = machine.ram.shared;
  }

  connectLine(line: number, handler: () => boolean): () => void {
    const own: MovingLine = {
      line,
      handler,
      disconnect: this.#machine.interrupts.connectLine(line, handler),
    };
    this.#lines.add(own);
    return () => {
      this.#lines.delete(own);
      own.disconnect();
    };
  }

  allocateMessage(handler: () => void, place?: MessagePlace): MessageTarget {
    const own = new MovingMessage(this.#machine, handler, place);
    this.#messages.add(own);
    return own;
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    return this.#machine.configRead(fn, offset, width);
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    this.#machine.configWrite(fn, offset, width, value);
  }

  ioRead(port: number, width: Width): number {
    return this.#machine.ioRead(port, width);
  }

  ioWrite(port: number, width: Width, value: number): void {
    this.#machine.ioWrite(port, width, value);
  }

  memoryRead(address: number, width: Width): number {
    return this.#machine.memoryRead(address, width);
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.#machine.memoryWrite(address, width, value);
  }

  pause(): void {
    this.#machine.pause();
  }
}
