import { DeviceFailedError } from '../errors.ts';
import type { ConsoleWriter } from './console-writer.ts';

/** Size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a port needs of its driver. */
export interface PortLine {
  readonly writer: ConsoleWriter;
  /** Tells the device that the port is open, or closed; nothing without MULTIPORT. */
  tellOpen(open: boolean): void;
}

/** A port of a console, on the driver's side. */
export class ConsoleDriverPort {
  readonly number: number;
  /** What the device calls it, or nothing. */
  name = '';
  /** To be treated as a text console (CON-09). */
  isConsole = false;
  /** Somebody is at the other end. */
  deviceOpen = false;
  /** The driver has opened it. */
  isOpen = false;
  /** The device took it away: nothing comes any more, and nothing goes. */
  removed = false;
  size: TerminalSize | null = null;
  onData: (bytes: Uint8Array) => void = () => {};
  onDeviceOpen: (open: boolean) => void = () => {};
  onResize: (size: TerminalSize) => void = () => {};
  onRemoved: () => void = () => {};
  readonly #line: PortLine;

  constructor(number: number, line: PortLine) {
    this.number = number;
    this.#line = line;
  }

  /** Opens the port: input comes from now on. */
  open(): void {
    this.#setOpen(true);
  }

  close(): void {
    this.#setOpen(false);
  }

  #setOpen(open: boolean): void {
    if (this.removed || this.isOpen === open) return;
    this.isOpen = open;
    this.#line.tellOpen(open);
  }

  /**
   * Writes bytes, after those that were written before. They wait while nobody is at the other end, where a device drops
   * them; not so a console's, whose driver may have to be rid of them. @throws DeviceFailedError
   */
  write(bytes: Uint8Array): Promise<void> {
    if (this.removed) return Promise.reject(new DeviceFailedError(`port ${this.number} was removed`));
    return this.#line.writer.write(bytes);
  }

  /** Holds what is written, or lets it go: to be called when something of that changed. */
  updateHold(): void {
    this.#line.writer.hold(!this.deviceOpen && !this.isConsole);
  }

  /** The device took the port away. */
  remove(): void {
    this.removed = true;
    this.isOpen = this.deviceOpen = false;
    this.#line.writer.drop(new DeviceFailedError(`port ${this.number} was removed`));
    this.onRemoved();
  }
}
