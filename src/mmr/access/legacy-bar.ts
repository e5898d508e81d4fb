import {
  type Bus,
  type FindingAbout,
  maskOf,
  record,
  type State,
  shape,
  type Width,
} from '../../core/index.ts';
import {
  configOf,
  type DriverMsix,
  type FunctionConfig,
  type FunctionReference,
} from '../../driver/index.ts';
import { command, MAX_IO_BYTES, status, type0Header } from '../../pci/layout/index.ts';
import { LEGACY_BAR, LEGACY_CONFIG_OFFSET_MSIX, legacyHeader } from '../../virtio/layout/index.ts';
import type { GuestRegisters, GuestSide, LegacyBackend } from './backend.ts';
import { ALL_ONES, HeldFunction, type Holder, refusePresented, requirePlace } from './held-function.ts';
import { awaitReset } from './reset.ts';

const { deviceStatus, isrStatus, queueNotify } = legacyHeader;

type BarSpace = 'io' | 'memory';

/** Nothing but what it was made with: all else is in the guest's function. */
const stateOf = (name: string) => record(`${name}-backend`, 1, { shape });
const states = { io: stateOf('io-bar'), memory: stateOf('memory-bar') } as const;

/**
 * The legacy block in BAR0 of an ordinary legacy or transitional function, whose MSI-X and pin follow the guest's, masks and all. In
 * I/O space, where it belongs, it is the reference: every access goes on as it is. In memory writes are posted, so each but a notification is
 * pushed by a read of status, which has no side effect. `configBytes` is told, since a BAR does not say how much of it is configuration.
 */
class LegacyBarBackend implements LegacyBackend, Holder {
  readonly record;
  readonly name: 'io-bar' | 'memory-bar';
  readonly configBytes: number;
  readonly #space: BarSpace;
  readonly vectors: number;
  readonly #held: HeldFunction;
  readonly #host: FunctionConfig;
  readonly #bus: Bus;
  readonly #messages: DriverMsix;
  #disconnect: () => void = () => {};
  #guest: GuestSide | null = null;
  #line = false;

  /** @throws AlreadyPresentedError, and TranslatorError when the function has no BAR0 of that kind. */
  constructor(bus: Bus, fn: FunctionReference, space: BarSpace, configBytes: number) {
    this.#space = space;
    this.record = states[space];
    this.name = `${space}-bar`;
    this.configBytes = configBytes;
    this.#bus = bus;
    const held = new HeldFunction(bus, fn, this);
    this.#held = held;
    this.#host = held.host;
    try {
      const place = { bar: LEGACY_BAR, offset: 0, kind: space };
      const decoded = space === 'io' ? command.io | command.memory : command.memory;
      this.#messages = held.open(place, decoded, command.interruptDisable);
    } catch (error) {
      held.release();
      throw error;
    }
    this.vectors = this.#messages.vectors;
    this.reset();
    this.#disconnect = bus.interrupts.connectLine(this.#host.read(type0Header.interruptLine), () =>
      this.#onLine(),
    );
  }

  attach(guest: GuestSide): void {
    this.#guest = guest;
  }

  onMessage(vector: number): void {
    this.#guest?.trigger(vector);
  }

  report(clause: string, message: string, about: FindingAbout): void {
    this.#guest?.report(clause, message, about);
  }

  #in(offset: number, width: Width): number {
    const at = this.#held.base + offset;
    return this.#space === 'io' ? this.#bus.ioRead(at, width) : this.#bus.memoryRead(at, width);
  }

  #out(offset: number, width: Width, value: number): void {
    const at = this.#held.base + offset;
    if (this.#space === 'io') this.#bus.ioWrite(at, width, value);
    else {
      this.#bus.memoryWrite(at, width, value);
      if (offset !== queueNotify.offset) this.#in(deviceStatus.offset, 1);
    }
  }

  #pending(): boolean {
    return (this.#host.read(type0Header.status) & status.interrupt) !== 0;
  }

  /** The host's line rose: it is held off at the function until the guest has read ISR. */
  #onLine(): boolean {
    if (this.#line || this.#held.waitsForGuest || !this.#pending()) return false;
    this.#host.setCommand(command.interruptDisable, 0);
    this.#line = true;
    this.#guest?.setLine(true);
    return true;
  }

  /** After whatever may have dropped the function's interrupt. */
  #followLine(): void {
    if (!this.#line || this.#pending()) return;
    this.#line = false;
    this.#guest?.setLine(false);
    this.#host.setCommand(0, command.interruptDisable);
  }

  read(offset: number, width: Width): number {
    const held = this.#held;
    if (!held.ready && !held.enter()) return maskOf(width);
    const value = this.#in(offset, width);
    if (offset === isrStatus.offset) this.#followLine();
    else if (offset === deviceStatus.offset && (value & 0xff) === ALL_ONES) held.lost();
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    const held = this.#held;
    // However wide the write, status takes its low byte.
    const resets = offset === deviceStatus.offset && (value & 0xff) === 0;
    if (!held.ready && !held.enter(resets ? 'BF-RST-01' : undefined)) return;
    this.#out(offset, width, value);
    if (offset !== deviceStatus.offset) return;
    if (resets) this.#forget();
    this.#followLine();
  }

  /** After a reset: what was on its way to the guest comes from before (BF-RST-02). */
  #forget(): void {
    this.#messages.discard();
    this.#guest?.forget?.();
  }

  setMsix(enabled: boolean): void {
    // In configuration space, whether or not the block is decoded.
    this.#held.locate();
    if (!this.#held.kept) return;
    // Where the guest's table is kept elsewhere nobody tells of its masks.
    if (enabled) this.#messages.maskAll((vector) => this.#guest?.masked?.(vector) ?? false);
    this.#messages.enable(enabled);
    if (!enabled) this.#guest?.forget?.();
    this.#followLine();
  }

  setMask(vector: number, masked: boolean): void {
    if (this.#held.locate()) this.#messages.mask(vector, masked);
  }

  pendingBits(offset: number): number {
    return this.#held.locate() ? this.#messages.pendingBits(offset) : 0;
  }

  setBusMaster(on: boolean): void {
    this.#held.setBusMaster(on);
  }

  /** Waits until the function says that it is reset (BF-RST-01). */
  reset(): void {
    const held = this.#held;
    if (!held.locate()) return;
    this.#out(deviceStatus.offset, 1, 0);
    if (!awaitReset(held, this, () => this.#in(deviceStatus.offset, 1))) return;
    this.#forget();
    this.setMsix(false);
  }

  /** Nothing to do: what the guest chose is in the function. */
  onFound(): void {}

  onLost(): void {
    this.#disconnect();
    this.#guest?.setLine(false);
  }

  /** The line that the guest has follows the function's, in whichever order the two states came. */
  onLoaded(): void {
    this.#followLine();
    if (this.#pending()) this.#onLine();
  }

  release(): void {
    this.#disconnect();
    this.#held.release();
  }

  adopt({ busMaster, line }: GuestRegisters): void {
    this.#line = line;
    this.#held.loadBusMaster(busMaster);
  }

  #shape() {
    return { configBytes: this.configBytes, vectors: this.vectors };
  }

  save() {
    return this.record.save({ shape: this.#shape() });
  }

  check(state: State, path = 'back end') {
    return this.record.parse(state, path, this.#shape());
  }

  load(state: State): void {
    this.check(state);
  }

  resume(): void {
    this.#held.guestLoaded();
  }
}

/** The block in an I/O BAR0. */
export class IoBarBackend extends LegacyBarBackend {
  /** @throws AlreadyPresentedError, and TranslatorError when the function has no I/O BAR0. */
  constructor(bus: Bus, fn: FunctionReference, configBytes: number) {
    super(bus, fn, 'io', configBytes);
  }
}

/** The block in a memory BAR0. */
export class MemoryBarBackend extends LegacyBarBackend {
  /** @throws AlreadyPresentedError, and TranslatorError when the function has no memory BAR0. */
  constructor(bus: Bus, fn: FunctionReference, configBytes: number) {
    super(bus, fn, 'memory', configBytes);
  }
}

/** BAR0 in bytes, as its kind and its place allow to measure it. @throws AlreadyPresentedError, TranslatorError */
function barBytes(bus: Bus, fn: FunctionReference, space: BarSpace): number {
  // While its BAR is measured, the function answers nobody.
  const host = configOf(bus, fn);
  refusePresented(bus, host.address);
  requirePlace(host, LEGACY_BAR, space);
  return host.barBytes(LEGACY_BAR, space);
}

/**
 * The way to a function whose I/O BAR0 has the block. Its size is all that it tells of the configuration: the rest reads all
 * ones in either place.
 * @throws AlreadyPresentedError, and TranslatorError when the function has no I/O BAR0.
 */
export const openIoBar = (bus: Bus, fn: FunctionReference): IoBarBackend =>
  new IoBarBackend(bus, fn, barBytes(bus, fn, 'io') - LEGACY_CONFIG_OFFSET_MSIX);

/** The way to a function whose memory BAR0 has it: a page at least, which does not tell of the configuration. @throws as {@link openIoBar} */
export function openMemoryBar(bus: Bus, fn: FunctionReference, configBytes: number): MemoryBarBackend {
  const room = Math.min(barBytes(bus, fn, 'memory'), MAX_IO_BYTES) - LEGACY_CONFIG_OFFSET_MSIX;
  return new MemoryBarBackend(bus, fn, Math.min(room, configBytes));
}
