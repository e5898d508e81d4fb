import {
  expectAt,
  expectSame,
  OptionError,
  type State,
  type Task,
  VirtiolabError,
} from '../../core/index.ts';
import type { ConsoleBackend, ConsolePort, ConsoleSize } from '../backends/console-backend.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  type ConsoleResizeOrder,
  consoleConfig,
  consoleDeviceType,
  consoleFeature,
  consolePortOf,
  consoleQueue,
  consoleQueueCount,
  consoleTransmitQueue,
} from '../layout/index.ts';
import { aboutChain, type Chain, NOT_DONE } from '../queue/chain.ts';
import { checkQueueSizes } from '../queue/limits.ts';
import type { SavedDevice } from '../queue-user.ts';
import { ConsoleControl, MAX_PORT_NAME_BYTES } from './console/control.ts';
import { ConsoleLine, type LineOwner, PluggedPort } from './console/line.ts';
import { consoleState } from './console/state.ts';

/** A port that a console cannot have. */
export class ConsolePortError extends VirtiolabError {
  readonly port: number;

  constructor(port: number, reason: string) {
    super(`console port ${port}: ${reason}`);
    this.port = port;
  }
}

/** An option of a console that none can have. */
export class ConsoleOptionError extends OptionError {}

export interface ConsolePortOptions {
  readonly backend: ConsoleBackend;
  /**
   * By default the lowest number that is free; 0 only for the first port there is, and for consoles. A driver without
   * MULTIPORT sees port 0 only.
   */
  readonly number?: number;
  /** What the driver's side may find it by; at most 255 bytes of UTF-8. */
  readonly name?: string;
  /** A text console, to be treated as such; by default only port 0 is one. */
  readonly console?: boolean;
  /** Size of its terminal, where it has one. */
  readonly size?: ConsoleSize;
}

export interface ConsoleOptions {
  /** Ports from the start. */
  readonly ports?: readonly ConsolePortOptions[];
  /** Most ports that there can be; with 0 the device does without MULTIPORT, and has port 0 alone. */
  readonly maxPorts?: number;
  /** Offers SIZE: port 0 is a terminal of a size. */
  readonly offersSize?: boolean;
  /** Offers EMERG_WRITE; by default so. */
  readonly emergencyWrite?: boolean;
  /** Where the characters of emergency writes go; by default to the first port that is a console. */
  readonly onEmergency?: (character: number) => void;
  /**
   * How a RESIZE message orders its fields. The specification puts the columns first; older Linux drivers read the
   * rows first.
   */
  readonly resizeOrder?: ConsoleResizeOrder;
  /** Descriptors of the ports' queues and of the control queues. */
  readonly queueSize?: number;
  readonly controlQueueSize?: number;
}

const MAX_CELLS = 0xffff;

/** A terminal's size has 16 bits for either number. @throws ConsolePortError */
function checkSize(port: number, { columns, rows }: ConsoleSize): void {
  for (const cells of [columns, rows])
    if (!Number.isInteger(cells) || cells < 0 || cells > MAX_CELLS)
      throw new ConsolePortError(
        port,
        `a size of ${columns} x ${rows}: wants whole numbers up to ${MAX_CELLS}`,
      );
}

/** As many as leave each queue a doorbell in the notification structure of 4096 bytes. */
const MOST_PORTS = 510;

/** Fields of its configuration that change while it is at work. */
const VARYING = ['columns', 'rows', 'emergencyWrite'] as const;

/**
 * The console device (chapter Console Device): ports with a pair of queues each, control messages that announce, open and
 * close them, terminal sizes, emergency writes. Nothing is kept here: output stays in the driver's buffers until the back
 * end takes it, input with the back end until the driver has buffers for it.
 */
export class ConsoleDevice implements DeviceBehaviour, LineOwner {
  readonly type = consoleDeviceType;
  readonly record = consoleState;
  readonly features: readonly number[];
  readonly config = new DeviceConfig(consoleConfig);
  readonly queueSizes: readonly number[];
  device!: DevicePort;
  readonly #lines: readonly ConsoleLine[];
  readonly #control: ConsoleControl;
  readonly #offersMultiport: boolean;
  readonly #onEmergency: (character: number) => void;
  /** There was a port 0 once. */
  #hadPort0 = false;

  /** @throws ConsolePortError, ConsoleOptionError, QueueSizeError */
  constructor(options: ConsoleOptions = {}) {
    const { maxPorts = 31, queueSize = 128, controlQueueSize = 32, emergencyWrite = true } = options;
    if (!Number.isInteger(maxPorts) || maxPorts < 0 || maxPorts > MOST_PORTS)
      throw new ConsoleOptionError('maxPorts', maxPorts, `a whole number of at most ${MOST_PORTS}`);
    this.#offersMultiport = maxPorts > 0;
    this.features = [
      ...(options.offersSize === true ? [consoleFeature.size] : []),
      ...(this.#offersMultiport ? [consoleFeature.multiport] : []),
      ...(emergencyWrite ? [consoleFeature.emergencyWrite] : []),
    ];
    this.queueSizes = Array.from(
      { length: this.#offersMultiport ? consoleQueueCount(maxPorts) : 2 },
      (_, i) => (consolePortOf(i) < 0 ? controlQueueSize : queueSize),
    );
    checkQueueSizes(this.queueSizes);
    this.#lines = Array.from({ length: Math.max(1, maxPorts) }, (_, i) => new ConsoleLine(i, this));
    this.#control = new ConsoleControl(this.#lines, options.resizeOrder ?? 'columns-first');
    this.config.set('maxPorts', this.#offersMultiport ? maxPorts : 0);
    this.config.vary(VARYING);
    this.#onEmergency = options.onEmergency ?? ((character) => this.#toConsole(character));
    if (emergencyWrite) this.config.onWrite('emergencyWrite', (written) => this.#emergency(written));
    for (const port of options.ports ?? []) this.addPort(port);
  }

  attach(device: DevicePort): void {
    this.device = device;
    this.#control.device = device;
  }

  get attached(): boolean {
    return this.device !== undefined;
  }

  /** Ports that are plugged in, by number. */
  get ports(): readonly ConsolePort[] {
    return this.#lines.flatMap(({ port }) => port ?? []);
  }

  /** Plugs a port in, at any time. @throws ConsolePortError */
  addPort(options: ConsolePortOptions): ConsolePort {
    const number = options.number ?? this.#freeNumber(options.console);
    const line = this.#lines[number];
    if (line === undefined)
      throw new ConsolePortError(number, `wants a number of 0 to ${this.#lines.length - 1} that is free`);
    if (line.port !== null) throw new ConsolePortError(number, 'the number is taken');
    const { name = '', backend, size = null } = options;
    if (size !== null) checkSize(number, size);
    if (new TextEncoder().encode(name).length > MAX_PORT_NAME_BYTES)
      throw new ConsolePortError(
        number,
        `name ${JSON.stringify(name)}: at most ${MAX_PORT_NAME_BYTES} bytes`,
      );
    const port = new PluggedPort(line, name, options.console ?? number === 0, backend);
    line.port = port;
    if (number === 0) this.#hadPort0 = true;
    if (size !== null) line.resize(size);
    backend.attach(port);
    if (this.attached) this.#control.added(line);
    return port;
  }

  /**
   * Port 0 is the console's: it is the first port that comes without a number, or one that says that it is a console. It is
   * not left to any other once its console is gone, which would be taken for one.
   */
  #freeNumber(isConsole = !this.#hadPort0): number {
    const first = isConsole || this.#lines.length === 1 ? 0 : 1;
    return this.#lines.findIndex(({ port, number }) => number >= first && port === null);
  }

  /** Pulls a port out, at any time. @throws ConsolePortError when there is none of that number. */
  removePort(number: number): void {
    const line = this.#lines[number];
    if (line === undefined || line.port === null) throw new ConsolePortError(number, 'there is none');
    if (this.attached) this.#control.removed(line);
    line.unplug();
  }

  checkSize(line: ConsoleLine, size: ConsoleSize): void {
    checkSize(line.number, size);
  }

  openChanged(line: ConsoleLine): void {
    if (this.attached) this.#control.openChanged(line);
  }

  sizeChanged(line: ConsoleLine): void {
    if (this.attached) this.#control.sizeChanged(line);
    if (line.number !== 0) return;
    // SUSP-09: the configuration of a suspended device stays as it is.
    if (this.attached && this.device.suspended) this.device.whenDma(this.#lateSize);
    else this.#showSize();
  }

  /** The configuration has the size of port 0 only. */
  #showSize(): void {
    const { size } = this.#lines[0]!;
    if (size === null || !this.features.includes(consoleFeature.size)) return;
    this.config.set('columns', size.columns);
    this.config.set('rows', size.rows);
    if (this.attached && this.device.has(consoleFeature.size)) this.device.configChanged();
  }

  readonly #lateSize: Task = { label: 'console size', run: () => this.#showSize() };

  /** CON-02, CON-03: at any time, whatever the driver has set up, and also where it writes the field in pieces. */
  #emergency(written: number): void {
    const character = this.config.get('emergencyWrite') & 0xff;
    this.config.set('emergencyWrite', 0);
    if ((written & 0xff) !== 0) this.#onEmergency(character);
  }

  #toConsole(character: number): void {
    const ports = this.#lines.flatMap(({ port }) => port ?? []);
    const console = ports.find(({ isConsole, open }) => isConsole && open);
    console?.backend.transmit(Uint8Array.of(character), 0, 1);
  }

  handle(chain: Chain): void {
    const { queue } = chain;
    const number = consolePortOf(queue);
    // Served all the same: what a chain in flight is must not change with the features that a driver writes meanwhile.
    if (number !== 0 && !this.device.has(consoleFeature.multiport))
      this.device.report(
        'driver',
        'BF-FEAT-03',
        'a queue that wants MULTIPORT, which was not accepted',
        aboutChain(chain),
      );
    if (queue === consoleQueue.controlReceive) this.#control.addBuffer(chain);
    else if (queue === consoleQueue.controlTransmit) this.#control.receive(chain);
    else if (queue % 2 === 0) this.#lines[number]!.addReceive(chain);
    else this.#lines[number]!.addTransmit(chain);
  }

  /** Without MULTIPORT no message opens port 0. */
  started(): void {
    if (!this.device.has(consoleFeature.multiport)) this.#lines[0]!.setDriverOpen(true);
  }

  queueReset(queue: number): void {
    const number = consolePortOf(queue);
    if (number >= 0 && queue % 2 === 1) this.#lines[number]!.transmitReset();
  }

  reset(): void {
    this.#control.reset();
    for (const line of this.#lines) line.reset();
  }

  /** Ports come and go, and are no part of it. */
  #shape() {
    const { type, features } = this;
    return {
      type: type.name,
      features: [...features],
      ports: this.#lines.length,
      resizeOrder: this.#control.resizeOrder,
    };
  }

  check(state: State, path = 'console device', device?: SavedDevice) {
    const saved = consoleState.parse(state, path, this.#shape());
    expectSame(`${path}.lines.length`, saved.lines.length, this.#lines.length);
    if (device === undefined) return saved;
    for (const [number, { sent }] of saved.lines.entries()) {
      const { inFlight } = device.queues[consoleTransmitQueue(number)]!;
      const chain = inFlight.find(({ written }) => written === NOT_DONE);
      const bytes = chain?.lengths.slice(0, chain.readableCount).reduce((sum, each) => sum + each, 0) ?? 0;
      expectAt(path)(sent <= bytes, `lines[${number}].sent`, sent, `at most ${bytes}, of the buffer in hand`);
    }
    if (this.features.includes(consoleFeature.emergencyWrite))
      this.config.expectSaved('emergencyWrite', device, 0);
    return saved;
  }

  save() {
    return consoleState.save({
      shape: this.#shape(),
      control: this.#control.save(),
      lines: this.#lines.map((line) => line.save()),
    });
  }

  load(state: State): void {
    const saved = this.check(state);
    const stays = !this.device.has(consoleFeature.multiport);
    for (const [i, line] of this.#lines.entries()) line.load(saved.lines[i]!, stays);
    this.#control.load(saved.control);
    const { size } = this.#lines[0]!;
    const shown =
      size === null || (this.config.get('columns') === size.columns && this.config.get('rows') === size.rows);
    if (!shown) this.device.whenDma(this.#lateSize);
  }
}
