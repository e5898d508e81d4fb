import { ByteQueue } from './byte-queue.ts';

/** Size of a terminal, in characters. */
export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

/** A port of a console as its back end sees it. A port that was removed takes nothing any more. */
export interface ConsolePort {
  readonly number: number;
  /**
   * Input for the driver: `length` bytes of `bytes` from `offset`. The port keeps none: what it does not take is to be
   * offered again when it asks.
   * @returns how many it took; fewer where the driver gave no buffers for more, or has not opened the port.
   */
  receive(bytes: Uint8Array, offset: number, length: number): number;
  /** There is room for output again, after a `transmit` that did not take all. */
  resume(): void;
  /** Somebody is at the other end, or nobody. A port is closed at first, and the output of a closed one is dropped. */
  setOpen(open: boolean): void;
  /** The terminal at the other end has another size. */
  resize(size: ConsoleSize): void;
}

/** What stands behind a port of a console: a terminal, a socket, a test. */
export interface ConsoleBackend {
  /** Called once, when the port is added. */
  attach(port: ConsolePort): void;
  /**
   * Output of the driver's: `length` bytes of `bytes` from `offset`, valid until this returns.
   * @returns how many were taken. The others come again after {@link ConsolePort.resume}; until then the driver's buffer
   * stays in use.
   */
  transmit(bytes: Uint8Array, offset: number, length: number): number;
  /** The port takes input again, after a `receive` that did not take all. */
  inputWanted(): void;
  /** The driver opened the port, or closed it; a device reset closes it, too. */
  driverOpened(open: boolean): void;
  /** The port was removed. */
  detach(): void;
}

export interface MemoryConsoleOptions {
  /** Bytes of output that are kept before no more is taken. */
  readonly capacity?: number;
  /** Whether somebody is at the other end from the start; by default so. */
  readonly open?: boolean;
}

/** A back end whose other end is a program: it takes the driver's output from here, and puts input in. */
export class MemoryConsole implements ConsoleBackend {
  readonly output = new ByteQueue();
  readonly input = new ByteQueue();
  /** What the driver did with the port: opened it, closed it. */
  readonly driverStates: boolean[] = [];
  readonly #capacity: number;
  #port: ConsolePort | null = null;
  #open: boolean;
  readonly #give = (bytes: Uint8Array, offset: number, length: number) =>
    this.#port?.receive(bytes, offset, length) ?? 0;

  constructor(options: MemoryConsoleOptions = {}) {
    this.#capacity = options.capacity ?? 65536;
    this.#open = options.open ?? true;
  }

  get open(): boolean {
    return this.#open;
  }

  get driverOpen(): boolean {
    return this.driverStates.at(-1) ?? false;
  }

  attach(port: ConsolePort): void {
    this.#port = port;
    port.setOpen(this.#open);
  }

  detach(): void {
    this.#port = null;
  }

  transmit(bytes: Uint8Array, offset: number, length: number): number {
    const taken = Math.min(length, this.#capacity - this.output.length);
    this.output.push(bytes, offset, taken);
    return taken;
  }

  inputWanted(): void {
    this.input.drain(this.#give);
  }

  driverOpened(open: boolean): void {
    this.driverStates.push(open);
  }

  /** Sends bytes to the driver: now as far as it takes them, later the rest. */
  send(bytes: Uint8Array): void {
    this.input.push(bytes);
    this.input.drain(this.#give);
  }

  /** Takes the oldest `length` bytes of output, or as many as there are: by default all. */
  take(length?: number): Uint8Array {
    const taken = this.output.shift(length);
    this.#port?.resume();
    return taken;
  }

  setOpen(open: boolean): void {
    this.#open = open;
    this.#port?.setOpen(open);
  }

  resize(size: ConsoleSize): void {
    this.#port?.resize(size);
  }
}
