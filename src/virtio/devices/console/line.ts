import { Room, type Task } from '../../../core/index.ts';
import type { ConsoleBackend, ConsolePort, ConsoleSize } from '../../backends/console-backend.ts';
import { reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';
import type { SavedConsole } from './state.ts';

/** What a line needs of its console. */
export interface LineOwner {
  readonly device: DevicePort;
  /** The console is part of a device. */
  readonly attached: boolean;
  /** The other end of a line's port came or went; its terminal has another size. */
  openChanged(line: ConsoleLine): void;
  /** @throws ConsolePortError for a size that the configuration cannot show. */
  checkSize(line: ConsoleLine, size: ConsoleSize): void;
  sizeChanged(line: ConsoleLine): void;
}

type SavedLine = SavedConsole['lines'][number];

/** Output is handed to a back end in pieces of at most so many bytes: a guest does not choose how much memory it takes. */
const PIECE_BYTES = 4096;

/** A port that stands on a line: its back end's handle, too. */
export class PluggedPort implements ConsolePort {
  readonly number: number;
  readonly name: string;
  readonly isConsole: boolean;
  readonly backend: ConsoleBackend;
  open = false;
  /** Null once the port was removed. */
  line: ConsoleLine | null;

  constructor(line: ConsoleLine, name: string, isConsole: boolean, backend: ConsoleBackend) {
    this.line = line;
    this.number = line.number;
    this.name = name;
    this.isConsole = isConsole;
    this.backend = backend;
  }

  receive(bytes: Uint8Array, offset: number, length: number): number {
    return this.line?.receive(bytes, offset, length) ?? 0;
  }

  resume(): void {
    this.line?.resume();
  }

  setOpen(open: boolean): void {
    if (this.open === open || this.line === null) return;
    this.open = open;
    this.line.openChanged();
  }

  resize(size: ConsoleSize): void {
    this.line?.resize(size);
  }
}

/** One of a console's places for ports: two queues, and the port that stands there, or none. */
export class ConsoleLine {
  readonly number: number;
  port: PluggedPort | null = null;
  size: ConsoleSize | null = null;
  /** The driver has opened the port; without MULTIPORT, it has started. */
  driverOpen = false;
  readonly #owner: LineOwner;
  readonly #receive = new WaitingChains();
  readonly #transmit = new WaitingChains();
  /** Bytes of the oldest chain of output that the back end has taken. */
  #sent = 0;
  /** The back end was left with input. After a load nobody knows. */
  #starved = true;
  #flushing = false;
  #again = false;
  readonly #piece = new Room(PIECE_BYTES);
  #waitsForDma = false;
  readonly #whenDma: Task;

  constructor(number: number, owner: LineOwner) {
    this.number = number;
    this.#owner = owner;
    this.#whenDma = {
      label: `console port ${number}`,
      run: () => {
        this.#waitsForDma = false;
        this.resume();
        this.wakeInput();
      },
    };
  }

  /** Whether input may be put into the driver's buffers. */
  #takesInput(): boolean {
    return this.port !== null && this.driverOpen;
  }

  #waitForDma(): void {
    if (this.#waitsForDma) return;
    this.#waitsForDma = true;
    this.#owner.device.whenDma(this.#whenDma);
  }

  /** Input of the port's back end. @returns how many bytes were put into buffers. */
  receive(bytes: Uint8Array, offset: number, length: number): number {
    let taken = 0;
    if (!this.#owner.attached) return taken;
    this.#owner.device.batch(() => {
      taken = this.#fill(bytes, offset, length);
      // Before the driver hears of it: it may have more buffers at once.
      this.#starved = taken < length;
    });
    return taken;
  }

  #fill(bytes: Uint8Array, offset: number, length: number): number {
    const { device } = this.#owner;
    if (!this.#takesInput() || length === 0) return 0;
    if (!device.dmaEnabled) {
      this.#waitForDma();
      return 0;
    }
    let taken = 0;
    while (taken < length) {
      const chain = this.#receive.take();
      if (chain === undefined) break;
      const part = Math.min(chain.writableBytes, length - taken);
      if (chain.write(0, bytes, offset + taken, part)) {
        taken += part;
        device.complete(chain, part);
      } else this.#refuse(chain, 'a buffer for input out of reach');
    }
    return taken;
  }

  /** A buffer for input. */
  addReceive(chain: Chain): void {
    const { device } = this.#owner;
    if (chain.readableCount > 0)
      device.report('driver', 'CON-04', 'readable bytes in a buffer for input', aboutChain(chain));
    if (chain.writableBytes === 0) {
      device.complete(chain, 0);
      return;
    }
    this.#receive.add(chain);
    this.wakeInput();
  }

  /** Asks the back end for the input that it was left with. */
  wakeInput(): void {
    if (!this.#starved || !this.#takesInput()) return;
    this.#starved = false;
    this.port!.backend.inputWanted();
  }

  /** Output of the driver's. */
  addTransmit(chain: Chain): void {
    if (chain.readableCount < chain.count)
      this.#owner.device.report(
        'driver',
        'CON-04',
        'writable bytes in a buffer of output',
        aboutChain(chain),
      );
    this.#transmit.add(chain);
    this.#flush();
  }

  /** Goes on with output. */
  resume(): void {
    if (this.#owner.attached) this.#owner.device.batch(() => this.#flush());
  }

  /** Hands output on as far as it is taken; a chain ends when all of it was. A back end may ask for more meanwhile. */
  #flush(): void {
    this.#again = true;
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      while (this.#again) {
        this.#again = false;
        while (this.#transmit.oldest !== undefined && this.#sendOldest());
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** @returns false when output has to wait: for the back end, or for DMA. */
  #sendOldest(): boolean {
    const { device } = this.#owner;
    if (!device.dmaEnabled) {
      this.#waitForDma();
      return false;
    }
    const chain = this.#transmit.oldest!;
    const total = chain.readableBytes;
    // As on a cable that leads nowhere, nothing is kept for somebody who might come.
    while (this.port?.open === true && this.#sent < total) {
      const length = Math.min(PIECE_BYTES, total - this.#sent);
      if (!chain.read(this.#sent, this.#piece.bytes, 0, length)) {
        if (chain.live)
          device.report('driver', reachClause(device), 'output out of reach', aboutChain(chain));
        break;
      }
      const taken = this.port.backend.transmit(this.#piece.bytes, 0, length);
      // The back end may have led to a reset.
      if (!chain.live) return true;
      this.#sent += taken;
      if (taken < length && this.port?.open === true) return false;
    }
    this.#transmit.take();
    this.#sent = 0;
    device.complete(chain, 0);
    return true;
  }

  #refuse(chain: Chain, message: string): void {
    const { device } = this.#owner;
    device.report('driver', reachClause(device), message, aboutChain(chain));
    device.complete(chain, 0);
  }

  /** The driver opened the port, or closed it. */
  setDriverOpen(open: boolean): void {
    if (this.driverOpen === open) return;
    this.driverOpen = open;
    this.port?.backend.driverOpened(open);
    if (open) this.wakeInput();
  }

  openChanged(): void {
    this.#owner.openChanged(this);
    this.resume();
  }

  resize(size: ConsoleSize): void {
    this.#owner.checkSize(this, size);
    this.size = size;
    this.#owner.sizeChanged(this);
  }

  /** Output that nobody is there for any more goes; buffers for input stay for the next port. */
  unplug(): void {
    const { port } = this;
    this.port = null;
    this.size = null;
    this.#starved = true;
    this.driverOpen = false;
    port!.line = null;
    port!.backend.detach();
    this.resume();
  }

  /** A reset of the one queue: its chains are dead. */
  transmitReset(): void {
    this.#sent = 0;
  }

  reset(): void {
    this.#receive.clear();
    this.#transmit.clear();
    this.#sent = 0;
    this.#starved = true;
    this.setDriverOpen(false);
  }

  save(): SavedLine {
    const { size } = this;
    return {
      sent: this.#sent,
      driverOpen: this.driverOpen,
      size: size === null ? null : { columns: size.columns, rows: size.rows },
    };
  }

  /** @param stays the driver, having opened it, finds it open also while no port stands there. */
  load(saved: SavedLine, stays: boolean): void {
    this.#receive.clear();
    this.#transmit.clear();
    this.#sent = saved.sent;
    this.#starved = true;
    this.size = saved.size;
    this.setDriverOpen(saved.driverOpen && (this.port !== null || stays));
  }
}
