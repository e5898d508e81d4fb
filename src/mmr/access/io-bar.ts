import type { Bus, FunctionAddress, State, Width } from '../../core/index.ts';
import { command, status, type0Header } from '../../pci/layout/index.ts';
import { legacyHeader } from '../../virtio/layout/index.ts';
import { type GuestSide, type LegacyBackend, TranslatorError } from './backend.ts';
import { HostFunction, HostMessages } from './host-function.ts';

/**
 * The reference: every access goes as it is to the I/O BAR of an ordinary transitional function, whose MSI-X enable bit
 * follows the guest's. `configBytes` is told, since an I/O BAR does not say how much of it is configuration.
 */
export class IoBarBackend implements LegacyBackend {
  readonly name = 'io-bar';
  readonly configBytes: number;
  readonly vectors: number;
  readonly #host: HostFunction;
  readonly #base: number;
  readonly #messages: HostMessages;
  readonly #disconnect: () => void;
  #guest: GuestSide | null = null;
  #line = false;

  /** @throws TranslatorError when the function has no I/O BAR0. */
  constructor(bus: Bus, address: FunctionAddress, configBytes: number) {
    this.configBytes = configBytes;
    this.#host = new HostFunction(bus, address);
    this.#base = this.#host.barAddress(0, 'io');
    if (this.#base === 0)
      throw new TranslatorError('BAR0 of the function has no address: run the firmware first');
    this.#host.setCommand(command.io | command.memory, command.interruptDisable);
    this.#messages = new HostMessages(this.#host, (vector) => this.#guest?.trigger(vector));
    this.vectors = this.#messages.vectors;
    this.#disconnect = bus.interrupts.connectLine(this.#host.read(type0Header.interruptLine), () =>
      this.#onLine(),
    );
  }

  attach(guest: GuestSide): void {
    this.#guest = guest;
  }

  /** The host's line rose: it is held off at the function until the guest has read ISR. */
  #onLine(): boolean {
    if ((this.#host.read(type0Header.status) & status.interrupt) === 0 || this.#line) return false;
    this.#host.setCommand(command.interruptDisable, 0);
    this.#line = true;
    this.#guest?.setLine(true);
    return true;
  }

  /** After whatever may have dropped the function's interrupt. */
  #followLine(): void {
    if (!this.#line || (this.#host.read(type0Header.status) & status.interrupt) !== 0) return;
    this.#line = false;
    this.#guest?.setLine(false);
    this.#host.setCommand(0, command.interruptDisable);
  }

  read(offset: number, width: Width): number {
    const value = this.#host.bus.ioRead(this.#base + offset, width);
    if (offset === legacyHeader.isrStatus.offset) this.#followLine();
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    this.#host.bus.ioWrite(this.#base + offset, width, value);
    if (offset === legacyHeader.deviceStatus.offset) this.#followLine();
  }

  setMsix(enabled: boolean): void {
    this.#messages.enable(enabled);
    this.#followLine();
  }

  setBusMaster(on: boolean): void {
    this.#host.setCommand(on ? command.busMaster : 0, on ? 0 : command.busMaster);
  }

  reset(): void {
    this.write(legacyHeader.deviceStatus.offset, 1, 0);
    this.setMsix(false);
  }

  /** Gives the host's vectors and line back. */
  release(): void {
    this.#messages.release();
    this.#disconnect();
  }

  save() {
    return { line: this.#line };
  }

  load(state: State): void {
    this.#line = (state as ReturnType<IoBarBackend['save']>).line;
  }
}
