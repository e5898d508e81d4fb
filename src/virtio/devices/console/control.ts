import { reachClause, shapeClause, strictFraming } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  CONSOLE_CONTROL_BYTES,
  CONSOLE_RESIZE_BYTES,
  type ConsoleResizeOrder,
  consoleControl,
  consoleEvent,
  consoleResizeOrders,
} from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { WaitingChains } from '../../queue/waiting.ts';
import type { ConsoleLine } from './line.ts';
import type { SavedConsole } from './state.ts';

/** What the driver knows of a port. */
interface Known {
  /** DEVICE_ADD has reached the driver, and no DEVICE_REMOVE is under way. */
  added: boolean;
  /** It did so once: a message that crosses a DEVICE_REMOVE is no mistake. */
  everAdded: boolean;
  /** The driver answered with PORT_READY. */
  ready: boolean;
  /** The last PORT_OPEN said so. */
  open: boolean;
}

type Message = SavedConsole['control']['pending'][number];

const eventNames = Object.entries(consoleEvent);
const nameOf = (event: number) => eventNames.find(([, value]) => value === event)?.[0] ?? 'unknown event';

/** Room for the longest message: a name as long as it may be. */
export const MAX_PORT_NAME_BYTES = 255;

/**
 * The control queues of a console with MULTIPORT: what the device tells the driver of its ports, and what the driver
 * answers. A message that waits for a buffer is an event and a port; what else it says is put in when it leaves. So none
 * waits twice, and however long a driver gives no buffers, there are never more than some of each port.
 */
export class ConsoleControl {
  readonly #lines: readonly ConsoleLine[];
  readonly resizeOrder: ConsoleResizeOrder;
  readonly #known: Known[];
  readonly #buffers = new WaitingChains();
  #pending: Message[] = [];
  /** The driver has said that it takes messages (CON-08). */
  #ready = false;
  #waitsForDma = false;
  readonly #message = new Uint8Array(CONSOLE_CONTROL_BYTES + MAX_PORT_NAME_BYTES);
  readonly #view = new DataView(this.#message.buffer);
  device!: DevicePort;

  constructor(lines: readonly ConsoleLine[], resizeOrder: ConsoleResizeOrder) {
    this.#lines = lines;
    this.resizeOrder = resizeOrder;
    this.#known = lines.map(() => ({ added: false, everAdded: false, ready: false, open: false }));
  }

  /** A buffer for a message of the device's. */
  addBuffer(chain: Chain): void {
    const { device } = this;
    this.#checkFraming(chain);
    if (chain.readableCount > 0)
      device.report('driver', 'CON-04', 'readable bytes in a control buffer', aboutChain(chain));
    if (chain.writableBytes === 0) device.complete(chain, 0);
    else this.#buffers.add(chain);
    this.#send();
  }

  /** LEG-CON-04: without ANY_LAYOUT a control message is one descriptor. Served all the same. */
  #checkFraming(chain: Chain): void {
    const { device } = this;
    if (strictFraming(device) && chain.count !== 1)
      device.report(
        'driver',
        'LEG-CON-04',
        'framing that wants ANY_LAYOUT, which was not accepted',
        aboutChain(chain),
      );
  }

  /** A port was plugged in. */
  added({ number }: ConsoleLine): void {
    if (this.#ready) this.#queue(consoleEvent.deviceAdd, number);
  }

  /** A port was unplugged. */
  removed({ number }: ConsoleLine): void {
    this.#forget(number);
    this.device.batch(() => this.#send());
  }

  #forget(number: number): void {
    const known = this.#known[number]!;
    // What the driver has not been told yet it need not be told; a removal before that stands.
    this.#pending = this.#pending.filter(
      ({ event, port }) => port !== number || event === consoleEvent.deviceRemove,
    );
    // CON-07: only of a port that the driver was told of.
    if (known.added) this.#enqueue(consoleEvent.deviceRemove, number);
    known.added = known.ready = known.open = false;
  }

  openChanged({ number }: ConsoleLine): void {
    if (this.#known[number]!.ready) this.#queue(consoleEvent.portOpen, number);
  }

  sizeChanged({ number }: ConsoleLine): void {
    const { port } = this.#lines[number]!;
    if (this.#known[number]!.ready && port?.isConsole === true) this.#queue(consoleEvent.resize, number);
  }

  #queue(event: Message['event'], port: number): void {
    this.#enqueue(event, port);
    this.device.batch(() => this.#send());
  }

  #enqueue(event: Message['event'], port: number): void {
    if (!this.#pending.some((each) => each.event === event && each.port === port))
      this.#pending.push({ event, port });
  }

  /** Puts messages into the driver's buffers. */
  #send(): void {
    const { device } = this;
    while (this.#pending.length > 0 && this.#buffers.length > 0) {
      if (!device.dmaEnabled) {
        this.#waitForDma();
        return;
      }
      const chain = this.#buffers.take()!;
      const message = this.#pending[0]!;
      const length = this.#write(message);
      const room = Math.min(length, chain.writableBytes);
      if (room < length) {
        const text = `a control buffer of ${room} bytes: the message of ${length} is cut`;
        device.report('driver', shapeClause(this.device), text, aboutChain(chain, 'length in bytes', room));
      }
      if (chain.write(0, this.#message, 0, room)) {
        this.#pending.shift();
        this.#tell(message);
        device.complete(chain, room);
      } else {
        device.report('driver', reachClause(device), 'a control buffer out of reach', aboutChain(chain));
        device.complete(chain, 0);
      }
    }
  }

  #waitForDma(): void {
    if (this.#waitsForDma) return;
    this.#waitsForDma = true;
    const run = () => {
      this.#waitsForDma = false;
      this.device.batch(() => this.#send());
    };
    this.device.whenDma({ label: 'console control', run });
  }

  /** Writes a message as it stands now. @returns its length. */
  #write({ event, port }: Message): number {
    const little = this.device.littleEndian;
    const line = this.#lines[port]!;
    const value = event === consoleEvent.portOpen && line.port?.open !== true ? 0 : 1;
    this.#view.setUint32(consoleControl.port.offset, port, little);
    this.#view.setUint16(consoleControl.event.offset, event, little);
    this.#view.setUint16(consoleControl.value.offset, value, little);
    if (event === consoleEvent.resize) {
      const fields = consoleResizeOrders[this.resizeOrder];
      const { columns, rows } = line.size!;
      this.#view.setUint16(CONSOLE_CONTROL_BYTES + fields.columns.offset, columns, little);
      this.#view.setUint16(CONSOLE_CONTROL_BYTES + fields.rows.offset, rows, little);
      return CONSOLE_CONTROL_BYTES + CONSOLE_RESIZE_BYTES;
    }
    if (event !== consoleEvent.portName) return CONSOLE_CONTROL_BYTES;
    const name = new TextEncoder().encode(line.port!.name);
    this.#message.set(name, CONSOLE_CONTROL_BYTES);
    return CONSOLE_CONTROL_BYTES + name.length;
  }

  /** The driver will know what the message says. */
  #tell({ event, port }: Message): void {
    const known = this.#known[port]!;
    if (event === consoleEvent.deviceAdd) known.added = known.everAdded = true;
    else if (event === consoleEvent.portOpen) known.open = this.#lines[port]!.port?.open === true;
  }

  /** A message of the driver's. */
  receive(chain: Chain): void {
    const { device } = this;
    this.#checkFraming(chain);
    if (chain.readableCount < chain.count)
      device.report('driver', 'CON-04', 'writable bytes in a control message', aboutChain(chain));
    const view = chain.header(CONSOLE_CONTROL_BYTES);
    if (view === null) {
      const length = chain.readableBytes;
      if (length < CONSOLE_CONTROL_BYTES)
        device.report(
          'driver',
          shapeClause(device),
          `a control message of ${length} bytes`,
          aboutChain(chain, 'length in bytes', length),
        );
      else device.report('driver', reachClause(device), 'a control message out of reach', aboutChain(chain));
      device.complete(chain, 0);
      return;
    }
    const little = device.littleEndian;
    const port = view.getUint32(chain.headerAt + consoleControl.port.offset, little);
    const event = view.getUint16(chain.headerAt + consoleControl.event.offset, little);
    const value = view.getUint16(chain.headerAt + consoleControl.value.offset, little);
    device.complete(chain, 0);
    this.#obey(chain, port, event, value);
    this.#send();
  }

  #obey(chain: Chain, port: number, event: number, value: number): void {
    if (
      event !== consoleEvent.deviceReady &&
      event !== consoleEvent.portReady &&
      event !== consoleEvent.portOpen
    ) {
      const message = `a control message with event ${event} (${nameOf(event)}), which is no driver's to send`;
      this.device.report('driver', shapeClause(this.device), message, aboutChain(chain, 'event', event));
      return;
    }
    if (value > 1)
      this.device.report(
        'driver',
        shapeClause(this.device),
        `${nameOf(event)} with value ${value}: wants 0 or 1`,
        aboutChain(chain, 'value', value),
      );
    if (event === consoleEvent.deviceReady) this.#onDeviceReady(chain, value !== 0);
    else if (this.#mayName(chain, port, event)) {
      if (event === consoleEvent.portReady) this.#onPortReady(port, value !== 0);
      else this.#lines[port]!.setDriverOpen(value !== 0);
    }
  }

  /** Whether the port is there for the driver to speak of. */
  #mayName(chain: Chain, port: number, event: number): boolean {
    const known = this.#known[port];
    if (known?.everAdded !== true) {
      const message = `${nameOf(event)} for port ${port}, which was not added`;
      this.device.report('driver', shapeClause(this.device), message, aboutChain(chain, 'port', port));
    }
    return known?.added === true;
  }

  #onDeviceReady(chain: Chain, ready: boolean): void {
    if (this.#ready && ready) {
      // CON-06: a port that the driver knows must not be added again.
      this.device.report('driver', 'CON-08', 'DEVICE_READY once more', aboutChain(chain));
      return;
    }
    if (!this.#ready && ready)
      for (const { port, number } of this.#lines)
        if (port !== null && !this.#known[number]!.added) this.#enqueue(consoleEvent.deviceAdd, number);
    this.#ready = ready;
  }

  #onPortReady(number: number, ready: boolean): void {
    const known = this.#known[number]!;
    const line = this.#lines[number]!;
    if (ready && !known.ready) {
      const { port, size } = line;
      if (port!.isConsole) this.#enqueue(consoleEvent.consolePort, number);
      if (port!.name !== '') this.#enqueue(consoleEvent.portName, number);
      if (port!.isConsole && size !== null) this.#enqueue(consoleEvent.resize, number);
      if (port!.open) this.#enqueue(consoleEvent.portOpen, number);
    }
    known.ready = ready;
  }

  reset(): void {
    this.#buffers.clear();
    this.#pending = [];
    this.#ready = false;
    for (const known of this.#known) known.added = known.everAdded = known.ready = known.open = false;
  }

  save(): SavedConsole['control'] {
    return {
      ready: this.#ready,
      known: this.#known.map((known) => ({ ...known })),
      pending: this.#pending.map((message) => ({ ...message })),
    };
  }

  /** Ports may have come, gone or changed since the state was saved: the driver will be told. */
  load(saved: SavedConsole['control']): void {
    this.reset();
    this.#ready = saved.ready;
    this.#pending = saved.pending.map((message) => ({ ...message }));
    for (const [number, known] of this.#known.entries()) {
      Object.assign(known, saved.known[number]);
      const { port } = this.#lines[number]!;
      const announced =
        known.added ||
        this.#pending.some((each) => each.port === number && each.event === consoleEvent.deviceAdd);
      if (port === null && announced) this.#forget(number);
      else if (port !== null && !announced && this.#ready) this.#enqueue(consoleEvent.deviceAdd, number);
      else if (port !== null && known.ready && known.open !== port.open)
        this.#enqueue(consoleEvent.portOpen, number);
    }
  }
}
