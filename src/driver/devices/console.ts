import {
  CONSOLE_CONTROL_BYTES,
  CONSOLE_RESIZE_BYTES,
  type ConsoleResizeOrder,
  consoleConfig,
  consoleControl,
  consoleEvent,
  consoleFeature,
  consoleQueue,
  consoleQueueCount,
  consoleReceiveQueue,
  consoleResizeOrders,
  consoleTransmitQueue,
  feature,
  hasFeature,
} from '../../virtio/layout/index.ts';
import { checkWhole, DeviceFailedError } from '../errors.ts';
import type { DmaMemory } from '../memory.ts';
import { ReceiveQueue } from '../receive-queue.ts';
import type { Transport } from '../transport/transport.ts';
import { VirtioDriver } from '../virtio-driver.ts';
import { ConsoleDriverPort, type PortLine, type TerminalSize } from './console-port.ts';
import { ConsoleWriter } from './console-writer.ts';

export interface ConsoleDriverOptions {
  /** Gets every port when the device adds it, before anything arrives there. */
  readonly onPort?: (port: ConsoleDriverPort) => void;
  /** Features of the device type that the driver uses where offered. */
  readonly features?: readonly number[];
  readonly ringFeatures?: readonly number[];
  /** Ports that the driver has room for; it refuses others. */
  readonly maxPorts?: number;
  /** Buffers of each port and direction, and bytes of each. */
  readonly buffers?: number;
  readonly bufferBytes?: number;
  /** How the device orders the fields of a RESIZE message; by default as the specification does. */
  readonly resizeOrder?: ConsoleResizeOrder;
}

/** Buffers for messages of the device, and room for a name in each. */
const CONTROL_BUFFERS = 8;
const CONTROL_BUFFER_BYTES = 512;

/** The queues of a port. They outlive it: the next port of that number has them. */
interface Line extends PortLine {
  receive: ReceiveQueue | null;
}

/**
 * Prints a character through the emergency field of a device that nobody has set up, and leaves it so (CON-02).
 * @returns false when the device does not offer that.
 */
export function emergencyWrite(transport: Transport, character: number): boolean {
  if (!hasFeature(transport.readFeatures(), consoleFeature.emergencyWrite)) return false;
  transport.writeConfig(consoleConfig.emergencyWrite.offset, 4, character);
  return true;
}

/** A driver for the console device, on any transport. Each buffer is one descriptor (LEG-CON-04). */
export class ConsoleDriver {
  readonly driver: VirtioDriver;
  /** Ports that the device has added, by number. */
  readonly ports = new Map<number, ConsoleDriverPort>();
  readonly multiport: boolean;
  readonly #options: Required<ConsoleDriverOptions>;
  readonly #lines = new Map<number, Line>();
  readonly #control: { readonly receive: ReceiveQueue; readonly writer: ConsoleWriter } | null;
  #maxPorts = 1;

  /** Brings the device up. @throws NoDeviceError, DeviceFailedError, ResourceError */
  constructor(transport: Transport, memory: DmaMemory, options: ConsoleDriverOptions = {}) {
    this.#options = {
      onPort: () => {},
      features: Object.values(consoleFeature),
      ringFeatures: [feature.ringEventIndex],
      maxPorts: 64,
      buffers: 16,
      bufferBytes: 4096,
      resizeOrder: 'columns-first',
      ...options,
    };
    const { features, ringFeatures, buffers } = this.#options;
    this.driver = new VirtioDriver(transport, memory);
    this.driver.bringUp(
      { features, ringFeatures, queues: () => this.#queues() },
      { queue: () => this.poll(), config: () => this.#readSize() },
    );
    this.multiport = this.driver.has(consoleFeature.multiport);
    if (this.multiport) {
      // The writer first: a device may have something to say as soon as it has a buffer for that.
      const writer = new ConsoleWriter(this.driver, consoleQueue.controlTransmit, {
        count: CONTROL_BUFFERS,
        bytes: CONSOLE_CONTROL_BYTES,
      });
      const receive = new ReceiveQueue(this.driver, consoleQueue.controlReceive, {
        count: Math.min(buffers, CONTROL_BUFFERS),
        bytes: CONTROL_BUFFER_BYTES,
        onBuffer: (bytes) => this.#onControl(bytes),
      });
      this.#control = { receive, writer };
      // CON-08. The port number means nothing here.
      this.#tell(0, consoleEvent.deviceReady, 1);
    } else {
      this.#control = null;
      const port = this.#add(0);
      port.isConsole = port.deviceOpen = port.isOpen = true;
      this.#serve(port);
    }
    this.#readSize();
  }

  /** Queues of as many ports as both sides know; known once features are settled. */
  #queues(): readonly number[] {
    const { driver } = this;
    if (!driver.has(consoleFeature.multiport)) return [consoleQueue.receive0, consoleQueue.transmit0];
    this.#maxPorts = Math.min(driver.readField(consoleConfig, 'maxPorts'), this.#options.maxPorts);
    return Array.from({ length: consoleQueueCount(Math.max(1, this.#maxPorts)) }, (_, i) => i);
  }

  #tell(port: number, event: number, value: number): void {
    const bytes = new Uint8Array(CONSOLE_CONTROL_BYTES);
    const view = new DataView(bytes.buffer);
    const little = this.driver.transport.littleEndian;
    view.setUint32(consoleControl.port.offset, port, little);
    view.setUint16(consoleControl.event.offset, event, little);
    view.setUint16(consoleControl.value.offset, value, little);
    // Whoever waits for an answer hears of a device that is gone otherwise.
    this.#control?.writer.write(bytes).catch(() => {});
  }

  #add(number: number): ConsoleDriverPort {
    const port = new ConsoleDriverPort(number, this.#line(number));
    this.ports.set(number, port);
    return port;
  }

  #line(number: number): Line {
    const known = this.#lines.get(number);
    if (known !== undefined) return known;
    const { buffers, bufferBytes } = this.#options;
    const line: Line = {
      writer: new ConsoleWriter(this.driver, consoleTransmitQueue(number), {
        count: buffers,
        bytes: bufferBytes,
      }),
      receive: null,
      tellOpen: (open) => this.#tell(number, consoleEvent.portOpen, open ? 1 : 0),
    };
    this.#lines.set(number, line);
    return line;
  }

  /** Shows a port to whoever wants to know, and only then gives the device buffers for its input. */
  #serve(port: ConsoleDriverPort): void {
    port.updateHold();
    this.#options.onPort(port);
    const line = this.#line(port.number);
    if (line.receive !== null) return;
    const { buffers, bufferBytes } = this.#options;
    line.receive = new ReceiveQueue(this.driver, consoleReceiveQueue(port.number), {
      count: buffers,
      bytes: bufferBytes,
      onBuffer: (bytes) => {
        if (bytes.length > 0) this.ports.get(port.number)?.onData(bytes);
      },
    });
    line.receive.poll();
  }

  /** A message of the device's. What makes no sense is passed over. */
  #onControl(bytes: Uint8Array): void {
    if (bytes.length < CONSOLE_CONTROL_BYTES) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = this.driver.transport.littleEndian;
    const number = view.getUint32(consoleControl.port.offset, little);
    const event = view.getUint16(consoleControl.event.offset, little);
    const port = this.ports.get(number);
    if (event === consoleEvent.deviceAdd) this.#onAdd(number);
    else if (port !== undefined) {
      const value = view.getUint16(consoleControl.value.offset, little);
      this.#onPortEvent(port, event, value, bytes.subarray(CONSOLE_CONTROL_BYTES));
    }
  }

  #onAdd(number: number): void {
    // CON-06: a port that is there is not added again.
    if (this.ports.has(number)) return;
    const room = number < this.#maxPorts;
    if (room) this.#serve(this.#add(number));
    this.#tell(number, consoleEvent.portReady, room ? 1 : 0);
  }

  #onPortEvent(port: ConsoleDriverPort, event: number, value: number, rest: Uint8Array): void {
    if (event === consoleEvent.deviceRemove) {
      this.ports.delete(port.number);
      port.remove();
    } else if (event === consoleEvent.consolePort) {
      port.isConsole = true;
      port.isOpen = true;
      // CON-10.
      this.#tell(port.number, consoleEvent.portOpen, 1);
      port.updateHold();
    } else if (event === consoleEvent.portOpen) {
      port.deviceOpen = value !== 0;
      port.updateHold();
      port.onDeviceOpen(port.deviceOpen);
    } else if (event === consoleEvent.portName)
      port.name = new TextDecoder().decode(rest).replace(/\0.*/s, '');
    else if (event === consoleEvent.resize && rest.length >= CONSOLE_RESIZE_BYTES) {
      const view = new DataView(rest.buffer, rest.byteOffset, rest.byteLength);
      const little = this.driver.transport.littleEndian;
      const fields = consoleResizeOrders[this.#options.resizeOrder];
      const columns = view.getUint16(fields.columns.offset, little);
      this.#resize(port, { columns, rows: view.getUint16(fields.rows.offset, little) });
    }
  }

  /** The size in the configuration is port 0's. */
  #readSize(): void {
    const port = this.ports.get(0);
    if (port === undefined || !this.driver.has(consoleFeature.size)) return;
    const columns = this.driver.readField(consoleConfig, 'columns');
    this.#resize(port, { columns, rows: this.driver.readField(consoleConfig, 'rows') });
  }

  #resize(port: ConsoleDriverPort, size: TerminalSize): void {
    if (port.size?.columns === size.columns && port.size.rows === size.rows) return;
    port.size = size;
    port.onResize(size);
  }

  /**
   * Prints a character, of 32 bits, whatever the state of the queues (CON-02).
   * @throws ArgumentError; DeviceFailedError where EMERG_WRITE was not accepted.
   */
  emergencyWrite(character: number): void {
    if (!this.driver.has(consoleFeature.emergencyWrite))
      throw new DeviceFailedError('there is no emergency field: EMERG_WRITE was not accepted');
    checkWhole('character', character, 0, 0xffffffff);
    this.driver.transport.writeConfig(consoleConfig.emergencyWrite.offset, 4, character);
  }

  /** Takes what the device handed back; the interrupt handler. */
  poll(): void {
    for (const { receive, writer } of this.#lines.values()) {
      receive?.poll();
      writer.poll();
    }
    this.#control?.receive.poll();
    this.#control?.writer.poll();
  }

  /** Resets the device; what was not written yet fails. */
  close(): void {
    this.driver.close();
  }
}
