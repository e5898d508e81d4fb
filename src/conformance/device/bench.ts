import type { Bus, Register, Width } from '../../core/index.ts';
import {
  type BringUpOptions,
  type ChainBuffer,
  DmaMemory,
  DriverMsix,
  type FoundFunction,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NoDeviceError,
  type RingPlace,
  type Transport,
  type TransportOptions,
  type UsedChain,
  VirtioDriver,
} from '../../driver/index.ts';
import { memoryAccess } from '../../mmr/access/native.ts';
import {
  type DeviceType,
  deviceStatus,
  feature,
  featureWords,
  hasFeature,
  type SmallRequest,
} from '../../virtio/layout/index.ts';
import { Failure, type Setting, Silence, Skipped } from './check.ts';
import type { Hands } from './hands.ts';
import { type Registers, readRegister, registersOf, writeRegister } from './registers.ts';
import { smallRequest } from './requests.ts';
import type { Subject } from './subject.ts';

/** Pauses after which a device that was asked for something counts as silent, unless the subject says otherwise. */
const PATIENCE = 2_000;
/** Pauses in which a device that should keep still has time to do something. */
const LULL = 30;
/** Pauses that follow each other at once; after each later one the program's other work has its turn. */
const QUICK = 100;
const PAGE = 4096;

/** What a driver was told by interrupts since it connected. */
export interface Signals {
  queue: number;
  config: number;
}

/** A device that works: its driver, the queue of the small request, and the request. */
export interface Running {
  readonly driver: VirtioDriver;
  readonly request: SmallRequest;
  readonly signals: Signals;
}

export interface StartOptions extends Partial<BringUpOptions>, TransportOptions {
  /** Does everything but the last step: DRIVER_OK is not written, whoever asks for it. */
  readonly untilDriverOk?: boolean;
  /** Hears each interrupt of queues, while it is delivered. */
  readonly onQueue?: () => void;
  /** Features that the driver behaves as if it did not know, offered or not. */
  readonly without?: readonly number[];
  /** Where the device is told that a ring is, in place of where it is. */
  readonly misplace?: (place: RingPlace) => RingPlace;
}

/** Readable bytes of a chain, and lengths of its writable part: in one descriptor each, or in several. */
export type Readable = Uint8Array | readonly Uint8Array[];
export type Writable = number | readonly number[];

/** A chain that the device was given. */
export interface Posted {
  readonly head: number;
  readonly queue: number;
  readonly buffers: readonly ChainBuffer[];
}

/** A chain that was handed back, and what the device wrote. */
export interface Answer {
  readonly used: UsedChain;
  /** The writable part, whole. */
  readonly bytes: Uint8Array;
}

function withoutFeatures(words: Uint32Array, bits: readonly number[]): Uint32Array {
  const mask = featureWords(bits);
  return words.map((word, i) => word & ~mask[i]!);
}

const listOf = <T extends Uint8Array | number>(pieces: T | readonly T[]): readonly T[] =>
  Array.isArray(pieces) ? (pieces as readonly T[]) : [pieces as T];

/** What a check works with: a function that was found, its registers, and drivers to be had for the asking. */
export class Bench {
  readonly bus: Bus;
  readonly found: FoundFunction;
  readonly type: DeviceType;
  readonly setting: Setting;
  readonly hands: Hands;
  readonly subject: Subject;
  /** Memory for rings and buffers. */
  readonly memory: DmaMemory;
  /** Made when first asked for, as the function need not have the interface. */
  #registers: Registers | null = null;
  #transport: Transport | null = null;
  /** A page that is never handed out, for a balloon to take. */
  readonly #page: number;

  /** @throws NoDeviceError where there is no function. */
  constructor(subject: Subject, setting: Setting, bus: Bus = subject.target.bus) {
    const { fn } = subject.target;
    const found = findFunction(bus, fn);
    if (found === null) throw new NoDeviceError(`${subject.target.name} has no function any more`);
    this.bus = bus;
    this.found = found;
    this.type = subject.type;
    this.setting = setting;
    this.hands = subject.hands;
    this.subject = subject;
    this.#page = subject.memory.end - PAGE;
    this.memory = new DmaMemory(bus.ram, subject.memory.start, this.#page);
  }

  /** @throws what the driver's own search for the interface throws. */
  get registers(): Registers {
    const { bus, found, setting, subject } = this;
    this.#registers ??= registersOf(bus, found, setting, subject.draft);
    return this.#registers;
  }

  /** Any one transport; each call of {@link open} replaces it. @throws what its own search for the interface throws. */
  get transport(): Transport {
    return this.#transport ?? this.open();
  }

  get #patience(): number {
    return this.subject.patience ?? PATIENCE;
  }

  /** MSI-X vectors of the function; 0 where it has none. */
  get vectors(): number {
    return DriverMsix.find(this.bus, this.found)?.vectors ?? 0;
  }

  /** The driver speaks virtio 1.x. */
  get modern(): boolean {
    return this.setting !== 'legacy';
  }

  /** A new transport, not connected; the one before is disconnected. */
  open(options: TransportOptions = {}): Transport {
    this.#transport?.disconnect();
    const { bus, found, subject } = this;
    options = { patience: this.#patience, ...options };
    if (this.modern) this.#transport = new ModernTransport(bus, found, options);
    else {
      const access =
        subject.draft === undefined ? legacyAccess(bus, found) : memoryAccess(bus, found, subject.draft);
      this.#transport = new LegacyTransport(bus, found, access, options);
    }
    return this.#transport;
  }

  /** A register of the legacy header or of the common configuration, at its own width. */
  get(register: Register): number {
    return readRegister(this.registers.main, register);
  }

  put(register: Register, value: number): void {
    writeRegister(this.registers.main, register, value);
  }

  config(offset: number, width: Width): number {
    return this.registers.config.read(offset, width);
  }

  /** What the device offers; its selectors are moved. */
  offered(): Uint32Array {
    return this.transport.readFeatures();
  }

  offers(bit: number): boolean {
    return hasFeature(this.offered(), bit);
  }

  /** Ends the check where the device does not offer a feature. */
  needs(bit: number, name: string): void {
    if (!this.offers(bit)) this.skip(`${name} is not offered`);
  }

  /** Ends the check where nobody can do that to the device from its own side. */
  hand<K extends keyof Hands>(name: K): NonNullable<Hands[K]> {
    const found = this.hands[name];
    if (found === undefined) this.skip(`nobody here can ask the device for it: ${name}`);
    return found;
  }

  /** This check cannot be made here. */
  skip(reason: string): never {
    throw new Skipped(reason);
  }

  /** @param expected what the clause asks for here. @param seen what the device did instead. */
  check(clause: string, holds: boolean, expected: string, seen: string): void {
    if (!holds) throw new Failure(clause, expected, seen);
  }

  /** @param what whose value it is: `device_status after reset`. */
  equal(clause: string, what: string, seen: number, expected: number): void {
    const hex = (value: number) => `0x${value.toString(16)}`;
    this.check(clause, seen === expected, `${what} = ${hex(expected)}`, hex(seen));
  }

  /** The small request of the type. */
  small(): SmallRequest {
    const request = smallRequest(this.type, { modern: this.modern, page: this.#page });
    return (
      request ??
      this.skip(
        `this suite has no request for devices of type ${this.type.name}, and their row has no smallRequest`,
      )
    );
  }

  /** Resets the device and brings it up with the queue of the small request, and what is asked for besides. */
  start(options: StartOptions = {}): Running {
    const request = this.small();
    const signals: Signals = { queue: 0, config: 0 };
    const transport = this.open(options);
    const connect = transport.connect.bind(transport);
    transport.connect = ({ queue, config }) =>
      connect({
        queue: () => {
          signals.queue++;
          queue();
        },
        config: () => {
          signals.config++;
          config();
        },
      });
    if (options.untilDriverOk === true) {
      const setStatus = transport.setStatus.bind(transport);
      transport.setStatus = (value) => {
        if ((value & deviceStatus.driverOk) === 0) setStatus(value);
      };
    }
    const { without = [] } = options;
    if (without.length > 0) {
      const readFeatures = transport.readFeatures.bind(transport);
      transport.readFeatures = () => withoutFeatures(readFeatures(), without);
    }
    if (options.misplace !== undefined) {
      const { misplace } = options;
      const setUpQueue = transport.setUpQueue.bind(transport);
      transport.setUpQueue = (index, size, place) => setUpQueue(index, size, misplace(place));
    }
    const driver = new VirtioDriver(transport, this.memory);
    const ringFeatures = options.ringFeatures ?? [feature.ringIndirectDescriptors, feature.ringEventIndex];
    driver.bringUp(
      {
        features: request.features ?? [],
        queues: [request.queue],
        maxQueueSize: 256,
        ...options,
        ringFeatures: this.setting === 'packed' ? [...ringFeatures, feature.ringPacked] : ringFeatures,
      },
      { queue: () => options.onQueue?.(), config: () => {} },
    );
    return { driver, request, signals };
  }

  /** Puts bytes into memory, and gives the buffers of a chain: the readable ones, then the writable ones. */
  buffers(out: Readable, inBytes: Writable): ChainBuffer[] {
    const { memory } = this;
    const readable = listOf(out).filter((bytes) => bytes.length > 0);
    return [
      ...readable.map((bytes) => {
        const address = memory.allocate(bytes.length);
        memory.ram.write(address, bytes);
        return { address, length: bytes.length, writable: false };
      }),
      ...listOf(inBytes)
        .filter((length) => length > 0)
        .map((length) => ({ address: memory.allocate(length), length, writable: true })),
    ];
  }

  /** Exposes a chain and kicks as the device wants it. */
  post(driver: VirtioDriver, queue: number, out: Readable, inBytes: Writable): Posted {
    const buffers = this.buffers(out, inBytes);
    const head = driver.add(queue, buffers);
    driver.kick(queue);
    return { head, queue, buffers };
  }

  /** What stands in the writable part of a chain. */
  written({ buffers }: Pick<Posted, 'buffers'>): Uint8Array {
    const pieces = buffers.filter(({ writable }) => writable);
    return Uint8Array.from(
      pieces.flatMap(({ address, length }) => [...this.memory.ram.read(address, length)]),
    );
  }

  /** Exposes a chain, kicks as the device wants it, and waits until it is handed back. @throws Silence */
  async ask(
    { driver, request }: Pick<Running, 'driver' | 'request'>,
    clause: string,
    {
      queue = request.queue,
      out = request.out as Readable,
      inBytes = request.inBytes as Writable,
    }: { queue?: number; out?: Readable; inBytes?: Writable } = {},
  ): Promise<Answer> {
    const posted = this.post(driver, queue, out, inBytes);
    const used = await this.taken(driver, queue, clause);
    return { used, bytes: this.written(posted) };
  }

  /** The next chain that is handed back. @throws Silence */
  async taken(driver: VirtioDriver, queue: number, clause: string): Promise<UsedChain> {
    let used: UsedChain | null = null;
    await this.until(clause, 'the chain is handed back', () => {
      used = driver.take(queue);
      return used !== null || driver.failure !== null;
    });
    if (used === null) throw new Failure(clause, 'a used chain', String(driver.failure?.message));
    return used;
  }

  /** Lets time pass until it is so. @throws Silence */
  async until(clause: string, expected: string, done: () => boolean): Promise<void> {
    for (let pauses = 0; !done(); pauses++) {
      if (pauses === this.#patience) throw new Silence(clause, expected, 'nothing');
      await this.#pause(pauses);
    }
  }

  /** Lets time pass in which nothing should happen. */
  async lull(): Promise<void> {
    for (let pauses = 0; pauses < LULL; pauses++) await this.#pause(pauses);
  }

  async #pause(before: number): Promise<void> {
    this.bus.pause();
    await (before < QUICK ? null : new Promise((resolve) => setTimeout(resolve, 0)));
  }
}
