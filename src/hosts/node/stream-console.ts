import type { Readable, Writable } from 'node:stream';
import { ByteQueue, type ConsoleBackend, type ConsolePort } from '../../virtio/index.ts';

/**
 * A console port on two streams: output goes into one, as fast as it takes it; what comes out of the other is input, as
 * fast as the driver takes that. The port is open from the start, and closes when the input has ended and was taken, or a
 * stream broke.
 */
export class StreamConsole implements ConsoleBackend {
  readonly #input: Readable;
  readonly #output: Writable;
  readonly #waiting = new ByteQueue();
  #port: ConsolePort | null = null;
  #full = false;
  #ended = false;
  #over = false;
  /** Called once, when the port has closed by itself. */
  onEnd: () => void = () => {};

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
  }

  attach(port: ConsolePort): void {
    this.#port = port;
    this.#input.on('data', this.#onData).on('end', this.#onInputEnd).on('error', this.#onBroken);
    this.#output.on('drain', this.#onDrain).on('close', this.#onBroken).on('error', this.#onBroken);
    port.setOpen(true);
  }

  detach(): void {
    this.#input.off('data', this.#onData).off('end', this.#onInputEnd).pause();
    this.#output.off('drain', this.#onDrain).off('close', this.#onBroken);
    this.#port = null;
  }

  transmit(bytes: Uint8Array, offset: number, length: number): number {
    if (this.#full) return 0;
    if (!this.#over) this.#full = !this.#output.write(bytes.slice(offset, offset + length));
    return length;
  }

  inputWanted(): void {
    this.#waiting.drain((bytes, offset, length) => this.#port?.receive(bytes, offset, length) ?? 0);
    if (this.#waiting.length > 0) return;
    if (this.#ended) this.#finish();
    else this.#input.resume();
  }

  driverOpened(): void {}

  readonly #onData = (bytes: Uint8Array | string) => {
    this.#waiting.push(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
    this.#input.pause();
    this.inputWanted();
  };

  readonly #onInputEnd = () => {
    this.#ended = true;
    this.inputWanted();
  };

  readonly #onDrain = () => {
    this.#full = false;
    this.#port?.resume();
  };

  readonly #onBroken = () => {
    this.#ended = true;
    this.#full = false;
    this.#port?.resume();
    this.inputWanted();
  };

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#port?.setOpen(false);
    this.onEnd();
  }
}
