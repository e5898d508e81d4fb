import type { Readable, Writable } from 'node:stream';
import type { ConsoleBackend, ConsolePort } from '../../virtio/index.ts';
import { StreamConsole } from './stream-console.ts';

/** The terminal that a program runs on, or pipes that stand for one: `process.stdin` and `process.stdout`. */
export interface HostTerminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: Writable & { readonly columns?: number; readonly rows?: number };
}

/** Ctrl-], as telnet has it: hangs up. */
const LEAVE = 0x1d;

/**
 * A console port on the terminal that the program runs on: keys go to the driver as they are pressed, and the port has the
 * terminal's size, also when that changes. Ctrl-] hangs up, where the input is a terminal.
 */
export class TerminalConsole implements ConsoleBackend {
  readonly #terminal: HostTerminal;
  readonly #streams: StreamConsole;
  #port: ConsolePort | null = null;
  /** Called once, when somebody hung up or the input has ended: the terminal is as it was before. */
  onEnd: () => void = () => {};

  constructor(terminal: HostTerminal) {
    this.#terminal = terminal;
    this.#streams = new StreamConsole(terminal.input, terminal.output);
    this.#streams.onEnd = () => this.hangUp();
  }

  attach(port: ConsolePort): void {
    const { input, output } = this.#terminal;
    this.#port = port;
    input.setRawMode?.(true);
    if (input.isTTY === true) input.prependListener('data', this.#onKeys);
    output.on('resize', this.#onResize);
    this.#onResize();
    this.#streams.attach(port);
  }

  /** Gives the terminal back. */
  hangUp(): void {
    const port = this.#port;
    if (port === null) return;
    this.detach();
    port.setOpen(false);
    this.onEnd();
  }

  detach(): void {
    const { input, output } = this.#terminal;
    this.#port = null;
    this.#streams.detach();
    input.off('data', this.#onKeys);
    output.off('resize', this.#onResize);
    input.setRawMode?.(false);
  }

  transmit(bytes: Uint8Array, offset: number, length: number): number {
    return this.#streams.transmit(bytes, offset, length);
  }

  inputWanted(): void {
    if (this.#port !== null) this.#streams.inputWanted();
  }

  driverOpened(): void {}

  readonly #onKeys = (bytes: Uint8Array) => {
    if (bytes.includes(LEAVE)) this.hangUp();
  };

  readonly #onResize = () => {
    const { columns, rows } = this.#terminal.output;
    if (columns !== undefined && rows !== undefined) this.#port?.resize({ columns, rows });
  };
}
