import { type Bus, maskOf } from '../../core/index.ts';
import { command } from '../../pci/layout/index.ts';
import { commonConfig, isrStatus } from '../../virtio/layout/index.ts';
import { FunctionGoneError, NoDeviceError } from '../errors.ts';
import { DriverMsix } from '../msix.ts';
import { type FoundFunction, setCommand } from '../pci.ts';
import type { InterruptHandlers, Transport, TransportOptions } from './transport.ts';

/** Vectors of a driver that gives configuration changes one and all queues another. */
export const CONFIG_VECTOR = 0;
const QUEUE_VECTOR = 1;

/** A virtio function's interrupts, whichever window its ISR and vector registers stand in: MSI-X, or else its line. */
export class TransportInterrupts {
  readonly #bus: Bus;
  readonly #fn: FoundFunction;
  readonly #msix: DriverMsix | null;
  #messages = false;
  #disconnectLine: (() => void) | null = null;

  /** Switches bus mastering on, and off what whoever had the function before may have left: MSI-X, and INTx disabled. */
  constructor(bus: Bus, fn: FoundFunction, options: TransportOptions) {
    this.#bus = bus;
    this.#fn = fn;
    const msix = DriverMsix.find(bus, fn);
    msix?.enable(false);
    this.#msix = options.intx === true ? null : msix;
    setCommand(bus, fn.address, command.busMaster, command.interruptDisable);
  }

  /** MSI-X is enabled. */
  get messages(): boolean {
    return this.#messages;
  }

  /** Vector of the queues while MSI-X is enabled. */
  get queueVector(): number {
    return Math.min(QUEUE_VECTOR, this.#msix!.vectors - 1);
  }

  /**
   * @param readIsr reads ISR, which clears it. @param readStatus reads status as it is.
   * @returns whether MSI-X is enabled now, and vectors have to be mapped.
   * @throws NoDeviceError for a virtual function that can use neither.
   */
  connect(handlers: InterruptHandlers, readIsr: () => number, readStatus: () => number): boolean {
    if (this.#msix !== null && this.#msix.vectors > 1) {
      const own = [handlers.config, handlers.queue];
      this.#msix.aim(own.length, false, (vector) => own[vector]!());
      this.#msix.enable(true);
      setCommand(this.#bus, this.#fn.address, command.interruptDisable);
      this.#messages = true;
      return true;
    }
    if (this.#fn.owner !== null)
      throw new NoDeviceError('a virtual function has no interrupt pin, and no MSI-X that could be used');
    this.#disconnectLine = this.#bus.interrupts.connectLine(this.#fn.interruptLine, () => {
      const isr = readIsr();
      if (isr === ISR_GONE && isGone(readStatus())) {
        // The line is somebody else's. Whoever handles the other kind of event looks at status, and finds out.
        handlers.config();
        return false;
      }
      if ((isr & isrStatus.queue) !== 0) handlers.queue();
      if ((isr & isrStatus.configuration) !== 0) handlers.config();
      return isr !== 0;
    });
    return false;
  }

  disconnect(): void {
    if (this.#messages) {
      this.#msix!.enable(false);
      setCommand(this.#bus, this.#fn.address, 0, command.interruptDisable);
      this.#msix!.release();
    }
    this.#messages = false;
    this.#disconnectLine?.();
    this.#disconnectLine = null;
  }
}

/** What registers of a function that is gone read as. */
const ISR_GONE = maskOf(1);
const STATUS_GONE = maskOf(commonConfig.deviceStatus.width);

const isGone = (status: number) => status === STATUS_GONE;

/** @returns status as it was read. @throws FunctionGoneError where that is all ones: no device has all bits, one is reserved. */
export function presentStatus(status: number): number {
  if (isGone(status)) throw new FunctionGoneError('device status');
  return status;
}

/** Writes status 0 and waits until it reads 0 (BF-RST-03). @throws NoAnswerError when it never does, FunctionGoneError */
export function resetDevice(transport: Transport): void {
  transport.setStatus(0);
  transport.waits.handshake('status 0 after a reset', () => transport.status === 0);
}
